"""How far two encoders are apart is measured over all texts, as questions and as documents."""

from collections.abc import Sequence

import numpy as np
import pytest

from indexer.encoder import Embeddings
from indexer.parity import Parity, measure_parity, read_parity, write_parity

ROWS = {"east": (1.0, 0.0), "north": (0.0, 1.0), "north-east": (0.6, 0.8), "nearly north": (0.28, 0.96)}


def encode(texts: Sequence[str]) -> Embeddings:
    return np.array([ROWS[text] for text in texts], dtype=np.float32)


def always_north(texts: Sequence[str]) -> Embeddings:
    return np.tile(np.array([[0, 1]], dtype=np.float32), (len(texts), 1))


def test_an_encoder_has_no_gap_to_itself():
    found = measure_parity(list(ROWS), [(encode, encode)])
    assert found.texts == 4
    assert found.mean_gap == pytest.approx(0, abs=1e-6)
    assert found.largest_gap == pytest.approx(0, abs=1e-6)


def test_the_gap_of_a_text_is_what_the_cosine_lacks():
    found = measure_parity(["north", "north-east", "nearly north"], [(encode, always_north)])
    assert found.texts == 3
    assert found.mean_gap == pytest.approx((0 + 0.2 + 0.04) / 3, abs=1e-6)
    assert found.largest_gap == pytest.approx(0.2, abs=1e-6)


def test_all_ways_to_encode_count_and_the_worst_of_them_is_the_largest_gap():
    both = [(encode, encode), (encode, always_north)]
    for pairs in (both, both[::-1]):
        found = measure_parity(["north", "east"], pairs)
        assert found.texts == 2
        assert found.mean_gap == pytest.approx(1 / 4, abs=1e-6)
        assert found.largest_gap == pytest.approx(1, abs=1e-6)


def test_a_cosine_above_one_is_a_gap_too():
    found = measure_parity(["north"], [(encode, lambda texts: 1.5 * encode(texts))])
    assert found.largest_gap == pytest.approx(0.5, abs=1e-6)


def test_parity_comes_back_as_it_was_written(tmp_path):
    parity = Parity(texts=171, mean_gap=1.2426347950622585e-07, largest_gap=4.76837158203125e-07)
    write_parity(tmp_path, parity)
    assert read_parity(tmp_path) == parity
    assert [path.name for path in tmp_path.iterdir()] == ["parity.json"]
