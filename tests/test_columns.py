"""Arrays are read as they were written, mapped and not to be written to, and a file that is none is refused."""

from mmap import mmap
from pathlib import Path

import numpy as np
import pytest

from indexer.columns import read_column, write_column

ARRAYS = (
    np.array([3, 1, 2], dtype=np.int64),
    np.array([[0.5, -1.0], [0.25, 3.0]], dtype=np.float32),
    np.array([[0.5, -1.0, 2.0]], dtype=np.float16),
    np.array([True, False, True]),
    np.array([2**64 - 1, 0], dtype=np.uint64),
    np.empty(0, dtype=np.int32),
    np.empty((0, 2), dtype=np.int64),
)


@pytest.mark.parametrize("column", ARRAYS, ids=lambda column: f"{column.dtype}{column.shape}")
def test_an_array_is_read_as_it_was_written(tmp_path: Path, column: np.ndarray) -> None:
    write_column(tmp_path / "column.npy", column)
    found = read_column(tmp_path / "column.npy")
    assert found.tolist() == column.tolist()
    assert (found.dtype, found.shape) == (column.dtype, column.shape)


@pytest.mark.parametrize("column", ARRAYS, ids=lambda column: f"{column.dtype}{column.shape}")
def test_an_array_that_was_read_is_a_plain_one_over_a_mapped_file(tmp_path: Path, column: np.ndarray) -> None:
    write_column(tmp_path / "column.npy", column)
    found = read_column(tmp_path / "column.npy")
    assert type(found) is np.ndarray
    owner: object = found
    while isinstance(owner, np.ndarray):
        owner = owner.base
    assert isinstance(owner, mmap)


def test_an_array_that_was_read_cannot_be_written_to(tmp_path: Path) -> None:
    write_column(tmp_path / "column.npy", ARRAYS[0])
    found = read_column(tmp_path / "column.npy")
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 7
    assert read_column(tmp_path / "column.npy").tolist() == [3, 1, 2]


def test_the_same_array_gives_the_same_bytes_whatever_it_is_a_part_of(tmp_path: Path) -> None:
    whole = np.arange(12, dtype=np.int32).reshape(3, 4)
    write_column(tmp_path / "first.npy", whole[1])
    write_column(tmp_path / "second.npy", np.array([4, 5, 6, 7], dtype=np.int32))
    assert (tmp_path / "first.npy").read_bytes() == (tmp_path / "second.npy").read_bytes()


def test_a_file_that_is_removed_meanwhile_is_read_on(tmp_path: Path) -> None:
    write_column(tmp_path / "column.npy", ARRAYS[0])
    found = read_column(tmp_path / "column.npy")
    (tmp_path / "column.npy").unlink()
    assert found.tolist() == [3, 1, 2]


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"column\.npy"):
        read_column(tmp_path / "column.npy")


@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "column.npy"
    write_column(path, ARRAYS[0])
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises((EOFError, ValueError)):
        read_column(path)


def test_objects_are_neither_written_nor_read(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}, None], dtype=object)
    with pytest.raises(ValueError, match="allow_pickle"):
        write_column(tmp_path / "column.npy", objects)
    np.save(tmp_path / "objects.npy", objects, allow_pickle=True)
    with pytest.raises(ValueError, match="objects"):
        read_column(tmp_path / "objects.npy")
