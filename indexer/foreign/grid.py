"""Turn rows of cells, as a CSV file or a sheet has them, into columns with names, rows of text, and doubts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median_high

from indexer.foreign.rows import Doubt, ForeignRow, distinct_names, row_of, shown

_LOOKED_AT = 1_000
"""Rows by which the width of a table is judged."""

_UNNAMED = "It has texts, so it was given this as a name; check what it holds."


@dataclass(frozen=True, slots=True)
class Cells:
    """One row of cells, and where it stands."""

    place: str
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Grid:
    """The parts of a table: the names of its columns, its rows, its doubts."""

    columns: tuple[str, ...]
    rows: tuple[ForeignRow, ...]
    doubts: tuple[Doubt, ...]


def read_grid(grid: Sequence[Cells]) -> Grid:
    """Return a table whose names stand in the first row that is about as wide as the others.

    Rows above it are a doubt each, as is a row with more or fewer cells than there are names. Rows without any text
    are passed over. A grid without any text has no columns.
    """
    filled = [cells for cells in grid if any(text.strip() for text in cells.texts)]
    if not filled:
        return Grid((), (), ())
    at = _header_row(filled)
    header, body = filled[at], filled[at + 1 :]
    doubts = [_preamble_doubt(cells) for cells in filled[:at]]
    titles = {number: text.strip() for number, text in enumerate(header.texts) if text.strip()}
    used = sorted(titles.keys() | {number for cells in body for number, text in enumerate(cells.texts) if text.strip()})
    for number in used:
        if number not in titles:
            titles[number] = f"column {number + 1}"
            if number < len(header.texts):
                doubts.append(Doubt(header.place, f"column {number + 1} has no name", _UNNAMED))
    names, name_doubts = distinct_names([titles[number] for number in used], header.place)
    doubts.extend(name_doubts)
    name_of = dict(zip(used, names, strict=True))
    for cells in body:
        doubts.extend(_width_doubts(cells, len(header.texts)))
    rows = tuple(_row(cells, name_of) for cells in body)
    if not rows:
        doubts.append(
            Doubt(header.place, "no row below the names", "The table is empty; check that it is the right file.")
        )
    return Grid(names, rows, tuple(doubts))


def _row(cells: Cells, name_of: Mapping[int, str]) -> ForeignRow:
    return row_of(cells.place, ((name_of[at], text) for at, text in enumerate(cells.texts) if at in name_of))


def _header_row(filled: Sequence[Cells]) -> int:
    """Return which row has the names: the first that fills more than half of what rows usually reach."""
    counts = [sum(bool(text.strip()) for text in cells.texts) for cells in filled[:_LOOKED_AT]]
    extents = [_extent(cells.texts) for cells, count in zip(filled, counts, strict=False) if count > 1]
    if len(extents) < 2:  # one column: a single longer row is one with a delimiter in its text
        return 0
    usual = median_high(extents)
    return next((row for row, count in enumerate(counts[:-1]) if count * 2 > usual), 0)


def _extent(texts: Sequence[str]) -> int:
    """Return how many cells there are up to the last that is not empty."""
    return max((number for number, text in enumerate(texts, start=1) if text.strip()), default=0)


def _preamble_doubt(cells: Cells) -> Doubt:
    found = shown("; ".join(text.strip() for text in cells.texts if text.strip()))
    return Doubt(
        cells.place, found, "It stands above the names of the columns and was left out; check that it is no row."
    )


def _width_doubts(cells: Cells, named: int) -> list[Doubt]:
    count = len(cells.texts)
    if count == named:
        return []
    found = f"{count} cells where {named} columns have a name"
    if count < named:
        meaning = "The missing cells were taken as empty; check that no line break or separator got lost."
    else:
        meaning = f"What is too much is in 'column {named + 1}' and so on; check that no cell moved to the right."
    return [Doubt(cells.place, found, meaning)]
