"""The index finds what a brute-force search finds, under every mask, and is the same after save and load."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.encoder import unit_rows
from indexer.vectors import VectorIndex

SIZE, DIM = 203, 16


def random_rows(count: int, dim: int = DIM, seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32))


ROWS = random_rows(SIZE)
QUERIES = random_rows(5, seed=1)
ALL = np.arange(SIZE)


@pytest.fixture(scope="module")
def index() -> VectorIndex:
    return VectorIndex.build(ROWS)


def brute_force(
    rows: np.ndarray, query: np.ndarray, count: int, allowed: np.ndarray | None = None
) -> list[tuple[int, float]]:
    cosines = rows.astype(np.float64) @ query.astype(np.float64)
    candidates = [row for row in range(len(rows)) if allowed is None or allowed[row]]
    return [(row, cosines[row]) for row in sorted(candidates, key=lambda row: -cosines[row])[:count]]


def assert_finds(
    index: VectorIndex, rows: np.ndarray, query: np.ndarray, count: int, allowed: np.ndarray | None = None
) -> None:
    expected = brute_force(rows, query, count, allowed)
    found, scores = index.search(query, count, allowed)
    assert found.tolist() == [row for row, _ in expected]
    assert scores.tolist() == pytest.approx([cosine for _, cosine in expected], abs=1e-6)
    assert (found.dtype, scores.dtype) == (np.int64, np.float32)


@pytest.mark.parametrize("count", [1, 2, 10, SIZE - 1, SIZE])
@pytest.mark.parametrize("query", QUERIES)
def test_search_finds_what_brute_force_finds(index: VectorIndex, query: np.ndarray, count: int) -> None:
    assert_finds(index, ROWS, query, count)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.95])
@pytest.mark.parametrize("query", QUERIES)
def test_search_is_exact_under_every_mask(index: VectorIndex, query: np.ndarray, share: float) -> None:
    allowed = np.random.default_rng(int(share * 100)).random(SIZE) < share
    allowed[7] = True
    for count in (1, 10, SIZE):
        assert_finds(index, ROWS, query, count, allowed)


@settings(derandomize=True, deadline=None)
@given(data=st.data(), size=st.integers(1, 40), count=st.integers(0, 50))
def test_search_agrees_with_brute_force_for_any_size_mask_and_count(data: st.DataObject, size: int, count: int) -> None:
    allowed = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    assert_finds(VectorIndex.build(ROWS[:size]), ROWS[:size], QUERIES[0], count, allowed)


@pytest.mark.parametrize("row", [0, 7, 8, 63, 64, SIZE - 1])
def test_a_mask_of_one_row_finds_that_row(index: VectorIndex, row: int) -> None:
    allowed = np.zeros(SIZE, dtype=np.bool_)
    allowed[row] = True
    found, scores = index.search(QUERIES[0], 10, allowed)
    assert found.tolist() == [row]
    assert scores[0] == pytest.approx(float(ROWS[row] @ QUERIES[0]), abs=1e-6)


def test_a_mask_that_allows_all_rows_changes_nothing(index: VectorIndex) -> None:
    masked = index.search(QUERIES[0], SIZE, np.ones(SIZE, dtype=np.bool_))
    free = index.search(QUERIES[0], SIZE)
    assert masked[0].tolist() == free[0].tolist()
    assert masked[1].tolist() == free[1].tolist()


def test_a_mask_that_allows_nothing_finds_nothing(index: VectorIndex) -> None:
    found, scores = index.search(QUERIES[0], 10, np.zeros(SIZE, dtype=np.bool_))
    assert (found.tolist(), scores.tolist()) == ([], [])


def test_asking_for_more_than_there_is_gives_all_without_fillers(index: VectorIndex) -> None:
    found, _ = index.search(QUERIES[0], SIZE + 500)
    assert sorted(found.tolist()) == list(range(SIZE))
    allowed = np.arange(SIZE) % 50 == 3
    found, _ = index.search(QUERIES[0], SIZE + 500, allowed)
    assert sorted(found.tolist()) == [3, 53, 103, 153]


def test_asking_for_nothing_finds_nothing(index: VectorIndex) -> None:
    found, scores = index.search(QUERIES[0], 0)
    assert (found.tolist(), scores.tolist()) == ([], [])


def test_an_index_without_rows_finds_nothing() -> None:
    empty = VectorIndex.build(np.empty((0, DIM), dtype=np.float32))
    assert (empty.size, empty.dim) == (0, DIM)
    assert empty.search(QUERIES[0], 3)[0].tolist() == []
    assert empty.search(QUERIES[0], 3, np.zeros(0, dtype=np.bool_))[0].tolist() == []


def test_a_score_is_the_cosine_from_minus_one_to_one() -> None:
    rows = np.array([[1, 0], [0, 1], [-1, 0], [0.6, 0.8]], dtype=np.float32)
    found, scores = VectorIndex.build(rows).search(np.array([1, 0], dtype=np.float32), 4)
    assert found.tolist() == [0, 3, 1, 2]
    assert scores.tolist() == pytest.approx([1, 0.6, 0, -1])


def test_equal_rows_are_all_found_with_equal_scores() -> None:
    rows = np.concatenate([ROWS[:3], ROWS[:1], ROWS[:1]])
    found, scores = VectorIndex.build(rows).search(ROWS[0], 3)
    assert set(found.tolist()) == {0, 3, 4}
    assert len(set(scores.tolist())) == 1


def test_search_leaves_query_and_mask_as_they_were(index: VectorIndex) -> None:
    query, allowed = QUERIES[0].copy(), np.arange(SIZE) % 2 == 0
    index.search(query, 10, allowed)
    assert query.tolist() == QUERIES[0].tolist()
    assert allowed.tolist() == (np.arange(SIZE) % 2 == 0).tolist()


def test_rows_come_back_as_they_were_added_in_the_order_asked_for(index: VectorIndex) -> None:
    assert (index.size, index.dim) == (SIZE, DIM)
    assert index.take(ALL).tobytes() == ROWS.tobytes()
    for wanted in ([5, 6, 7, 8], [SIZE - 1], [9, 2, 200, 0], [3, 3, 1, 3]):
        assert index.take(np.array(wanted)).tobytes() == ROWS[wanted].tobytes()


def test_taking_no_rows_gives_none_of_the_same_length(index: VectorIndex) -> None:
    taken = index.take(np.empty(0, dtype=np.int64))
    assert (taken.shape, taken.dtype) == ((0, DIM), np.float32)


@pytest.mark.parametrize("rows", [np.asfortranarray(ROWS), ROWS.astype(np.float64), np.repeat(ROWS, 2, axis=0)[::2]])
def test_the_memory_layout_of_the_embeddings_does_not_matter(index: VectorIndex, rows: np.ndarray) -> None:
    assert VectorIndex.build(rows).take(ALL).tobytes() == ROWS.tobytes()


def test_a_saved_index_is_loaded_as_it_was(index: VectorIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "vectors.faiss")
    loaded = VectorIndex.load(tmp_path / "vectors.faiss")
    assert (loaded.size, loaded.dim) == (SIZE, DIM)
    assert loaded.take(ALL).tobytes() == ROWS.tobytes()
    allowed = np.arange(SIZE) % 3 == 0
    for query in QUERIES:
        assert_finds(loaded, ROWS, query, 10)
        assert_finds(loaded, ROWS, query, 10, allowed)


def test_the_same_embeddings_give_the_same_bytes(index: VectorIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "first")
    VectorIndex.build(ROWS.copy()).save(tmp_path / "second")
    VectorIndex.load(tmp_path / "first").save(tmp_path / "third")
    first = (tmp_path / "first").read_bytes()
    assert ROWS.tobytes() in first
    assert (tmp_path / "second").read_bytes() == first
    assert (tmp_path / "third").read_bytes() == first
    VectorIndex.build(ROWS[::-1]).save(tmp_path / "other")
    assert (tmp_path / "other").read_bytes() != first


@pytest.mark.parametrize("kept", [0, 1, 4, 10, 44, 100, 1_000, -1])
def test_a_cut_file_is_refused(index: VectorIndex, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "vectors.faiss"
    index.save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"vectors\.faiss is not a faiss index: "):
        VectorIndex.load(path)


@pytest.mark.parametrize("content", [b"PK\x03\x04 a spreadsheet", b'{"format_version": 1}' * 50, bytes(5_000)])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vectors.faiss"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"vectors\.faiss is not a faiss index: "):
        VectorIndex.load(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"missing\.faiss is not a faiss index: "):
        VectorIndex.load(tmp_path / "missing.faiss")
