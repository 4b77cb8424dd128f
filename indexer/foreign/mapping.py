"""Guess which column of a foreign table is which field of a practice, and keep in a file what people made of it."""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from statistics import median
from typing import Any

import tomli_w
from rapidfuzz import fuzz

from indexer.foreign import values
from indexer.foreign.rows import ForeignFileError, ForeignTable, shown
from indexer.practice import Practice
from indexer.thesaurus import fold

NOTE, LEFT_OUT = "note", ""
"""A column that becomes no field of its own is kept as text in the note, or left out where the mapping says so."""

MANY = frozenset(
    {
        *("summary", "description", "period", "organisation", "funding", "region", NOTE, "languages", "target_groups"),
        *("approaches", "measure_types", "levels", "results", "sources", "listed_in", "target_group_note"),
        *("level_note", "evidence_note"),
    }
)
"""Fields that several columns may become together; of any other one only the likeliest column."""

FIELDS = tuple(field for field in Practice.model_fields if field != "succeeded_by")
"""The fields that a column can become; that a practice of this id succeeds one is not known before all are read."""

_COLUMNS_FILE = "columns.toml"
_NEARLY = 88  # of 100, the likeness of names from which one is a misspelling of the other
_LOOKED_AT = 500  # values of a column
_MOST = 0.8  # of the values have to be understood where only they say what a column is
_SOME = 0.3  # of them where its name says it too
_LONG_TEXT, _TITLE_FROM, _TITLE_TO = 120, 8, 150  # characters, by the median
_UNIQUE = 0.9

_READERS: Mapping[str, Callable[[str], object]] = {
    **values.READERS,
    "languages": values.language,
    "sources": values.urls,
}
"""What shows by its values whether a column can be a field."""


@dataclass(frozen=True, slots=True)
class ColumnGuess:
    """What a column probably is, and why; `field` is NOTE where nobody knows."""

    column: str
    field: str
    why: str
    example: str


def guess_mapping(table: ForeignTable) -> tuple[ColumnGuess, ...]:
    """Return a guess for each column in order: by its name in many languages where its values agree, else by them."""
    values_of = _values(table)
    found = {column: _by_name(column, values_of[column]) for column in table.columns}
    taken = {field for field, _ in found.values() if field}
    for column, (field, _) in found.items():
        if not field:
            found[column] = _by_values(values_of[column], taken)
            taken.add(found[column][0])
    return tuple(_once_each(values_of, found))


def _once_each(values_of: Mapping[str, Sequence[str]], found: Mapping[str, tuple[str, str]]) -> Iterator[ColumnGuess]:
    """Yield the guesses; where two columns are one field that takes only one, the first keeps it."""
    taken: set[str] = set()
    for column, (field, why) in found.items():
        example = shown(next(iter(values_of[column]), ""), 60)
        if field in taken and field not in MANY:
            yield ColumnGuess(column, NOTE, f"another column is '{field}' already", example)
        else:
            yield ColumnGuess(column, field or NOTE, why, example)
        taken.add(field)


def _values(table: ForeignTable) -> Mapping[str, Sequence[str]]:
    """Return the first values of each column."""
    found: dict[str, list[str]] = {column: [] for column in table.columns}
    for row in table.rows:
        for column, text in row.values.items():
            if len(found[column]) < _LOOKED_AT:
                found[column].append(text)
    return found


def _by_name(column: str, some: Sequence[str]) -> tuple[str, str]:
    name = _key(column)
    exact = [field for field, names in _known_names().items() if name in names]
    near = [
        (score, field)
        for field, names in _known_names().items()
        if (score := max(fuzz.ratio(name, known) for known in names)) >= _NEARLY
    ]
    inside = [
        (len(known), field)
        for field, names in _known_names().items()
        for known in names
        if len(known) > len("nr") and f" {known} " in f" {name} "
    ]
    for field, why in (
        *((field, "its name") for field in exact),
        *((field, "its name, nearly") for _, field in sorted(near, reverse=True)),
        *((field, "a part of its name") for _, field in sorted(inside, reverse=True)),
    ):
        if not some or field not in _READERS or _understood(field, some) >= _SOME:
            return field, why
    return "", ""


def _by_values(some: Sequence[str], taken: set[str]) -> tuple[str, str]:
    if not some:
        return NOTE, "it is empty"
    for field in ("sources", "country", "language"):
        if field not in taken and _understood(field, some) >= _MOST:
            return field, "its values"
    length = median(map(len, some))
    is_unique = len(set(some)) >= _UNIQUE * len(some)
    if length >= _LONG_TEXT and "description" not in taken:
        return "description", "its texts are long"
    if "title" not in taken and is_unique and _TITLE_FROM <= length <= _TITLE_TO and any(" " in one for one in some):
        return "title", "its texts are short and differ"
    return NOTE, "not known; kept as text"


def _understood(field: str, some: Sequence[str]) -> float:
    """Return the share of values that a field can be read from."""
    reader, count = _READERS[field], 0
    for one in some:
        try:
            reader(values.parts(one)[0] if field == "languages" else one)
        except values.NotUnderstoodError:
            continue
        count += 1
    return count / len(some)


@cache
def _known_names() -> Mapping[str, frozenset[str]]:
    content = resources.files("indexer.foreign").joinpath(_COLUMNS_FILE).read_text(encoding="utf-8")
    names = tomllib.loads(content)
    return {field: frozenset(map(_key, (field, *names.get(field, ())))) for field in FIELDS}


def _key(name: str) -> str:
    return " ".join("".join(one if one.isalnum() else " " for one in fold(name)).split())


def write_mapping(path: Path, mapping: Mapping[str, str]) -> None:
    """Write a mapping, column -> field, as a TOML file for people to change."""
    head = (
        "# Which column becomes which field of a practice. Change what is wrong and import again.\n"
        f"# Fields: {', '.join(FIELDS)}.\n"
        f'# "{NOTE}" keeps a column as text in the note, "" leaves it out.\n\n'
    )
    path.write_text(head + tomli_w.dumps({"columns": dict(mapping)}), encoding="utf-8")


def read_mapping(path: Path, guessed: Mapping[str, str]) -> dict[str, str]:
    """Return the mapping of a file that `write_mapping` wrote and people changed, for a table with the guessed columns.

    A column that the file does not have, as the table is newer, is what was guessed; one that only the file has is left
    out. Raises ForeignFileError where the file is not TOML or names a field that there is not.
    """
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        kept = dict(content["columns"])
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ForeignFileError(f"{path} is not a mapping ({error}); remove it, and a new one is guessed") from error
    mapping = {column: kept.get(column, field) for column, field in guessed.items()}
    faults = [
        f"column '{column}' is mapped to {field!r}, expected one of: {', '.join(FIELDS)}, or \"\""
        for column, field in mapping.items()
        if field != LEFT_OUT and field not in FIELDS
    ]
    for field in FIELDS:
        columns = [column for column, one in mapping.items() if one == field]
        if len(columns) > 1 and field not in MANY:
            faults.append(f"columns {', '.join(map(repr, columns))} are all mapped to '{field}', expected one")
    if faults:
        raise ForeignFileError(f"{path}: {'; '.join(faults)}; correct it, or remove it, and a new one is guessed")
    return mapping
