"""Turn the titles of practices into names that a query may call them by, spelt right or nearly so."""

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
from babel import Locale
from rapidfuzz import process
from rapidfuzz.distance import OSA

from indexer.columns import read_column, write_column
from indexer.key_table import KeyTable, key_hashes
from indexer.practice import Practice
from indexer.thesaurus import fold
from indexer.vectors import Rows, Scores

_BETWEEN_NAMES = re.compile(r"\s+[-–—]\s+|\s*[/():;„“”\"]\s*")
_WORD = re.compile(r"\w+")

_LONGEST_NAME = 6  # words; a longer title is a sentence, and nobody calls a practice by a sentence
_SHORTEST_MISSPELT = 5  # letters; with fewer, one wrong letter makes another word
_TWO_ERRORS_FROM = 8  # letters from which two may be wrong
_ERROR_COST = 0.1  # of the strength, for each wrong letter
_RARITY_POWER = 3  # a name of common words, such as 'Second Chance Schools', says little about which practice is meant

_NAMES = "names"
_COLUMNS = ("bounds", "rows", "strengths")
_SINGLE_FILE = "single.txt"


class Words(Protocol):
    """What is known of the words of all texts."""

    def word_rarity(self, word: str) -> float:
        """Return how rare a word is, in [0, 1]."""
        ...

    def knows_word(self, word: str) -> bool:
        """Say whether any text has a word."""
        ...


@dataclass(frozen=True, slots=True)
class NameColumns:
    """Who is called by which name; see `NameIndex`."""

    bounds: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int32]
    strengths: npt.NDArray[np.float32]

    def called(self, name: int) -> npt.NDArray[np.int32]:
        """Return the practices that are called by a name."""
        return self.rows[self.bounds[name] : self.bounds[name + 1]]


@dataclass(frozen=True, slots=True)
class Called:
    """The practices (k,) that a query calls by name, in order, and how surely each is called, in (0, 1].

    `share` says which share of the query's words, by rarity, its strongest name makes up, times the name's strength: 1
    for a query that is nothing but a rare name. A name among other words may be there by chance.
    """

    rows: Rows
    scores: Scores
    share: float


NOBODY = Called(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32), 0.0)
"""What a query calls that has no name in it."""


class NameIndex:
    """The names of practices: whole titles, what stands in brackets or after a dash, and ids.

    Practices that are called by name n are `rows[bounds[n] : bounds[n + 1]]`, and how much that says is `strengths[n]`,
    in (0, 1]. `single` are the names of one long word, in order: those that may be misspelt. `words` says of a word how
    rare it is in the texts and whether any has it.
    """

    def __init__(self, names: KeyTable, columns: NameColumns, single: Sequence[str], words: Words) -> None:
        self._names = names
        self._columns = columns
        self._single = single
        self._letters = _letters(single)
        self._lengths = np.array([*map(len, single)], dtype=np.int64)
        self._words = words

    @classmethod
    def build(cls, practices: Sequence[Practice], words: Words) -> Self:
        """Return the names of some practices; row numbers are positions among them."""
        rows, hashes, strengths, single = array("i"), array("Q"), array("f"), set[str]()
        rarity = cache(words.word_rarity)
        for row, practice in enumerate(practices):
            found = sorted(names(practice))
            rows.extend([row] * len(found))
            hashes.extend(map(int, key_hashes(map(_key, found))))
            strengths.extend(max(map(rarity, name)) ** _RARITY_POWER for name in found)
            single.update(name[0] for name in found if len(name) == 1 and len(name[0]) >= _SHORTEST_MISSPELT)
        distinct, first, number = np.unique(np.frombuffer(hashes, np.uint64), return_index=True, return_inverse=True)
        order = np.argsort(number, kind="stable")
        bounds = np.searchsorted(number[order], np.arange(len(distinct) + 1))
        columns = NameColumns(
            bounds=bounds.astype(np.int64),
            rows=np.frombuffer(rows, np.int32)[order],
            strengths=np.frombuffer(strengths, np.float32)[first],
        )
        return cls(KeyTable.build(distinct), columns, sorted(single), words)

    @classmethod
    def load(cls, folder: Path, words: Words) -> Self:
        """Return the names that `save` wrote. Raises OSError or ValueError when a file is missing or damaged."""
        columns = NameColumns(**{name: read_column(folder / f"{name}.npy") for name in _COLUMNS})
        single = (folder / _SINGLE_FILE).read_text(encoding="utf-8").split()
        return cls(KeyTable.load(folder / _NAMES), columns, single, words)

    def save(self, folder: Path) -> None:
        """Write the names into a new folder; the same practices give the same bytes."""
        folder.mkdir()
        self._names.save(folder / _NAMES)
        for name in _COLUMNS:
            write_column(folder / f"{name}.npy", getattr(self._columns, name))
        (folder / _SINGLE_FILE).write_text("\n".join(self._single), encoding="utf-8")

    def called(self, query: str) -> Called:
        """Return which practices a query calls by name."""
        words = _words(query)
        found = [name for name in self._names_in(words) if self._strength(name) > 0]
        if not found:
            return NOBODY
        called = [self._columns.called(name.number) for name in found]
        sure = np.repeat([name.spelt * self._strength(name) for name in found], [len(rows) for rows in called])
        rows, place = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *called]), return_inverse=True)
        scores = np.zeros(len(rows), dtype=np.float32)
        np.maximum.at(scores, place, sure.astype(np.float32))
        rarity = self._words.word_rarity
        whole = sum(map(rarity, words)) or 1.0
        share = max(name.spelt * self._strength(name) * sum(map(rarity, name.words)) / whole for name in found)
        return Called(rows, scores, min(1.0, share))

    def _strength(self, name: "_Found") -> float:
        return float(self._columns.strengths[name.number])

    def _names_in(self, words: Sequence[str]) -> list["_Found"]:
        """Return the names in a query, the shortest first, then those that are misspelt."""
        runs = [
            tuple(words[start : start + length])
            for length in range(1, _LONGEST_NAME + 1)
            for start in range(len(words) - length + 1)
        ]
        numbers = self._names.numbers([_key(run) for run in runs])
        found = [_Found(runs[at], int(numbers[at]), 1.0) for at in np.flatnonzero(numbers >= 0)]
        exact = {name.words for name in found}
        unknown = [
            word
            for word in dict.fromkeys(words)
            if len(word) >= _SHORTEST_MISSPELT and (word,) not in exact and not self._words.knows_word(word)
        ]
        for word, letters in zip(unknown, _letters(unknown), strict=True):
            alike = self._alike(word, letters)
            near = process.extract(word, alike, scorer=OSA.distance, score_cutoff=_allowed_errors(word), limit=None)
            # The name decides too: a longer one that is as near may be meant where a shorter one may not.
            nearest = next(((meant, errors) for meant, errors, _ in near if errors <= _allowed_errors(meant)), None)
            if nearest is not None:
                meant, errors = nearest
                found.append(_Found((meant,), int(self._names.numbers([meant])[0]), 1 - _ERROR_COST * errors))
        return found

    def _alike(self, word: str, letters: np.uint64) -> list[str]:
        """Return the names of one word, in order, that `word` may be by its length and its letters: few of them all.

        An error is a letter more or less, another one, or two that are turned: it changes two letters at most.
        """
        errors = _allowed_errors(word)
        is_alike = np.bitwise_count(self._letters ^ letters) <= 2 * errors
        is_alike &= np.abs(self._lengths - len(word)) <= errors
        return [self._single[place] for place in np.flatnonzero(is_alike).tolist()]


@dataclass(frozen=True, slots=True)
class _Found:
    """A name in a query: its words, its number, and the share of its strength that its spelling deserves."""

    words: tuple[str, ...]
    number: int
    spelt: float


def names(practice: Practice) -> set[tuple[str, ...]]:
    """Return the names of a practice as folded words.

    Left out are names that are too long or of a single letter, and the place where it is: 'Hamburg' calls nobody.
    """
    titles = (practice.title, practice.original_title or "", practice.id.replace("-", " "))
    pieces = {_words(piece) for title in titles for piece in (title, *_BETWEEN_NAMES.split(title))}
    country = Locale("en").territories.get(practice.country or "", "")
    places = {_words(practice.region or ""), _words(country)}
    return {one for one in pieces - places if 0 < len(one) <= _LONGEST_NAME and one != (one[0][:1],)}


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(fold(text)))


def _letters(words: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Return which letters (n,) each of some words has, none of which is empty: a bit for all of one code modulo 64."""
    if not words:
        return np.empty(0, dtype=np.uint64)
    codes = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    firsts = np.cumsum([0, *map(len, words[:-1])])
    return np.bitwise_or.reduceat(np.uint64(1) << (codes & np.uint64(63)), firsts)


def _key(name: Sequence[str]) -> str:
    return " ".join(name)


def _allowed_errors(word: str) -> int:
    return 1 if len(word) < _TWO_ERRORS_FROM else 2
