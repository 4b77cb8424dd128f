"""Rows are read from their file as they stand there, whatever their order, and none of it is kept in memory."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.stored_rows import StoredRows

SIZE, DIM = 40, 6
ROWS = np.arange(SIZE * DIM, dtype=np.float16).reshape(SIZE, DIM)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> StoredRows:
    path = tmp_path_factory.mktemp("rows") / "rows.npy"
    np.save(path, ROWS)
    return StoredRows.load(path)


@settings(deadline=None)
@given(rows=st.lists(st.integers(0, SIZE - 1) | st.sampled_from([0, 1, 2, 3, 4, SIZE - 2, SIZE - 1]), max_size=60))
def test_rows_come_in_the_order_asked_for_as_often_as_asked_for(stored, rows):
    found = stored.take(np.array(rows, dtype=np.int64))
    assert (found.shape, found.dtype) == ((len(rows), DIM), np.float16)
    assert np.array_equal(found, ROWS[rows])


def test_it_knows_its_shape_and_is_mapped_as_a_whole(stored):
    assert (len(stored), stored.shape) == (SIZE, (SIZE, DIM))
    assert np.array_equal(stored.mapped, ROWS)


def test_rows_that_follow_one_another_are_read_at_once(stored, monkeypatch):
    read, sizes = os.preadv, []
    monkeypatch.setattr(os, "preadv", lambda file, into, at: sizes.append(len(into[0])) or read(file, into, at))
    stored.take(np.array([7, 8, 9, 3, 4, 4, 0]))
    assert [size // ROWS[0].nbytes for size in sizes] == [3, 2, 1, 1]


@pytest.mark.parametrize("rows", [[SIZE], [-1], [0, SIZE + 5]])
def test_a_row_that_there_is_not_is_refused(stored, rows):
    with pytest.raises(IndexError, match=rf"of {SIZE}$"):
        stored.take(np.array(rows))


def resident(path: Path) -> int:
    """Bytes of a file that count as memory of this process (proc_pid_smaps(5))."""
    found, inside = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        first = line.split()[0]
        if not first.endswith(":"):
            inside = line.endswith(str(path))
        elif first == "Rss:" and inside:
            found += 1024 * int(line.split()[1])
    return found


@pytest.mark.skipif(not Path("/proc/self/smaps").is_file(), reason="NOT CHECKED: only Linux says what is in memory")
def test_what_is_read_is_no_memory_of_the_process(tmp_path):
    rows = np.ones((5_000, 384), dtype=np.float16)
    np.save(tmp_path / "rows.npy", rows)
    stored = StoredRows.load(tmp_path / "rows.npy")
    for start in range(0, 5_000, 250):
        stored.take(np.arange(start, start + 250, 3))
    assert resident(tmp_path / "rows.npy") < 0.1 * rows.nbytes
    assert stored.mapped.sum(dtype=np.float64) == rows.size
    assert resident(tmp_path / "rows.npy") > 0.9 * rows.nbytes, "it is what is measured here"


def test_the_file_is_closed_when_the_rows_are_gone(tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    open_before = len(os.listdir("/proc/self/fd"))
    some = [StoredRows.load(tmp_path / "rows.npy") for _ in range(5)]
    assert len(os.listdir("/proc/self/fd")) >= open_before + 5, "a mapping keeps one of its own"
    del some
    assert len(os.listdir("/proc/self/fd")) == open_before


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY"])
def test_what_is_no_array_is_refused_by_name(tmp_path, content):
    (tmp_path / "rows.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"rows\.npy is not an array"):
        StoredRows.load(tmp_path / "rows.npy")


@pytest.mark.parametrize("array", [np.zeros(4), np.asfortranarray(np.zeros((3, 4)))])
def test_an_array_that_is_no_rows_one_after_the_other_is_refused(tmp_path, array):
    np.save(tmp_path / "rows.npy", array)
    with pytest.raises(ValueError, match="expected rows one after the other"):
        StoredRows.load(tmp_path / "rows.npy")
