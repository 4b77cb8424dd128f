"""Turn texts into a BM25 index of their words, for exact names and terms; bm25s does the scoring."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Self

import bm25s
import bm25s.stopwords as lists
import numpy as np
import numpy.typing as npt
import Stemmer
from babel import Locale

from indexer.thesaurus import fold

_WORD = re.compile(r"\w+")
_GRAM = 4


@cache
def _stemmer(language: str) -> Any:  # noqa: ANN401  PyStemmer has no types
    """Return the Snowball stemmer of a language, None where there is none."""
    name = Locale("en").languages.get(language, "").lower()
    return Stemmer.Stemmer(name) if name in Stemmer.algorithms() else None


_STOP_WORDS = {
    language: frozenset(map(fold, words))
    for language, words in {
        "da": lists.STOPWORDS_DANISH,
        "de": lists.STOPWORDS_GERMAN,
        "en": lists.STOPWORDS_EN_PLUS,
        "es": lists.STOPWORDS_SPANISH,
        "fr": lists.STOPWORDS_FRENCH,
        "it": lists.STOPWORDS_ITALIAN,
        "nl": lists.STOPWORDS_DUTCH,
        "no": lists.STOPWORDS_NORWEGIAN,
        "pt": lists.STOPWORDS_PORTUGUESE,
        "sv": lists.STOPWORDS_SWEDISH,
    }.items()
}
"""Folded stop words; in other languages the weight by idf has to do."""


class LexicalIndex:
    """BM25 (Lucene's variant) over stemmed words without case and accents."""

    def __init__(self, index: Any, language: str) -> None:  # noqa: ANN401  bm25s has no types
        self._index = index
        self._language = language
        self._columns = np.asarray(index.scores["indptr"])
        self._rows = np.asarray(index.scores["indices"])

    @classmethod
    def build(cls, texts: Sequence[str], language: str) -> Self:
        """Return an index of `texts`, which are mostly written in `language`; row numbers are positions in it."""
        index = bm25s.BM25(method="lucene")
        # A text without any word has a term that nobody asks for: bm25s takes no empty corpus.
        terms = [_terms(text, language) or ["\0"] for text in texts]
        vocabulary = {term: column for column, term in enumerate(sorted({one for row in terms for one in row}))}
        rows = [[vocabulary[term] for term in row] for row in terms]
        index.index(bm25s.tokenization.Tokenized(rows, vocabulary), show_progress=False)
        return cls(index, language)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the index that `save` wrote. Raises ValueError when a file is missing or cut off."""
        try:
            index = bm25s.BM25.load(folder, show_progress=False)
            return cls(index, (folder / "language.txt").read_text(encoding="utf-8"))
        except (OSError, EOFError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{folder} is not a lexical index: {error}") from error

    def save(self, folder: Path) -> None:
        """Write the index into a new folder; the same texts give the same bytes."""
        self._index.save(folder, show_progress=False)
        (folder / "language.txt").write_text(self._language, encoding="utf-8")

    @property
    def size(self) -> int:
        """Return the number of rows."""
        return int(self._index.scores["num_docs"])

    @property
    def language(self) -> str:
        """Return the language that most texts are written in."""
        return self._language

    def terms(self, text: str, language: str | None) -> list[str]:
        """Return the terms of a query in `language` without stop words, in order, each as often as it is said."""
        return _terms(text, self._language, _STOP_WORDS.get(language or "", frozenset()))

    def knows(self, term: str) -> bool:
        """Say whether any text has this term."""
        return term in self._index.vocab_dict

    def scores(self, terms: Iterable[str]) -> npt.NDArray[np.float32]:
        """Return the BM25 score of every row (n,) for the terms that are known; 0 where none of them is in the text."""
        known = [term for term in terms if self.knows(term)]
        if not known:
            return np.zeros(self.size, dtype=np.float32)
        return np.asarray(self._index.get_scores(known), dtype=np.float32)

    def coverage(self, terms: Iterable[str], row: int) -> float:
        """Return the share of the terms that a row has, weighted by rarity, in [0, 1]; 0 where there are none."""
        weights = {term: self.rarity(term) for term in terms}
        found = sum(weight for term, weight in weights.items() if row in self._rows_with(term))
        return found / sum(weights.values()) if weights else 0.0

    def rarity(self, term: str) -> float:
        """Return the idf of a term over the largest idf there can be, in (0, 1]; 1 for a term of one text or none."""
        rows = max(1, len(self._rows_with(term)))
        return float(np.log1p((self.size - rows + 0.5) / (rows + 0.5)) / np.log1p((self.size - 0.5) / 1.5))

    def word_rarity(self, word: str) -> float:
        """Return the rarity of a word of a text as it stands there; 0 for a stop word."""
        return max(map(self.rarity, self.terms(word, self._language)), default=0.0)

    def knows_word(self, word: str) -> bool:
        """Say whether any text has this word, as far as its terms tell; a stop word counts as known."""
        return all(map(self.knows, self.terms(word, self._language)))

    def _rows_with(self, term: str) -> npt.NDArray[np.int32]:
        if not self.knows(term):
            return self._rows[:0]
        column = self._index.vocab_dict[term]
        rows: npt.NDArray[np.int32] = self._rows[self._columns[column] : self._columns[column + 1]]
        return rows


def _terms(text: str, language: str, more_stop_words: frozenset[str] = frozenset()) -> list[str]:
    stop_words = _STOP_WORDS.get(language, frozenset()) | more_stop_words
    words = [word for word in _WORD.findall(fold(text)) if word not in stop_words]
    stemmer = _stemmer(language)
    if stemmer is None:
        return [gram for word in words for gram in _grams(word)]
    stems: list[str] = stemmer.stemWords(words)
    return stems


def _grams(word: str) -> list[str]:
    """Return the runs of `_GRAM` characters of a word between two marks, the word itself where it is shorter.

    They stand for stems where there is no stemmer (McNamee and Mayfield, 2004: 4 is best in most European languages).
    """
    marked = f"_{word}_"
    return [marked[start : start + _GRAM] for start in range(max(1, len(marked) - _GRAM + 1))]
