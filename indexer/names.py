"""Turn the titles of practices into names that a query may call them by, spelt right or nearly so."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from babel import Locale
from rapidfuzz import process
from rapidfuzz.distance import OSA

from indexer.practice import Practice
from indexer.thesaurus import fold
from indexer.vectors import Scores

_BETWEEN_NAMES = re.compile(r"\s+[-–—]\s+|\s*[/():;„“”\"]\s*")
_WORD = re.compile(r"\w+")

_LONGEST_NAME = 6  # words; a longer title is a sentence, and nobody calls a practice by a sentence
_SHORTEST_MISSPELT = 5  # letters; with fewer, one wrong letter makes another word
_TWO_ERRORS_FROM = 8  # letters from which two may be wrong
_ERROR_COST = 0.1  # of the strength, for each wrong letter
_RARITY_POWER = 3  # a name of common words, such as 'Second Chance Schools', says little about which practice is meant


class NameIndex:
    """The names of practices: whole titles, what stands in brackets or after a dash, and ids.

    `rarity` says of a word how rare it is in the texts, in [0, 1]; `is_known`, whether any text has it.
    """

    def __init__(
        self, practices: Sequence[Practice], rarity: Callable[[str], float], is_known: Callable[[str], bool]
    ) -> None:
        self._size = len(practices)
        self._rarity = rarity
        self._is_known = is_known
        self._rows: dict[tuple[str, ...], set[int]] = defaultdict(set)
        for row, practice in enumerate(practices):
            for name in names(practice):
                self._rows[name].add(row)
        self._strength = {name: max(map(rarity, name)) ** _RARITY_POWER for name in self._rows}
        self._single = sorted(name[0] for name in self._rows if len(name) == 1 and len(name[0]) >= _SHORTEST_MISSPELT)

    def scores(self, query: str) -> Scores:
        """Return how surely each practice (n,) is called by name in a query, in [0, 1]; 0 where it is not."""
        scores = np.zeros(self._size, dtype=np.float32)
        for name, share in self._names_in(_words(query)):
            rows = list(self._rows[name])
            scores[rows] = np.maximum(scores[rows], share * self._strength[name])
        return scores

    def share(self, query: str) -> float:
        """Return which share of a query's words, by rarity, its strongest name makes up, times the name's strength.

        In [0, 1]: 1 for a query that is nothing but a rare name. A name among other words may be there by chance.
        """
        words = _words(query)
        whole = sum(map(self._rarity, words)) or 1.0
        shares = [
            spelt * self._strength[name] * sum(map(self._rarity, name)) / whole for name, spelt in self._names_in(words)
        ]
        return min(1.0, max(shares, default=0.0))

    def _names_in(self, words: Sequence[str]) -> list[tuple[tuple[str, ...], float]]:
        """Return the names in a query, each with the share of its strength that its spelling deserves."""
        found = [
            (name, 1.0)
            for length in range(1, _LONGEST_NAME + 1)
            for start in range(len(words) - length + 1)
            if (name := tuple(words[start : start + length])) in self._rows
        ]
        for word in dict.fromkeys(words):
            if len(word) < _SHORTEST_MISSPELT or (word,) in self._rows or self._is_known(word):
                continue
            near = process.extract(
                word, self._single, scorer=OSA.distance, score_cutoff=_allowed_errors(word), limit=None
            )
            # The name decides too: a longer one that is as near may be meant where a shorter one may not.
            nearest = next(((meant, errors) for meant, errors, _ in near if errors <= _allowed_errors(meant)), None)
            if nearest is not None:
                meant, errors = nearest
                found.append(((meant,), 1 - _ERROR_COST * errors))
        return found


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


def _allowed_errors(word: str) -> int:
    return 1 if len(word) < _TWO_ERRORS_FROM else 2
