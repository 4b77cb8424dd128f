"""Turn the words of a question into English glosses, by an editable list of terms in many languages."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

Thesaurus = Mapping[str, Mapping[str, Sequence[str]]]
"""Gloss -> language code -> patterns; `*` at the end of a word stands for any ending."""

_TABLES: TypeAdapter[dict[str, dict[str, list[str]]]] = TypeAdapter(dict[str, dict[str, list[str]]])


class ThesaurusError(ValueError):
    """The thesaurus file is not of the form `["gloss"]` with `language = ["pattern", ...]`."""


def read_thesaurus(path: Path) -> Thesaurus:
    """Return the thesaurus of a `thesaurus.toml`; empty when there is no such file. Raises ThesaurusError."""
    if not path.is_file():
        return {}
    try:
        return _TABLES.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ThesaurusError(f"{path} is not a thesaurus: {error}") from error


def fold(text: str) -> str:
    """Return text without case and accents, so that 'Élève' and 'eleve' are one."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


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
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b")
