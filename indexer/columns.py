"""Keep an array in a file of its own that is mapped when it is read: what nobody touches is never in memory."""

from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
"""Places in a column or in a matrix."""


def part_of(path: Path, part: str) -> Path:
    """Return the file of one column of several that lie together under a name, which `path` ends with."""
    return path.with_name(f"{path.name}-{part}.npy")


def read_column(path: Path) -> Any:  # noqa: ANN401  the caller says what it holds
    """Return the array of a file, memory-mapped and not to be written to.

    Raises OSError or ValueError when the file is missing, cut off or none of ours.
    """
    return np.asarray(mapped_array(path))  # a plain array, whose slices are cheap


def mapped_array(path: Path) -> np.memmap[Any, Any]:
    """Return the same with what it knows of its file."""
    try:
        mapped: np.memmap[Any, Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (EOFError, OverflowError, TokenError, ValueError) as error:  # its first line is read as Python
        raise ValueError(f"{path} is not an array: {error}") from error
    return mapped


def write_column(path: Path, column: npt.NDArray[np.generic]) -> None:
    """Write an array to a file; the same array gives the same bytes."""
    np.save(path, column, allow_pickle=False)
