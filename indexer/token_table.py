"""Keep the vectors of an encoder's tokens on disk: of hundreds of thousands only those that occur are ever read."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.stored_rows import StoredRows

BLOCK = 32
"""Weights that share a scale: rows of the default encoder come in such blocks, so that 4 bits lose nothing of them."""

_HALF_FILE = "tokens.npy"
_BLOCKS_FILE = "token-blocks.npy"
_SCALES_FILE = "token-scales.npy"
_ZERO = 8  # what 4 bits without a sign stand for: value = (number - 8) * scale

TokenIds = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]


class TokenTable:
    """The vectors of all tokens in a folder; only those that are asked for are read."""

    def __init__(self, folder: Path) -> None:
        self._scales = StoredRows.load(folder / _SCALES_FILE) if (folder / _SCALES_FILE).exists() else None
        self._rows = StoredRows.load(folder / (_HALF_FILE if self._scales is None else _BLOCKS_FILE))

    def vectors(self, ids: TokenIds) -> Vectors:
        """Return one row a token (n, dim), float32."""
        rows = self._rows.take(ids)
        if self._scales is None:
            return np.asarray(rows, dtype=np.float32)
        pairs = np.asarray(rows, dtype=np.uint8)
        scales = np.asarray(self._scales.take(ids), dtype=np.float32)[:, :, None]
        numbers = np.stack([pairs & 15, pairs >> 4], axis=-1).reshape(len(ids), scales.shape[1], BLOCK)
        vectors: Vectors = (numbers.astype(np.float32) - _ZERO) * scales
        return vectors.reshape(len(ids), scales.shape[1] * BLOCK)


def write_token_table(folder: Path, weights: Vectors) -> None:
    """Write the vectors (n, dim): in 4 bits where that loses nothing, else as half floats."""
    packed = _in_four_bits(weights)
    if packed is None:
        np.save(folder / _HALF_FILE, weights.astype(np.float16))
        return
    rows, scales = packed
    np.save(folder / _BLOCKS_FILE, rows)
    np.save(folder / _SCALES_FILE, scales)


def _in_four_bits(weights: Vectors) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float16]] | None:
    """Return numbers, two a byte with the even places low, and a scale a block; None where they are not exact.

    The largest weight of a block has the number 0, as usual: it is -8 times the scale.
    """
    if weights.shape[1] % BLOCK:
        return None
    blocks = weights.reshape(len(weights), -1, BLOCK)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=2)[:, :, None], axis=2)[:, :, 0]
    scales = (largest / -_ZERO).astype(np.float16)
    wide = scales.astype(np.float32)[:, :, None]
    numbers = np.rint(np.divide(blocks, wide, out=np.zeros_like(blocks), where=wide != 0))
    if not (np.array_equal(numbers * wide, blocks) and numbers.min() >= -_ZERO and numbers.max() < _ZERO):
        return None
    unsigned = (numbers + _ZERO).astype(np.uint8).reshape(len(weights), -1)
    rows = np.bitwise_or(unsigned[:, ::2], np.left_shift(unsigned[:, 1::2], np.uint8(4)), dtype=np.uint8)
    return rows, scales
