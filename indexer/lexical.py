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
        """Return the index that `save` wrote. Raises ValueError when the files do not belong together."""
        try:
            index = bm25s.BM25.load(folder, show_progress=False)
            return cls(index, (folder / "language.txt").read_text(encoding="utf-8"))
        except (OSError, KeyError, TypeError) as error:
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
        """Return the terms of a query in `language` without stop words, in order, each once."""
        stop_words = _STOP_WORDS.get(language or "", frozenset())
        return list(dict.fromkeys(_terms(text, self._language, stop_words)))

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
        """Return the share of the terms that row has, weighted by idf, in [0, 1].

        A term that no text has weighs as much as the rarest one.
        """
        found = total = 0.0
        for term in terms:
            rows = self._rows_with(term)
            weight = float(np.log1p((self.size - len(rows) + 0.5) / (len(rows) + 0.5)))
            total += weight
            found += weight * bool(np.isin(row, rows))
        return found / total if total else 0.0

    def _rows_with(self, term: str) -> npt.NDArray[np.int32]:
        if not self.knows(term):
            return np.empty(0, dtype=np.int32)
        column = self._index.vocab_dict[term]
        rows: npt.NDArray[np.int32] = self._rows[self._columns[column] : self._columns[column + 1]]
        return rows


def _terms(text: str, language: str, more_stop_words: frozenset[str] = frozenset()) -> list[str]:
    stop_words = _STOP_WORDS.get(language, frozenset()) | more_stop_words
    words = [word for word in _WORD.findall(fold(text)) if word not in stop_words]
    stemmer = _stemmer(language)
    stems: list[str] = words if stemmer is None else stemmer.stemWords(words)
    return stems
