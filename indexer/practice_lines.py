"""Turn a JSONL file of practices into a sequence that reads each when it is asked for: no file is too large."""

import mmap
import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import overload
from weakref import finalize

import numpy as np
import numpy.typing as npt

from indexer.practice import Practice

_KEPT = 1_024
"""Practices that are kept once they are read: a catalogue of the usual size is read once, a page of hits at once."""

Offsets = npt.NDArray[np.int64]


class PracticeLines(Sequence[Practice]):
    """The practices of a file, one JSON object a line; those last asked for are kept.

    Practice r is at the bytes `limits[r, 0]` to `limits[r, 1]` (exclusive); `limits` is (n, 2). The file stays open, so
    that one that is replaced meanwhile is read on as it was.
    """

    def __init__(self, path: Path, limits: Offsets) -> None:
        self._file = os.open(path, os.O_RDONLY)
        finalize(self, os.close, self._file)
        self._limits = limits
        self._kept: OrderedDict[int, Practice] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        """Return the number of practices."""
        return len(self._limits)

    @overload
    def __getitem__(self, row: int) -> Practice: ...
    @overload
    def __getitem__(self, row: slice) -> list[Practice]: ...
    def __getitem__(self, row: int | slice) -> Practice | list[Practice]:
        """Return one practice, or those of a slice; the latter are not kept."""
        if isinstance(row, slice):
            return [self._read(at) for at in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of {len(self)} practices")
        row %= len(self)
        with self._lock:
            practice = self._kept.get(row)
            if practice is None:
                practice = self._kept[row] = self._read(row)
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end(row)
        return practice

    def __iter__(self) -> Iterator[Practice]:
        """Yield all practices in order, without keeping them."""
        return (self._read(row) for row in range(len(self)))

    def rows_with(self, content: bytes) -> list[int]:
        """Return the rows whose line has these bytes in it, in order; no other line is taken apart."""
        if not len(self):
            return []
        rows: dict[int, None] = {}
        with mmap.mmap(self._file, 0, prot=mmap.PROT_READ) as lines:
            at = lines.find(content)
            while at >= 0:
                rows[int(np.searchsorted(self._limits[:, 1], at, side="right"))] = None
                at = lines.find(content, at + 1)
        return list(rows)

    def _read(self, row: int) -> Practice:
        start, end = map(int, self._limits[row])
        return Practice.model_validate_json(os.pread(self._file, end - start, start))
