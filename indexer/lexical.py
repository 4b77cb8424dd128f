"""Turn texts into a BM25 index of their words, for exact names and terms; bm25s does the scoring."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import Stemmer
from babel import Locale

from indexer.columns import Rows, read_column, write_column
from indexer.key_table import KeyTable, key_hashes
from indexer.thesaurus import fold
from indexer.vectors import Scores

_WORD = re.compile(r"\w+")
_GRAM = 4
_WORDS_KEPT = 10_000

_ABOUT_FILE = "about.json"
_TERMS = "terms"
_COLUMNS = ("bounds", "rows", "scores")


@cache
def _stemmer(language: str) -> Any:  # noqa: ANN401  PyStemmer has no types
    """Return the Snowball stemmer of a language, None where there is none."""
    name = Locale("en").languages.get(language, "").lower()
    return Stemmer.Stemmer(name) if name in Stemmer.algorithms() else None


StopWords = Mapping[str, frozenset[str]]
"""Language -> folded words that say nothing; in a language without a list the weight by idf has to do."""


@dataclass(frozen=True, slots=True)
class Postings:
    """Which text has which term, and the BM25 score of the term in it.

    The texts with term t are `rows[bounds[t] : bounds[t + 1]]`, each once and in order; `scores` has their scores.
    """

    bounds: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]

    def of(self, term: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Return the texts that have a term, and its score in each."""
        span = slice(int(self.bounds[term]), int(self.bounds[term + 1]))
        return self.rows[span], self.scores[span]


class LexicalIndex:
    """BM25 (Lucene's variant) over stemmed words without case and accents, in `size` texts.

    The scores are made by bm25s once, at build time; a search only adds them up, from memory-mapped files.
    """

    def __init__(self, size: int, language: str, stop_words: StopWords, terms: KeyTable, postings: Postings) -> None:
        self._size = size
        self._language = language
        self._stop_words = stop_words
        self._terms = terms
        self._postings = postings
        # A question is asked for the rarity of its words several times: as words, and as what names are made of.
        self.word_rarity = lru_cache(_WORDS_KEPT)(self._word_rarity)
        self.knows_word = lru_cache(_WORDS_KEPT)(self._knows_word)

    @classmethod
    def build(cls, texts: Iterable[str], language: str) -> Self:
        """Return an index of `texts`, which are mostly written in `language`; row numbers are positions in it."""
        import bm25s  # noqa: PLC0415  only a build needs it, and it brings scipy along

        stop_words = _stop_words()
        number_of: dict[str, int] = {}
        # A text without any word has a term that nobody asks for: bm25s takes no empty corpus.
        rows = [
            [number_of.setdefault(term, len(number_of)) for term in _terms(text, language, stop_words) or ["\0"]]
            for text in texts
        ]
        index = bm25s.BM25(method="lucene")
        index.index(bm25s.tokenization.Tokenized(rows, number_of), show_progress=False, create_empty_token=False)
        bounds, found, scores = (np.asarray(index.scores[name]) for name in ("indptr", "indices", "data"))
        postings = Postings(bounds.astype(np.int64), found.astype(np.int32), scores.astype(np.float32))
        return cls(len(rows), language, stop_words, KeyTable.build(key_hashes(number_of)), postings)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the index that `save` wrote. Raises ValueError when a file is missing or cut off."""
        try:
            about = json.loads((folder / _ABOUT_FILE).read_text(encoding="utf-8"))
            columns = {name: read_column(folder / f"{name}.npy") for name in _COLUMNS}
            stop_words = {language: frozenset(words) for language, words in about["stop_words"].items()}
            terms = KeyTable.load(folder / _TERMS)
            return cls(int(about["size"]), about["language"], stop_words, terms, Postings(**columns))
        except (OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"{folder} is not a lexical index: {error}") from error

    def save(self, folder: Path) -> None:
        """Write the index into a new folder; the same texts give the same bytes."""
        folder.mkdir()
        self._terms.save(folder / _TERMS)
        for name in _COLUMNS:
            write_column(folder / f"{name}.npy", getattr(self._postings, name))
        stop_words = {language: sorted(words) for language, words in self._stop_words.items()}
        about = {"size": self._size, "language": self._language, "stop_words": stop_words}
        (folder / _ABOUT_FILE).write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")

    @property
    def size(self) -> int:
        """Return the number of rows."""
        return self._size

    @property
    def language(self) -> str:
        """Return the language that most texts are written in."""
        return self._language

    def terms(self, text: str, language: str | None) -> list[str]:
        """Return the terms of a query in `language` without stop words, in order, each as often as it is said."""
        return _terms(text, self._language, self._stop_words, language)

    def knows(self, term: str) -> bool:
        """Say whether any text has this term."""
        return self._terms.number(term) is not None

    def scores(self, terms: Sequence[str]) -> Scores:
        """Return the BM25 score of every row (n,) for the terms that are known; 0 where none of them is in the text."""
        scores = np.zeros(self._size, dtype=np.float32)
        for term, times in Counter(self._terms.numbers(terms).tolist()).items():
            if term >= 0:
                rows, added = self._postings.of(term)
                scores[rows] += times * added  # a row stands once in a posting, so that none is lost
        return scores

    def coverage(self, terms: Iterable[str], row: int) -> float:
        """Return the share of the terms that a row has, weighted by rarity, in [0, 1]; 0 where there are none."""
        numbers = self._terms.numbers(list(dict.fromkeys(terms)))
        weights = self._rarities(numbers)
        has_row = [number >= 0 and _holds(self._postings.of(int(number))[0], row) for number in numbers]
        return float(weights[has_row].sum() / weights.sum()) if len(numbers) else 0.0

    def rarity(self, term: str) -> float:
        """Return the idf of a term over the largest idf there can be, in (0, 1]; 1 for a term of one text or none."""
        return float(self._rarities(self._terms.numbers([term]))[0])

    def _word_rarity(self, word: str) -> float:
        """Return the rarity of a word of a text as it stands there; 0 for a stop word."""
        return float(self._rarities(self._terms.numbers(self.terms(word, self._language))).max(initial=0.0))

    def _knows_word(self, word: str) -> bool:
        """Say whether any text has this word, as far as its terms tell; a stop word counts as known."""
        return bool((self._terms.numbers(self.terms(word, self._language)) >= 0).all())

    def _rarities(self, numbers: Rows) -> npt.NDArray[np.float64]:
        """Return the rarity of terms by their numbers (k,), -1 for one that no text has."""
        bounds = self._postings.bounds
        rows = np.maximum(1, np.where(numbers >= 0, bounds[numbers + 1] - bounds[numbers], 0))
        rarest = np.log1p((self.size - 0.5) / 1.5)
        return np.asarray(np.log1p((self.size - rows + 0.5) / (rows + 0.5)) / rarest, dtype=np.float64)


def _holds(rows: npt.NDArray[np.int32], row: int) -> bool:
    """Say whether a row is among `rows`, which are in order."""
    at = int(np.searchsorted(rows, row))
    return at < len(rows) and int(rows[at]) == row


def _terms(text: str, language: str, stop_words: StopWords, asked_in: str | None = None) -> list[str]:
    none = frozenset[str]()
    own, asked = stop_words.get(language, none), stop_words.get(asked_in or "", none)
    words = [word for word in _WORD.findall(fold(text)) if word not in own and word not in asked]
    stemmer = _stemmer(language)
    if stemmer is None:
        return [gram for word in words for gram in _grams(word)]
    stems: list[str] = stemmer.stemWords(words)
    return stems


def _stop_words() -> StopWords:
    import bm25s.stopwords as lists  # noqa: PLC0415  only a build needs it

    words = {
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
    }
    return {language: frozenset(map(fold, some)) for language, some in words.items()}


def _grams(word: str) -> list[str]:
    """Return the runs of `_GRAM` characters of a word between two marks, the word itself where it is shorter.

    They stand for stems where there is no stemmer (McNamee and Mayfield, 2004: 4 is best in most European languages).
    """
    marked = f"_{word}_"
    return [marked[start : start + _GRAM] for start in range(max(1, len(marked) - _GRAM + 1))]
