"""Every finite float16 becomes the float32 of the same value."""

import numpy as np
import pytest

from indexer.half_floats import as_float32

ALL = np.arange(2**16, dtype=np.uint16).view(np.float16)
FINITE = ALL[np.isfinite(ALL)]


def test_every_finite_number_keeps_its_value_and_its_sign() -> None:
    found = as_float32(FINITE)
    assert found.dtype == np.float32
    assert found.tobytes() == FINITE.astype(np.float32).tobytes()


@pytest.mark.parametrize("rows", [FINITE[:6000].reshape(60, 100)[:, ::2], FINITE[:6000].reshape(60, 100).T])
def test_the_layout_of_the_rows_in_memory_does_not_matter(rows: np.ndarray) -> None:
    assert np.array_equal(as_float32(rows), rows.astype(np.float32))


def test_no_rows_stay_no_rows() -> None:
    assert as_float32(np.empty((0, 3), dtype=np.float16)).shape == (0, 3)


def test_the_rows_that_come_in_stay_as_they_were() -> None:
    rows = FINITE[:100].copy()
    as_float32(rows)
    assert rows.tobytes() == FINITE[:100].tobytes()


def test_float32_rows_come_back_as_they_are() -> None:
    rows = np.array([[0.1, -0.2]], dtype=np.float32)
    assert as_float32(rows) is rows
