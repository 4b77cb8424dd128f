"""The index finds what a brute-force search finds, under every mask; a large one as much of it as it says it does."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.encoder import unit_rows
from indexer.vector_kinds import write_rows
from indexer.vectors import MIN_RECALL, Allowed, RecallError, VectorIndex, VectorIndexRecord

SIZE, DIM = 203, 16
LARGE, CLUSTERS = 4_000, 100
LADDER = ((1, 20), (4, 40), (8, 80), (16, 200), (32, 300), (64, 400))


def random_rows(count: int, dim: int = DIM, seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32))


def clustered_rows(count: int, seed: int = 0) -> np.ndarray:
    """Rows of a mixture of Gaussians: row r belongs to cluster r modulo CLUSTERS, whatever the seed."""
    noise = 0.25 * np.random.default_rng(seed).normal(size=(count, DIM)) / np.sqrt(DIM)
    centres = random_rows(CLUSTERS, seed=77)
    return unit_rows((centres[np.arange(count) % CLUSTERS] + noise).astype(np.float32))


ROWS = random_rows(SIZE)
QUERIES = random_rows(5, seed=1)
ALL = np.arange(SIZE)
LARGE_ROWS = clustered_rows(LARGE).astype(np.float16)
LARGE_QUERIES = clustered_rows(40, seed=1)
MIXED = unit_rows(LARGE_QUERIES + random_rows(40, seed=2))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other take longer than these small sizes do."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vectors")


@pytest.fixture(scope="module")
def index(folder: Path) -> VectorIndex:
    return VectorIndex.build(ROWS, folder / "exact")


def build_large(rows: np.ndarray, folder: Path) -> VectorIndex:
    return VectorIndex.build(rows, folder, most_exact=1_000, ladder=LADDER)


@pytest.fixture(scope="module")
def large(folder: Path) -> VectorIndex:
    return build_large(LARGE_ROWS, folder / "large")


def brute_force(
    rows: np.ndarray, query: np.ndarray, count: int, allowed: np.ndarray | None = None
) -> list[tuple[int, float]]:
    cosines = rows.astype(np.float64) @ query.astype(np.float64)
    candidates = [row for row in range(len(rows)) if allowed is None or allowed[row]]
    return [(row, cosines[row]) for row in sorted(candidates, key=lambda row: -cosines[row])[:count]]


def passing(mask: np.ndarray | None) -> Allowed | None:
    return None if mask is None else Allowed(mask, {})


def assert_finds(
    index: VectorIndex, rows: np.ndarray, query: np.ndarray, count: int, allowed: np.ndarray | None = None
) -> None:
    expected = brute_force(rows, query, count, allowed)
    found, scores = index.search(query, count, passing(allowed))
    assert found.tolist() == [row for row, _ in expected]
    assert scores.tolist() == pytest.approx([cosine for _, cosine in expected], abs=1e-6)
    assert (found.dtype, scores.dtype) == (np.int64, np.float32)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


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
    with TemporaryDirectory() as folder:
        index = VectorIndex.build(ROWS[:size], Path(folder))
        assert_finds(index, ROWS[:size], QUERIES[0], count, allowed)


@pytest.mark.parametrize("row", [0, 7, 8, 63, 64, SIZE - 1])
def test_a_mask_of_one_row_finds_that_row(index: VectorIndex, row: int) -> None:
    allowed = np.zeros(SIZE, dtype=np.bool_)
    allowed[row] = True
    found, scores = index.search(QUERIES[0], 10, passing(allowed))
    assert found.tolist() == [row]
    assert scores[0] == pytest.approx(float(ROWS[row] @ QUERIES[0]), abs=1e-6)


def test_a_mask_that_allows_all_rows_changes_nothing(index: VectorIndex) -> None:
    masked = index.search(QUERIES[0], SIZE, passing(np.ones(SIZE, dtype=np.bool_)))
    free = index.search(QUERIES[0], SIZE)
    assert masked[0].tolist() == free[0].tolist()
    assert masked[1].tolist() == free[1].tolist()


@pytest.mark.parametrize("kind", ["index", "large"])
def test_a_mask_that_allows_nothing_finds_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    index: VectorIndex = request.getfixturevalue(kind)
    found, scores = index.search(QUERIES[0], 10, passing(np.zeros(index.size, dtype=np.bool_)))
    assert (found.tolist(), scores.tolist()) == ([], [])


def test_asking_for_more_than_there_is_gives_all_without_fillers(index: VectorIndex) -> None:
    found, _ = index.search(QUERIES[0], SIZE + 500)
    assert sorted(found.tolist()) == list(range(SIZE))
    allowed = np.arange(SIZE) % 50 == 3
    found, _ = index.search(QUERIES[0], SIZE + 500, passing(allowed))
    assert sorted(found.tolist()) == [3, 53, 103, 153]


@pytest.mark.parametrize("kind", ["index", "large"])
def test_asking_for_nothing_finds_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    found, scores = request.getfixturevalue(kind).search(QUERIES[0], 0)
    assert (found.tolist(), scores.tolist()) == ([], [])


def test_an_index_without_rows_finds_nothing(tmp_path: Path) -> None:
    empty = VectorIndex.build(np.empty((0, DIM), dtype=np.float32), tmp_path)
    assert (empty.size, empty.dim) == (0, DIM)
    assert empty.search(QUERIES[0], 3)[0].tolist() == []
    assert empty.search(QUERIES[0], 3, passing(np.zeros(0, dtype=np.bool_)))[0].tolist() == []
    assert empty.take(np.empty(0, dtype=np.int64)).shape == (0, DIM)


def test_a_score_is_the_cosine_from_minus_one_to_one(tmp_path: Path) -> None:
    rows = np.array([[1, 0], [0, 1], [-1, 0], [0.6, 0.8]], dtype=np.float32)
    found, scores = VectorIndex.build(rows, tmp_path).search(np.array([1, 0], dtype=np.float32), 4)
    assert found.tolist() == [0, 3, 1, 2]
    assert scores.tolist() == pytest.approx([1, 0.6, 0, -1])


def test_equal_rows_are_all_found_with_equal_scores(tmp_path: Path) -> None:
    rows = np.concatenate([ROWS[:3], ROWS[:1], ROWS[:1]])
    found, scores = VectorIndex.build(rows, tmp_path).search(ROWS[0], 3)
    assert set(found.tolist()) == {0, 3, 4}
    assert len(set(scores.tolist())) == 1


def test_search_leaves_query_and_mask_as_they_were(index: VectorIndex) -> None:
    query, allowed = QUERIES[0].copy(), np.arange(SIZE) % 2 == 0
    index.search(query, 10, passing(allowed))
    assert query.tolist() == QUERIES[0].tolist()
    assert allowed.tolist() == (np.arange(SIZE) % 2 == 0).tolist()


def test_rows_come_back_as_they_were_added_in_the_order_asked_for(index: VectorIndex) -> None:
    assert (index.size, index.dim) == (SIZE, DIM)
    assert index.take(ALL).tobytes() == ROWS.tobytes()
    for wanted in ([5, 6, 7, 8], [SIZE - 1], [9, 2, 200, 0], [3, 3, 1, 3]):
        assert index.take(np.array(wanted)).tobytes() == ROWS[wanted].tobytes()


@pytest.mark.parametrize("kind", ["index", "large"])
def test_taking_no_rows_gives_none_of_the_same_length(kind: str, request: pytest.FixtureRequest) -> None:
    taken = request.getfixturevalue(kind).take(np.empty(0, dtype=np.int64))
    assert (taken.shape, taken.dtype) == ((0, DIM), np.float32)


def test_what_is_taken_may_be_changed_without_changing_the_index(index: VectorIndex) -> None:
    index.take(ALL)[:] = 0
    assert index.take(ALL).tobytes() == ROWS.tobytes()


@pytest.mark.parametrize("rows", [np.asfortranarray(ROWS), ROWS.astype(np.float64), np.repeat(ROWS, 2, axis=0)[::2]])
def test_the_memory_layout_of_the_embeddings_does_not_matter(tmp_path: Path, rows: np.ndarray) -> None:
    assert VectorIndex.build(rows, tmp_path).take(ALL).tobytes() == ROWS.tobytes()


def test_a_small_index_is_exact_and_says_so(index: VectorIndex) -> None:
    assert index.record == VectorIndexRecord("Flat, exact", {}, recall_at_10=1.0, recall_sample=0)


def test_many_rows_are_kept_in_halves_and_all_compared(tmp_path: Path) -> None:
    halves = ROWS.astype(np.float16).astype(np.float32)
    index = VectorIndex.build(ROWS, tmp_path / "index", most_full=SIZE - 1)
    full = VectorIndex.build(ROWS, tmp_path / "full", most_full=SIZE)

    assert index.record == VectorIndexRecord("Flat of float16 rows, exact", {}, recall_at_10=1.0, recall_sample=0)
    assert full.record.name == "Flat, exact"
    assert index.take(ALL).tobytes() == halves.tobytes()
    sizes = [(tmp_path / name / "rows.faiss").stat().st_size for name in ("index", "full")]
    assert sizes[1] - sizes[0] == pytest.approx(2 * SIZE * DIM, abs=100)
    for query in QUERIES:
        assert_finds(index, halves, query, 10)
        assert_finds(index, halves, query, 10, ALL % 3 == 0)
        assert_finds(index, halves, query, SIZE)


def test_a_loaded_index_is_as_it_was_built(index: VectorIndex, folder: Path) -> None:
    loaded = VectorIndex.load(folder / "exact")
    assert (loaded.size, loaded.dim, loaded.record) == (SIZE, DIM, index.record)
    assert loaded.take(ALL).tobytes() == ROWS.tobytes()
    allowed = np.arange(SIZE) % 3 == 0
    for query in QUERIES:
        assert_finds(loaded, ROWS, query, 10)
        assert_finds(loaded, ROWS, query, 10, allowed)


def test_the_same_embeddings_give_the_same_bytes(index: VectorIndex, folder: Path, tmp_path: Path) -> None:
    VectorIndex.build(ROWS.copy(), tmp_path / "again")
    VectorIndex.build(ROWS[::-1], tmp_path / "other")
    first = contents(folder / "exact")
    assert sorted(first) == ["index.json", "rows.faiss"]
    assert ROWS.tobytes() in first["rows.faiss"]
    assert contents(tmp_path / "again") == first
    assert contents(tmp_path / "other")["rows.faiss"] != first["rows.faiss"]


@pytest.mark.parametrize("size", [0, 1, 9_000])
@pytest.mark.parametrize("is_half", [False, True])
def test_the_rows_are_written_as_faiss_writes_them(tmp_path: Path, size: int, *, is_half: bool) -> None:
    rows = random_rows(size).astype(np.float16)
    index = (
        faiss.IndexScalarQuantizer(DIM, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        if is_half
        else faiss.IndexFlatIP(DIM)
    )
    index.add(rows.astype(np.float32))
    faiss.write_index(index, str(tmp_path / "expected"))
    write_rows(tmp_path / "found", rows, "float16" if is_half else "float32")
    assert (tmp_path / "found").read_bytes() == (tmp_path / "expected").read_bytes()


def test_a_large_index_says_what_it_is_and_how_much_it_finds(large: VectorIndex) -> None:
    assert (large.size, large.dim) == (LARGE, DIM)
    assert large.record.name == "IVF126,PQ8x4fs + exact scores of float16 rows"
    assert large.record.parameters["nlist"] == 126
    assert (large.record.parameters["nprobe"], large.record.parameters["rescored"]) in LADDER
    assert MIN_RECALL <= large.record.recall_at_10 <= 1
    assert large.record.recall_sample == 500


def test_a_large_index_finds_what_its_record_promises(large: VectorIndex) -> None:
    found = 0
    for query in [*LARGE_QUERIES, *MIXED]:
        expected = {row for row, _ in brute_force(LARGE_ROWS, query, 10)}
        found += len(expected & set(large.search(query, 10)[0].tolist()))
    assert found / 800 >= MIN_RECALL


def test_the_recall_is_that_of_rows_mixed_with_other_rows_against_brute_force(large: VectorIndex) -> None:
    generator = np.random.default_rng(0)
    sample = generator.choice(LARGE, 500, replace=False)
    others = generator.choice(LARGE, 500)
    rows = LARGE_ROWS.astype(np.float32)
    questions = unit_rows(np.float32(0.8) * rows[sample] + np.float32(0.6) * rows[others])
    hits = []
    for question in questions:
        tenth = np.sort(rows.astype(np.float64) @ question)[-10]
        found, _ = large.search(question, 10)
        hits += [float(rows[row].astype(np.float64) @ question) >= tenth - 1e-6 for row in found]
    assert large.record.recall_at_10 == pytest.approx(np.mean(hits), abs=1e-4)


def test_the_first_setting_that_finds_enough_is_taken(large: VectorIndex, tmp_path: Path) -> None:
    assert large.record.parameters == {"nlist": 126, "nprobe": 16, "rescored": 200}
    again = VectorIndex.build(LARGE_ROWS, tmp_path, most_exact=0, ladder=((16, 200), (64, 400)))
    assert again.record == large.record


def test_where_no_setting_reaches_the_aim_the_best_one_is_taken(large: VectorIndex, tmp_path: Path) -> None:
    index = VectorIndex.build(LARGE_ROWS, tmp_path, most_exact=0, ladder=((1, 20), (8, 80), (4, 40)))
    assert index.record.parameters == {"nlist": 126, "nprobe": 8, "rescored": 80}
    assert MIN_RECALL <= index.record.recall_at_10 < large.record.recall_at_10


def test_the_scores_of_a_large_index_are_exact_and_fall(large: VectorIndex) -> None:
    for query in MIXED:
        found, scores = large.search(query, 50)
        assert scores.tolist() == pytest.approx((LARGE_ROWS[found].astype(np.float64) @ query).tolist(), abs=1e-6)
        assert scores.tolist() == sorted(scores.tolist(), reverse=True)
        assert len(set(found.tolist())) == 50
        assert (found.dtype, scores.dtype) == (np.int64, np.float32)


@pytest.mark.parametrize("share", [0.01, 0.04, 0.1, 0.5, 1.0])
def test_a_large_index_is_exact_under_every_mask(large: VectorIndex, share: float) -> None:
    allowed = np.random.default_rng(int(share * 100)).random(LARGE) < share
    for query in [*LARGE_QUERIES[:3], *MIXED[:3]]:
        assert_finds(large, LARGE_ROWS, query, 1, allowed)
        assert_finds(large, LARGE_ROWS, query, 10, allowed)
        assert_finds_all(large, query, LARGE, allowed)


def assert_finds_all(index: VectorIndex, query: np.ndarray, count: int, allowed: np.ndarray) -> None:
    """Among thousands of rows some are as good as equal, and come in no promised order."""
    expected = brute_force(LARGE_ROWS, query, count, allowed)
    found, scores = index.search(query, count, passing(allowed))
    assert set(found.tolist()) == set(np.flatnonzero(allowed).tolist())
    assert len(found) == len(expected)
    assert scores.tolist() == pytest.approx([cosine for _, cosine in expected], abs=1e-6)
    assert scores.tolist() == pytest.approx((LARGE_ROWS[found].astype(np.float64) @ query).tolist(), abs=1e-6)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_a_mask_that_avoids_the_clusters_of_the_question_hides_nothing(large: VectorIndex, share: float) -> None:
    for at, query in enumerate(LARGE_QUERIES[:5]):
        near = {row % CLUSTERS for row, _ in brute_force(LARGE_ROWS, query, 400)}
        far = np.array([row % CLUSTERS not in near for row in range(LARGE)])
        allowed = far & (np.random.default_rng(at).random(LARGE) < share)
        assert_finds(large, LARGE_ROWS, query, 10, allowed)


def test_a_large_index_compares_every_row_where_many_are_asked_for(large: VectorIndex) -> None:
    assert_finds(large, LARGE_ROWS, MIXED[0], 500)
    for count in (LARGE, LARGE + 7):
        assert_finds_all(large, MIXED[0], count, np.ones(LARGE, dtype=np.bool_))


def test_a_large_index_gives_as_many_rows_as_asked_for_where_lists_are_short(tmp_path: Path) -> None:
    index = VectorIndex.build(LARGE_ROWS, tmp_path, most_exact=0, ladder=((8, 400),))
    for query in MIXED:
        found, _ = index.search(query, 400)
        assert len(set(found.tolist())) == 400
        assert found.min() >= 0


def test_rows_of_a_large_index_come_back_rounded_to_float16(large: VectorIndex) -> None:
    assert large.take(np.arange(LARGE)).tobytes() == LARGE_ROWS.astype(np.float32).tobytes()
    for wanted in ([LARGE - 1], [9, 2, 3_000, 0], [3, 3, 1, 3]):
        assert large.take(np.array(wanted)).tobytes() == LARGE_ROWS[wanted].astype(np.float32).tobytes()


def test_float16_of_every_size_and_sign_is_read_as_numpy_reads_it(tmp_path: Path) -> None:
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    rows = every[np.isfinite(every)].reshape(-1, DIM)
    taken = VectorIndex.build(rows, tmp_path).take(np.arange(len(rows)))
    assert taken.tobytes() == rows.astype(np.float32).tobytes()


def test_embeddings_mapped_from_a_file_give_the_same_bytes(large: VectorIndex, folder: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", LARGE_ROWS)
    build_large(np.load(tmp_path / "rows.npy", mmap_mode="r"), tmp_path / "mapped")
    build_large(LARGE_ROWS.astype(np.float32), tmp_path / "float32")
    first = contents(folder / "large")
    assert sorted(first) == ["index.json", "lists.faiss", "rows.faiss"]
    assert contents(tmp_path / "mapped") == first
    assert contents(tmp_path / "float32") == first


def test_the_number_of_threads_does_not_change_the_bytes(large: VectorIndex, folder: Path, tmp_path: Path) -> None:
    faiss.omp_set_num_threads(2)
    try:
        build_large(LARGE_ROWS, tmp_path)
    finally:
        faiss.omp_set_num_threads(1)
    assert contents(tmp_path) == contents(folder / "large")


def test_a_loaded_large_index_finds_what_the_built_one_finds(large: VectorIndex, folder: Path) -> None:
    loaded = VectorIndex.load(folder / "large")
    assert loaded.record == large.record
    for query in MIXED:
        assert loaded.search(query, 10)[0].tolist() == large.search(query, 10)[0].tolist()


def test_texts_that_occur_many_times_do_not_lower_the_recall(tmp_path: Path) -> None:
    rows = np.concatenate([LARGE_ROWS[:3_000], np.repeat(LARGE_ROWS[:4], 100, axis=0)])
    index = VectorIndex.build(rows, tmp_path, most_exact=0, ladder=((16, 300),))
    found, scores = index.search(LARGE_ROWS[2].astype(np.float32), 101)
    assert index.record.recall_at_10 >= MIN_RECALL
    assert set(found.tolist()) == {2, *range(3_200, 3_300)}
    assert scores.tolist() == pytest.approx([1.0] * 101, abs=1e-3)


def test_rows_of_zeros_are_found_with_a_score_of_zero(tmp_path: Path) -> None:
    rows = LARGE_ROWS.copy()
    rows[[5, 1_000]] = 0
    index = build_large(rows, tmp_path)
    found, scores = index.search(MIXED[0], 2, passing((rows == 0).all(axis=1)))
    assert (sorted(found.tolist()), scores.tolist()) == ([5, 1_000], [0, 0])


@pytest.mark.parametrize("dim", [1, 2, 9, 13])
def test_any_number_of_dimensions_will_do(tmp_path: Path, dim: int) -> None:
    rows = random_rows(3_000, dim=dim).astype(np.float16)
    index = VectorIndex.build(rows, tmp_path, most_exact=0, ladder=((108, 2_000),))
    allowed = np.arange(3_000) % 3 == 0
    expected = [score for _, score in brute_force(rows, rows[8], 5, allowed)]
    assert index.search(rows[8].astype(np.float32), 5, passing(allowed))[1].tolist() == pytest.approx(
        expected, abs=1e-6
    )


def test_an_index_that_finds_too_little_is_not_built(tmp_path: Path) -> None:
    rows = random_rows(2_000, dim=64)
    with pytest.raises(RecallError) as raised:
        VectorIndex.build(rows, tmp_path, most_exact=0, ladder=((1, 10), (2, 20)))
    message = str(raised.value)
    assert message.startswith("index 'IVF88,PQ32x4fs + exact scores of float16 rows' of 2000 rows finds 0.")
    assert "expected at least 0.98; tried (lists read / rows scored: recall) 1 / 10: 0." in message
    assert ", 2 / 20: 0." in message
    assert "raise MOST_EXACT in indexer/vectors.py so that every row is compared" in message
    assert not (tmp_path / "index.json").exists()


def cut(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])


@pytest.mark.parametrize("kept", [0, 1, 4, 10, 44, 100, 1_000, -1])
@pytest.mark.parametrize("name", ["rows.faiss", "lists.faiss"])
def test_a_cut_file_is_refused(large: VectorIndex, folder: Path, tmp_path: Path, name: str, kept: int) -> None:
    copy_of(folder / "large", tmp_path)
    cut(tmp_path / name, kept)
    with pytest.raises(ValueError, match=rf"{name} is not a faiss index: "):
        VectorIndex.load(tmp_path)


def test_a_cut_exact_index_is_refused(index: VectorIndex, folder: Path, tmp_path: Path) -> None:
    copy_of(folder / "exact", tmp_path)
    cut(tmp_path / "rows.faiss", -1)
    with pytest.raises(ValueError, match=r"rows\.faiss is not a faiss index: "):
        VectorIndex.load(tmp_path)


@pytest.mark.parametrize("content", [b"PK\x03\x04 a spreadsheet", b'{"format_version": 1}' * 50, bytes(5_000)])
def test_a_file_of_another_kind_is_refused(index: VectorIndex, folder: Path, tmp_path: Path, content: bytes) -> None:
    copy_of(folder / "exact", tmp_path)
    (tmp_path / "rows.faiss").write_bytes(content)
    with pytest.raises(ValueError, match=r"rows\.faiss is not a faiss index: "):
        VectorIndex.load(tmp_path)


@pytest.mark.parametrize("name", ["rows.faiss", "lists.faiss", "index.json"])
def test_a_file_that_is_not_there_is_refused(large: VectorIndex, folder: Path, tmp_path: Path, name: str) -> None:
    copy_of(folder / "large", tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ValueError, match=rf"{name} is not "):
        VectorIndex.load(tmp_path)


def swap_files(folder: Path) -> None:
    (folder / "rows.faiss").write_bytes((folder / "lists.faiss").read_bytes())


def drop_a_row(folder: Path) -> None:
    VectorIndex.build(LARGE_ROWS[1:], folder / "other", most_exact=LARGE)
    (folder / "other" / "rows.faiss").replace(folder / "rows.faiss")


def forget_a_parameter(folder: Path) -> None:
    record = json.loads((folder / "index.json").read_bytes())
    del record["parameters"]["rescored"]
    (folder / "index.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (swap_files, r"rows\.faiss is a faiss IndexIVFPQFastScan, expected an IndexFlatCodes"),
        (drop_a_row, r"lists\.faiss has rows and dimensions \(4000, 16\), expected \(3999, 16\)"),
        (forget_a_parameter, r"index\.json has the parameters nlist, nprobe, expected nlist, nprobe, rescored"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    large: VectorIndex, folder: Path, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    copy_of(folder / "large", tmp_path)
    damage(tmp_path)
    with pytest.raises(ValueError, match=message):
        VectorIndex.load(tmp_path)


def copy_of(folder: Path, target: Path) -> None:
    for name, content in contents(folder).items():
        (target / name).write_bytes(content)
