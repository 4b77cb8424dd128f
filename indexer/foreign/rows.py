"""What a foreign file is turned into: rows of text, where each stands, and every doubt about them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

WHOLE_FILE = "whole file"
"""The place of what is about no row in particular."""

_SHOWN = 200  # characters of a foreign text in a doubt or an error
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_DAMAGED = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffd]")


@dataclass(frozen=True, slots=True)
class ForeignRow:
    """One record. `place` is for people; `values` has no empty text, and none with white space at its ends."""

    place: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something to check. `meaning` says in a plain sentence what was done about what was `found`."""

    place: str
    found: str
    meaning: str


@dataclass(frozen=True, slots=True)
class ForeignTable:
    """The rows of a file in its order. `form` says for people what kind of file it is; `columns` are all different."""

    path: Path
    form: str
    columns: tuple[str, ...]
    rows: tuple[ForeignRow, ...]
    doubts: tuple[Doubt, ...]


class ForeignFileError(ValueError):
    """A file that cannot be read as a catalogue; the message says why, and what to do."""


def row_of(place: str, pairs: Iterable[tuple[str, str]]) -> ForeignRow:
    """Return a row of columns and texts; half of a character becomes U+FFFD, so that any file can hold the text."""
    texts = ((column, _LONE_SURROGATE.sub("\ufffd", text).strip()) for column, text in pairs)
    return ForeignRow(place, MappingProxyType({column: text for column, text in texts if text}))


def distinct_names(names: Iterable[str], place: str) -> tuple[tuple[str, ...], tuple[Doubt, ...]]:
    """Return a name for each column: repeated ones are numbered, empty ones say where they stand; both are doubts."""
    wanted = [" ".join(name.split()) for name in names]
    reserved = {name for name in wanted if name}
    counts: dict[str, int] = {}
    given, doubts = [], []
    for number, name in enumerate(wanted, start=1):
        base = name or f"column {number}"
        distinct = base
        if base in counts or (not name and base in reserved):
            count = counts.get(base, 1) + 1
            while (distinct := f"{base} ({count})") in reserved:
                count += 1
            counts[base] = count
            reserved.add(distinct)
        else:
            counts[base] = 1
        given.append(distinct)
        if distinct != name:
            found = f"two columns are called '{shown(name)}'" if name else f"column {number} has no name"
            doubts.append(Doubt(place, found, f"It is called '{shown(distinct)}' here; check what it holds."))
    return tuple(given), tuple(doubts)


def damaged_rows(rows: Iterable[ForeignRow]) -> tuple[Doubt, ...]:
    """Return a doubt for each row with characters that got lost before: U+FFFD and control characters."""
    doubts = []
    for row in rows:
        columns = [column for column, text in row.values.items() if _DAMAGED.search(text)]
        if columns:
            found = f"unreadable characters in {', '.join(repr(shown(column)) for column in columns)}"
            doubts.append(Doubt(row.place, found, "They were left as they are; type the right letters there."))
    return tuple(doubts)


def shown(text: str, length: int = _SHOWN) -> str:
    """Return a text in one line, cut with a mark where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"
