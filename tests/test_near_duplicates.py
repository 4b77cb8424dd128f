"""Rows that are nearly the same as an earlier one are found as brute force finds them, with an index too."""

from pathlib import Path

import numpy as np
import pytest

from indexer import near_duplicates as module
from indexer.encoder import Embeddings, unit_rows
from indexer.near_duplicates import near_duplicates
from indexer.vectors import RecallError, VectorIndex

SIZE, DIM, LEAST = 2_500, 16, 0.98


def rows_with_copies() -> Embeddings:
    """Rows of which every seventh is a copy of some row with a little noise, and 60 in a run are copies of one."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(SIZE, DIM))
    copies = np.arange(7, SIZE, 7)
    rows[copies] = rows[generator.integers(0, SIZE, len(copies))] + 0.03 * generator.normal(size=(len(copies), DIM))
    rows[1_000:1_060] = rows[5] + 0.03 * generator.normal(size=(60, DIM))
    return unit_rows(rows.astype(np.float32))


ROWS = rows_with_copies()


def brute_force(rows: Embeddings) -> dict[int, tuple[int, float]]:
    """Return row -> (nearest earlier row, cosine) where that is LEAST or more."""
    cosines = np.tril(rows @ rows.T, -1)
    nearest = cosines.argmax(axis=1)
    best = cosines[np.arange(len(rows)), nearest]
    return {row: (int(nearest[row]), float(best[row])) for row in np.flatnonzero(best >= LEAST).tolist()}


def found(folder: Path, rows: Embeddings = ROWS, **options: int) -> dict[int, tuple[int, float]]:
    pairs = list(near_duplicates(rows, LEAST, folder, **options))
    assert [pair.row for pair in pairs] == sorted({pair.row for pair in pairs})
    return {pair.row: (pair.other, pair.cosine) for pair in pairs}


def test_every_row_is_compared_with_every_earlier_one(tmp_path: Path) -> None:
    expected = brute_force(ROWS)
    assert len(expected) > 300
    assert any(row // 1_024 != other // 1_024 for row, (other, _) in expected.items())
    pairs = found(tmp_path)
    assert {row: other for row, (other, _) in pairs.items()} == {row: other for row, (other, _) in expected.items()}
    assert all(cosine == pytest.approx(expected[row][1], abs=1e-5) for row, (_, cosine) in pairs.items())
    assert list(tmp_path.iterdir()) == []


def test_an_index_finds_what_a_comparison_finds(tmp_path: Path) -> None:
    expected, pairs = brute_force(ROWS), found(tmp_path, most_exact=100)
    assert (tmp_path / "lists.faiss").exists()
    assert len(expected.keys() ^ pairs.keys()) <= 0.01 * len(expected)  # cosines of float16 rows differ by .0005
    assert set(range(1_000, 1_060)) <= pairs.keys()
    for row in expected.keys() & pairs.keys():
        other, cosine = pairs[row]
        assert other < row
        assert float(ROWS[row] @ ROWS[other]) == pytest.approx(cosine, abs=1e-3)
        assert cosine == pytest.approx(expected[row][1], abs=1e-3)


def test_more_is_asked_where_all_that_is_near_comes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []

    class CountingIndex:
        size = 90

        def search(self, embedding: Embeddings, count: int) -> tuple[np.ndarray, np.ndarray]:
            counts.append(count)
            others = np.arange(self.size)[::-1][:count]
            return others, np.full(len(others), 0.99, dtype=np.float32)

    monkeypatch.setattr(VectorIndex, "build", lambda *_, **__: CountingIndex())
    pairs = found(tmp_path, ROWS[:90], most_exact=10)
    assert {row: other for row, (other, _) in pairs.items()} == {row: row - 1 for row in range(1, 90)}
    assert max(counts) >= 90


def test_all_are_compared_where_no_index_finds_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RecallError

    monkeypatch.setattr(module.VectorIndex, "build", refuse)
    pairs = found(tmp_path, most_exact=100)
    assert {row: other for row, (other, _) in pairs.items()} == {
        row: other for row, (other, _) in brute_force(ROWS).items()
    }


def test_one_row_has_no_earlier_one(tmp_path: Path) -> None:
    assert found(tmp_path, ROWS[:1]) == {}
