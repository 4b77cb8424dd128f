"""Token vectors come from disk as they were written: exactly in 4 bits where they are made so, else as half floats."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.token_table import BLOCK, TokenTable, write_token_table

NUMBERS = np.array([0, 15, *range(1, 15), *range(15, -1, -1)], dtype=np.float32)
"""Every number that 4 bits hold, twice."""

blocks = st.tuples(
    st.lists(st.integers(0, 15), min_size=BLOCK - 1, max_size=BLOCK - 1),
    st.integers(0, BLOCK - 1),
    st.floats(-1024, 1024, width=16),
)
"""Numbers, the place of the largest one among them, which is 0, and the scale of a block."""


def weights_of(numbers: list[int], place: int, scale: float) -> np.ndarray:
    with_largest = [*numbers[:place], 0, *numbers[place:]]
    return (np.array(with_largest, dtype=np.float32) - 8) * np.float32(scale)


def exact_weights(tokens: int, dim: int) -> np.ndarray:
    """Return rows of blocks as 4 bits hold them; no two are the same."""
    scales = np.arange(1, tokens * dim // BLOCK + 1, dtype=np.float32) / 64
    return ((NUMBERS - 8) * scales[:, None]).reshape(tokens, dim)


def written(folder: Path, weights: np.ndarray) -> TokenTable:
    write_token_table(folder, weights)
    return TokenTable(folder)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@settings(derandomize=True, deadline=None)
@given(rows=st.lists(st.tuples(blocks, blocks), min_size=1, max_size=4))
def test_blocks_of_4_bits_come_back_exactly(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    folder = tmp_path_factory.mktemp("table")
    weights = np.array([np.concatenate([weights_of(*block) for block in row]) for row in rows])
    found = written(folder, weights).vectors(np.arange(len(rows)))
    assert names_in(folder) == ["token-blocks.npy", "token-scales.npy"]
    assert found.dtype == np.float32
    assert np.array_equal(found, weights)


@pytest.mark.parametrize("scale", [0.5, -0.5, 2**-24, -1024])
def test_all_numbers_of_a_block_come_back_for_scales_of_both_signs(tmp_path, scale):
    weights = ((NUMBERS - 8) * np.float32(scale))[None]
    assert written(tmp_path, weights).vectors(np.array([0])).tolist() == weights.tolist()
    assert names_in(tmp_path) == ["token-blocks.npy", "token-scales.npy"]


def test_a_block_of_zeros_stays_zero_beside_one_that_is_not(tmp_path):
    weights = np.stack([np.zeros(2 * BLOCK), np.concatenate([np.zeros(BLOCK), (NUMBERS - 8) / 4])]).astype(np.float32)
    assert written(tmp_path, weights).vectors(np.array([0, 1])).tolist() == weights.tolist()
    assert names_in(tmp_path) == ["token-blocks.npy", "token-scales.npy"]


def test_4_bits_take_half_a_byte_a_weight_and_two_bytes_a_block(tmp_path):
    written(tmp_path, exact_weights(tokens=5, dim=384))
    rows, scales = (np.load(tmp_path / name) for name in ("token-blocks.npy", "token-scales.npy"))
    assert (rows.dtype, rows.shape, rows.nbytes) == (np.uint8, (5, 192), 5 * 384 // 2)
    assert (scales.dtype, scales.shape, scales.nbytes) == (np.float16, (5, 12), 5 * 12 * 2)


@pytest.mark.parametrize(
    "weights",
    [
        np.linspace(-1, 1, 2 * BLOCK, dtype=np.float32).reshape(2, BLOCK),  # between the numbers of 4 bits
        (NUMBERS[None] - 8) * np.float32(1.0001),  # a scale that is no half float
        np.where(NUMBERS[None] == 15, 8, NUMBERS[None] - 8).astype(np.float32)
        / 4,  # 17 steps from the smallest to the largest
        ((NUMBERS - 8) / 4)[None, : BLOCK - 1],  # not whole blocks
        np.array([[0.5, -0.25, 0.125]], dtype=np.float32),
    ],
)
def test_other_weights_are_kept_as_half_floats(tmp_path, weights):
    found = written(tmp_path, weights).vectors(np.arange(len(weights)))
    assert names_in(tmp_path) == ["tokens.npy"]
    assert np.load(tmp_path / "tokens.npy").dtype == np.float16
    assert found.dtype == np.float32
    assert found.tolist() == weights.astype(np.float16).astype(np.float32).tolist()


def test_one_row_that_is_not_exact_makes_half_floats_of_all(tmp_path):
    weights = exact_weights(tokens=3, dim=64)
    weights[1, 5] += 0.001
    found = written(tmp_path, weights).vectors(np.array([0, 1, 2]))
    assert names_in(tmp_path) == ["tokens.npy"]
    assert np.allclose(found, weights, atol=1e-3)


@pytest.mark.parametrize("dim", [64, 60])
def test_rows_come_in_the_order_of_the_ids_also_those_asked_for_twice(tmp_path, dim):
    weights = exact_weights(tokens=4, dim=64)[:, :dim]
    found = written(tmp_path, weights).vectors(np.array([3, 0, 3, 1]))
    assert found.tolist() == weights[[3, 0, 3, 1]].tolist()


@pytest.mark.parametrize("dim", [64, 60])
def test_no_ids_give_no_rows(tmp_path, dim):
    found = written(tmp_path, exact_weights(tokens=2, dim=64)[:, :dim]).vectors(np.array([], dtype=np.int64))
    assert (found.shape, found.dtype) == ((0, dim), np.float32)


@pytest.mark.parametrize("dim", [64, 60])
def test_the_table_stays_on_disk(tmp_path, dim):
    table = written(tmp_path, exact_weights(tokens=2, dim=64)[:, :dim])
    names = ["tokens.npy"] if dim == 60 else ["token-blocks.npy", "token-scales.npy"]
    for name in names:
        rows = np.load(tmp_path / name)
        np.save(tmp_path / f"other-{name}", np.zeros_like(rows))
        with (tmp_path / name).open("r+b") as file:  # what is on disk now is what a table that is open gives
            file.write((tmp_path / f"other-{name}").read_bytes())
    assert not table.vectors(np.array([0, 1])).any()


@pytest.mark.parametrize("ids", [[2], [-1], [0, 5]])
def test_an_id_that_there_is_not_is_refused(tmp_path, ids):
    table = written(tmp_path, exact_weights(tokens=2, dim=64))
    with pytest.raises(IndexError, match=r"of 2$"):
        table.vectors(np.array(ids))


def test_a_folder_without_a_table_is_refused_by_the_name_of_the_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"tokens\.npy"):
        TokenTable(tmp_path)
