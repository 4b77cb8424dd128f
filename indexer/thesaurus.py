"""Turn the words of a question into English glosses, by an editable list of terms in many languages."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

Thesaurus = Mapping[str, Mapping[str, Sequence[str]]]
"""Gloss -> language code -> patterns; `*` at the end of a word stands for any ending."""

_Pattern = Annotated[str, StringConstraints(pattern=r"^\w")]
_Tables = dict[str, dict[str, Annotated[list[_Pattern], Field(min_length=1)]]]
_TABLES: TypeAdapter[_Tables] = TypeAdapter(_Tables)

_UNDECOMPOSED = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "æ": "ae", "œ": "oe", "ı": "i", "’": "'"})
"""What people type without the accent although Unicode does not see one in it; and the two apostrophes as one."""


class ThesaurusError(ValueError):
    """The thesaurus file is not of the form `["gloss"]` with `language = ["pattern", ...]`."""


def read_thesaurus(path: Path) -> Thesaurus:
    """Return the thesaurus of a `thesaurus.toml`; empty when there is no such file. Raises ThesaurusError."""
    if not path.is_file():
        return {}
    try:
        return _TABLES.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise ThesaurusError(f"{path} is not a thesaurus: {error}") from error


def fold(text: str) -> str:
    """Return text without case and accents, so that 'Élève' and 'eleve' are one."""
    if text.isascii():
        return text.lower()  # as below, in a hundredth of the time
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(one for one in decomposed if not unicodedata.combining(one)).translate(_UNDECOMPOSED)


def glosses(text: str, language: str | None, thesaurus: Thesaurus) -> list[str]:
    """Return the glosses of the concepts that `text` names in `language`, in the order of the thesaurus."""
    if language is None:
        return []
    folded = fold(text)
    return [
        gloss
        for gloss, patterns in thesaurus.items()
        if language in patterns and _compiled(tuple(patterns[language])).search(folded)
    ]


@cache
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    phrases = (re.escape(fold(pattern)).replace(r"\*", r"\w*").replace(r"\ ", r"\s+") for pattern in patterns)
    return re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)")
