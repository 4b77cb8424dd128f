"""Read rows of a matrix that is kept in a file, and keep none of them.

Pages of a mapped file count as memory of every process that has touched them: single rows all over a file are soon most
of it. What is read instead stays in the kernel's cache, once for all processes.
"""

import os
from itertools import pairwise
from pathlib import Path
from typing import Any, Self
from weakref import finalize

import numpy as np
import numpy.typing as npt

from indexer.columns import Rows, mapped_array


class StoredRows:
    """The rows (n, dim) of an array in a file; `mapped` is the whole array, for those that need most of it."""

    def __init__(self, path: Path, mapped: npt.NDArray[Any], first: int) -> None:
        self.mapped = mapped
        self.shape = mapped.shape
        self._first = first  # byte of the file
        self._bytes = mapped.dtype.itemsize * mapped.shape[1]  # of a row
        self._file = os.open(path, os.O_RDONLY)
        finalize(self, os.close, self._file)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the rows of a .npy file.

        Raises OSError or ValueError when the file is missing, cut off or none of ours.
        """
        mapped = mapped_array(path)
        if mapped.ndim != 2 or not mapped.flags.c_contiguous:
            raise ValueError(f"{path} holds an array of the shape {mapped.shape}, expected rows one after the other")
        return cls(path, np.asarray(mapped), int(mapped.offset))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.mapped)

    def take(self, rows: Rows) -> npt.NDArray[Any]:
        """Return a copy of some rows (k, dim) in the order asked for. Raises IndexError for one that there is not.

        Rows that follow one another are read at once.
        """
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"rows {rows.min()} to {rows.max()} of {len(self)}")
        found = np.empty((len(rows), self.shape[1]), dtype=self.mapped.dtype)
        into = found.reshape(-1).view(np.uint8).data
        starts = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
        limits = (np.append(starts, len(rows)) * self._bytes).tolist()
        places = (self._first + rows[starts] * self._bytes).tolist()
        for (start, end), place in zip(pairwise(limits), places, strict=True):
            os.preadv(self._file, [into[start:end]], place)
        return found
