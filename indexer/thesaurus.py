"""Turn the words of a question into English glosses, by an editable list of terms in many languages."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from itertools import filterfalse
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, TypeAdapter

Thesaurus = Mapping[str, Mapping[str, Sequence[str]]]
"""Gloss -> language code -> patterns; `*` at the end of a word stands for any ending."""

_Pattern = Annotated[str, StringConstraints(pattern=r"^\w")]
_Tables = dict[str, dict[str, Annotated[list[_Pattern], Field(min_length=1)]]]
_TABLES: TypeAdapter[_Tables] = TypeAdapter(_Tables)

_WORD = re.compile(r"\w+")
_BEGINNING = 3  # letters by which most patterns are ruled out

_UNDECOMPOSED = {"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "æ": "ae", "œ": "oe", "ı": "i", "’": "'"}
"""What people type without the accent although Unicode does not see one in it; and the two apostrophes as one."""


class ThesaurusError(ValueError):
    """The thesaurus file is not of the form `["gloss"]` with `language = ["pattern", ...]`."""


def read_thesaurus(path: Path) -> Thesaurus:
    """Return the thesaurus of a `thesaurus.toml`; empty when there is no such file. Raises ThesaurusError."""
    if not path.is_file():
        return {}
    try:
        return _TABLES.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise ThesaurusError(f"{path} is not a thesaurus: {error}") from error


def fold(text: str) -> str:
    """Return text without case and accents, so that 'Élève' and 'eleve' are one."""
    if text.isascii():
        return text.lower()  # as below, in a hundredth of the time
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    folded = "".join(filterfalse(unicodedata.combining, decomposed))
    for one, other in _UNDECOMPOSED.items():
        folded = folded.replace(one, other)
    return folded


def glosses(text: str, language: str | None, thesaurus: Thesaurus) -> list[str]:
    """Return the glosses of the concepts that `text` names in `language`, in the order of the thesaurus."""
    if language is None:
        return []
    folded = fold(text)
    beginnings = {word[:length] for word in _WORD.findall(folded) for length in range(1, _BEGINNING + 1)}
    finders = (
        (gloss, _finder(tuple(patterns[language]))) for gloss, patterns in thesaurus.items() if language in patterns
    )
    return [gloss for gloss, finder in finders if finder.finds(folded, beginnings)]


@dataclass(frozen=True, slots=True)
class _Finder:
    """Patterns as one expression, and what the words that they begin with begin with: most are ruled out by that."""

    expression: re.Pattern[str]
    beginnings: frozenset[str]

    def finds(self, folded: str, beginnings: Set[str]) -> bool:
        """Say whether a folded text, whose words have these beginnings of every length, has one of the patterns."""
        return not self.beginnings.isdisjoint(beginnings) and self.expression.search(folded) is not None


@cache
def _finder(patterns: tuple[str, ...]) -> _Finder:
    folded = [fold(pattern) for pattern in patterns]
    phrases = (re.escape(pattern).replace(r"\*", r"\w*").replace(r"\ ", r"\s+") for pattern in folded)
    beginnings = frozenset(first[0][:_BEGINNING] for first in map(_WORD.findall, folded))
    return _Finder(re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)"), beginnings)
