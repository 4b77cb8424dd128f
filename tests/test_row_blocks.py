"""Rows are averaged, centred and mixed with their neighbours as if all were in memory, wherever a block ends."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import row_blocks
from indexer.row_blocks import blocks, in_blocks, mean_row, new_matrix, with_neighbours, write_centred

DIM = 6
SIZES = (1, 2, 3, 5, 100)
"""Rows of a block; of the last all fit into one."""

OWNERS = np.array([0, 0, 0, 1, 2, 2, 4, 4, 4, 4, 5, 6, 6], dtype=np.int32)
"""Runs of one to four rows, so that borders of blocks fall between and within them; owner 3 has no row."""


def random_rows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)


ROWS = random_rows(len(OWNERS))


@pytest.fixture(params=SIZES, ids=lambda size: f"{size} at once")
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(row_blocks, "AT_ONCE", request.param)
    return int(request.param)


def unit(rows: np.ndarray) -> np.ndarray:
    """Return the rows in double precision, each over its length."""
    exact = rows.astype(np.float64)
    return np.array([row / max(np.sqrt((row**2).sum()), 1e-300) for row in exact])


def mixed(rows: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Return what `with_neighbours` yields, as one matrix."""
    parts = list(with_neighbours(rows, owners))
    assert {part.dtype for part in parts} == {np.dtype(np.float32)}
    return np.concatenate(parts)


def mixed_by_hand(rows: np.ndarray, owners: np.ndarray) -> np.ndarray:
    found = []
    for at, owner in enumerate(owners):
        near = [row for row in (at - 1, at, at + 1) if 0 <= row < len(rows) and owners[row] == owner]
        found.append(np.mean([rows[row].astype(np.float64) for row in near], axis=0))
    return unit(np.array(found))


def test_blocks_are_all_rows_in_order_and_none_is_larger_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_blocks, "AT_ONCE", 4)
    assert list(blocks(10)) == [slice(0, 4), slice(4, 8), slice(8, 10)]
    assert list(blocks(8)) == [slice(0, 4), slice(4, 8)]
    assert list(blocks(3)) == [slice(0, 3)]
    assert list(blocks(0)) == []


@pytest.mark.parametrize("row_type", [np.float32, np.float16])
def test_parts_are_all_rows_in_order_as_float32(at_once: int, row_type: type) -> None:
    rows = ROWS.astype(row_type)
    parts = list(in_blocks(rows))
    assert np.concatenate(parts).tolist() == rows.tolist()
    assert {part.dtype for part in parts} == {np.dtype(np.float32)}
    assert [len(part) for part in parts[:-1]] == [at_once] * (len(parts) - 1)
    assert list(in_blocks(rows[:0])) == []


@pytest.mark.parametrize("row_type", [np.float32, np.float16])
@pytest.mark.usefixtures("at_once")
def test_the_mean_is_that_of_all_rows(row_type: type) -> None:
    rows = ROWS.astype(row_type)
    found = mean_row(in_blocks(rows))
    assert found.tolist() == pytest.approx(rows.astype(np.float64).mean(axis=0).tolist(), abs=1e-6)
    assert (found.dtype, found.shape) == (np.float32, (DIM,))


def test_the_mean_of_parts_counts_each_row_once_however_long_the_parts_are() -> None:
    assert mean_row([ROWS[:1], ROWS[1:12], ROWS[12:]]).tolist() == mean_row([ROWS]).tolist()
    assert mean_row(iter([np.array([[1, 2]], np.float32), np.array([[3, 2], [5, 8]], np.float32)])).tolist() == [3, 4]


def test_the_mean_of_many_rows_is_not_lost_in_rounding() -> None:
    # In single precision 20 million and 1 are 20 million, however often 1 is added.
    parts = [np.array([[2e7, 0]], dtype=np.float32), *[np.ones((1, 2), dtype=np.float32)] * 9_999]
    assert mean_row(parts).tolist() == pytest.approx([2000.9999, 0.9999], rel=1e-6)


@pytest.mark.parametrize(("into", "tolerance"), [(np.float32, 1e-6), (np.float16, 1e-3)])
@pytest.mark.usefixtures("at_once")
def test_centred_rows_are_less_the_centroid_and_of_unit_length(into: type, tolerance: float) -> None:
    before, centroid = ROWS.copy(), random_rows(1, 1)[0]
    found = np.zeros(ROWS.shape, dtype=into)
    write_centred(in_blocks(ROWS), centroid, found)
    np.testing.assert_allclose(found, unit(before - centroid.astype(np.float64)), atol=tolerance)
    assert ROWS.tobytes() == before.tobytes()


@pytest.mark.usefixtures("at_once")
def test_rows_can_be_centred_in_place() -> None:
    rows = ROWS.copy()
    write_centred(in_blocks(rows), mean_row(in_blocks(rows)), rows)
    np.testing.assert_allclose(rows, unit(ROWS - ROWS.astype(np.float64).mean(axis=0)), atol=1e-6)


@pytest.mark.usefixtures("at_once")
def test_a_row_that_is_the_centroid_becomes_one_of_zeros() -> None:
    rows = np.array([[1, 2], [1, 0], [1, 2]], dtype=np.float32)
    found = np.ones_like(rows)
    write_centred(in_blocks(rows), np.array([1, 2], dtype=np.float32), found)
    assert found.tolist() == [[0, 0], [0, -1], [0, 0]]


@pytest.mark.parametrize("row_type", [np.float32, np.float16])
@pytest.mark.usefixtures("at_once")
def test_a_row_is_mixed_with_its_neighbours_of_the_same_owner_across_the_borders_of_blocks(row_type: type) -> None:
    rows = ROWS.astype(row_type)
    before = rows.copy()
    np.testing.assert_allclose(mixed(rows, OWNERS), mixed_by_hand(rows, OWNERS), atol=1e-6)
    assert rows.tobytes() == before.tobytes()


@pytest.mark.usefixtures("at_once")
def test_neighbours_by_hand() -> None:
    found = mixed(np.eye(4, dtype=np.float32), np.array([7, 7, 7, 8], dtype=np.int32))
    two, three = 2**-0.5, 3**-0.5
    expected = [[two, two, 0, 0], [three, three, three, 0], [0, two, two, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_no_rows_have_no_neighbours() -> None:
    assert list(with_neighbours(ROWS[:0], OWNERS[:0])) == []


@settings(derandomize=True, deadline=None, max_examples=60)
@given(counts=st.lists(st.integers(0, 4), min_size=1, max_size=8).filter(any), at_once=st.integers(1, 7))
def test_neighbours_are_those_of_brute_force_for_any_runs_and_blocks(counts: list[int], at_once: int) -> None:
    owners = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    rows = random_rows(len(owners), seed=len(owners))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_blocks, "AT_ONCE", at_once)
        np.testing.assert_allclose(mixed(rows, owners), mixed_by_hand(rows, owners), atol=1e-6)


def test_the_size_of_blocks_changes_no_bit_of_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    for size in SIZES:
        monkeypatch.setattr(row_blocks, "AT_ONCE", size)
        centred = np.zeros(ROWS.shape, dtype=np.float16)
        write_centred(with_neighbours(ROWS, OWNERS), ROWS[0] / 2, centred)
        written.append((mixed(ROWS, OWNERS).tobytes(), centred.tobytes()))
    assert len(set(written)) == 1


@pytest.mark.parametrize("row_type", [np.float32, np.float16])
def test_a_new_matrix_is_of_zeros_and_what_is_written_to_it_is_in_its_file(tmp_path: Path, row_type: type) -> None:
    matrix = new_matrix(tmp_path / "rows.npy", (3, 2), row_type)
    assert matrix.tolist() == [[0, 0], [0, 0], [0, 0]]
    matrix[1:] = [[1, -2], [0.5, 4]]
    matrix.flush()
    found = np.load(tmp_path / "rows.npy")
    assert found.tolist() == [[0, 0], [1, -2], [0.5, 4]]
    assert found.dtype == row_type
    np.save(tmp_path / "saved.npy", found)
    assert (tmp_path / "rows.npy").read_bytes() == (tmp_path / "saved.npy").read_bytes()


@pytest.mark.usefixtures("at_once")
def test_mapped_matrices_are_read_and_written_like_others(tmp_path: Path) -> None:
    raw = new_matrix(tmp_path / "raw.npy", ROWS.shape, np.float32)
    raw[:] = ROWS
    contexts = new_matrix(tmp_path / "contexts.npy", ROWS.shape, np.float32)
    write_centred(with_neighbours(raw, OWNERS), mean_row(with_neighbours(raw, OWNERS)), contexts)
    expected = mixed_by_hand(ROWS, OWNERS)
    np.testing.assert_allclose(contexts, unit(expected - expected.mean(axis=0)), atol=1e-5)
    assert np.asarray(raw).tobytes() == ROWS.tobytes()
