"""Turn practices into a table of who has which value: the ground of filters and of counts."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from indexer.columns import part_of, read_column, write_column
from indexer.practice import Practice, field_values
from indexer.vectors import Mask

FACET_FIELDS = (
    *("country", "region", "languages", "status", "approaches", "target_groups", "measure_types", "levels"),
    *("evidence_level", "effect"),
)
"""The fields of a practice that can be filtered by and counted, in the order in which they are shown."""

_COLUMNS = (*FACET_FIELDS, "listed_in")
_VALUES_FILE = "values.json"
_VALUES: TypeAdapter[dict[str, list[str]]] = TypeAdapter(dict[str, list[str]])

_Column = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]


class FacetColumns:
    """For each field its values in order, and for each value the rows of the practices that have it.

    The practices with value v of a field are `rows[bounds[v] : bounds[v + 1]]` of its column `(bounds, rows)`.
    """

    def __init__(self, size: int, values: Mapping[str, Sequence[str]], columns: Mapping[str, _Column]) -> None:
        self.size = size
        self._columns = columns
        self._places = {field: {value: place for place, value in enumerate(all_)} for field, all_ in values.items()}

    @classmethod
    def build(cls, practices: Sequence[Practice]) -> Self:
        """Return the table of some practices; row numbers are positions among them."""
        found: dict[str, dict[str, array[int]]] = {field: {} for field in _COLUMNS}
        for row, practice in enumerate(practices):
            for field in _COLUMNS:
                for value in dict.fromkeys(field_values(practice, field)):
                    found[field].setdefault(value, array("i")).append(row)
        values = {field: sorted(rows_of) for field, rows_of in found.items()}
        columns = {field: _column([rows_of[value] for value in values[field]]) for field, rows_of in found.items()}
        return cls(len(practices), values, columns)

    @classmethod
    def load(cls, folder: Path, size: int) -> Self:
        """Return the table of `size` practices that `save` wrote. Raises OSError or ValueError when it is damaged."""
        values = _VALUES.validate_json((folder / _VALUES_FILE).read_bytes())
        columns = {
            field: (read_column(part_of(folder / field, "bounds")), read_column(part_of(folder / field, "rows")))
            for field in _COLUMNS
        }
        return cls(size, values, columns)

    def save(self, folder: Path) -> None:
        """Write the table into a new folder; the same practices give the same bytes."""
        folder.mkdir()
        (folder / _VALUES_FILE).write_bytes(
            _VALUES.dump_json({field: list(self.values(field)) for field in self._places})
        )
        for field, (bounds, rows) in self._columns.items():
            write_column(part_of(folder / field, "bounds"), bounds)
            write_column(part_of(folder / field, "rows"), rows)

    def values(self, field: str) -> tuple[str, ...]:
        """Return the values of a field that occur, in order."""
        return tuple(self._places[field])

    def rows(self, field: str, value: str) -> npt.NDArray[np.int32]:
        """Return which practices have a value, in catalogue order; none where it does not occur."""
        bounds, rows = self._columns[field]
        place = self._places[field].get(value)
        return rows[:0] if place is None else rows[bounds[place] : bounds[place + 1]]

    def places(self, field: str, values: Sequence[str]) -> list[int]:
        """Return the places of some values among all of a field, in order; those that do not occur have none."""
        return sorted({self._places[field][value] for value in values if value in self._places[field]})

    def of_practices(self, field: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return what values each practice has: practice r those at `places[bounds[r] : bounds[r + 1]]`."""
        bounds, rows = self._columns[field]
        places = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))[np.argsort(rows, kind="stable")]
        counts = np.bincount(rows, minlength=self.size)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), places

    def having(self, field: str, values: Sequence[str]) -> Mask:
        """Return which practices (n,) have any of the values."""
        mask = np.zeros(self.size, dtype=np.bool_)
        for value in values:
            mask[self.rows(field, value)] = True
        return mask

    def counts(self, field: str, shown: Mask | None = None) -> Iterator[tuple[str, int]]:
        """Yield each value of a field, and how many of the practices `shown` (n,) have it: of all where it is None."""
        bounds, rows = self._columns[field]
        if shown is None:
            counted = np.diff(bounds)
        else:
            sums = np.concatenate([[0], np.cumsum(shown[rows], dtype=np.int64)])
            counted = sums[bounds[1:]] - sums[bounds[:-1]]
        return zip(self.values(field), map(int, counted), strict=True)


def _column(rows: "Sequence[array[int]]") -> _Column:
    bounds = np.concatenate([[0], np.cumsum([len(one) for one in rows], dtype=np.int64)]).astype(np.int64)
    flat = np.concatenate([np.empty(0, dtype=np.int32), *(np.frombuffer(one, dtype=np.int32) for one in rows)])
    return bounds, flat
