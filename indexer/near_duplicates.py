"""Find for each row of embeddings the earlier one that is nearest to it, where it is near enough to be the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.encoder import Embedding
from indexer.half_floats import as_float32
from indexer.row_blocks import Matrix, blocks
from indexer.vectors import MOST_EXACT, RecallError, VectorIndex

_COMPARED_AT_ONCE = 1_024  # rows
_NEAREST = 8  # rows that are looked at first; more only where all of them are near enough and none is earlier


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A row, the earlier `other` one that is nearest to it, and their cosine."""

    row: int
    other: int
    cosine: float


def near_duplicates(
    rows: Matrix, least: float, folder: Path, *, most_exact: int = MOST_EXACT
) -> Iterator[NearDuplicate]:
    """Yield, in order, each of the unit `rows` (n, dim) with an earlier one at a cosine of `least` or more.

    Up to `most_exact` rows all are compared with all. Above that an index is written into `folder` and asked for each
    row: what it misses is as rare as its record says. Where none can be built all are compared, which takes long.
    """
    if len(rows) <= most_exact:
        yield from _compared(rows, least)
        return
    try:
        index = VectorIndex.build(rows, folder, most_exact=most_exact)
    except RecallError:
        yield from _compared(rows, least)
        return
    yield from _asked(index, rows, least)


def _compared(rows: Matrix, least: float) -> Iterator[NearDuplicate]:
    """Yield what is found by comparing every row with every earlier one, a block of both at a time."""
    for block in blocks(len(rows), _COMPARED_AT_ONCE):
        size = block.stop - block.start
        best, nearest = np.full(size, -np.inf, dtype=np.float32), np.zeros(size, dtype=np.int64)
        for earlier in blocks(block.stop, _COMPARED_AT_ONCE):
            cosines = rows[block] @ rows[earlier].T
            if earlier.start == block.start:
                cosines[np.triu_indices(size)] = -np.inf
            places = cosines.argmax(axis=1)
            found = cosines[np.arange(size), places]
            nearest = np.where(found > best, earlier.start + places, nearest)
            best = np.maximum(found, best)
        for at in np.flatnonzero(best >= least).tolist():
            yield NearDuplicate(block.start + at, int(nearest[at]), float(best[at]))


def _asked(index: VectorIndex, rows: Matrix, least: float) -> Iterator[NearDuplicate]:
    """Yield what an index finds near each row."""
    for block in blocks(len(rows), _COMPARED_AT_ONCE):
        for row, embedding in enumerate(as_float32(rows[block]), start=block.start):
            found = _earlier(index, row, embedding, least)
            if found is not None:
                yield found


def _earlier(index: VectorIndex, row: int, embedding: Embedding, least: float) -> NearDuplicate | None:
    count = _NEAREST
    while True:
        others, cosines = index.search(embedding, count)
        is_found = (others < row) & (cosines >= least)
        if is_found.any():
            at = int(is_found.argmax())
            return NearDuplicate(row, int(others[at]), float(cosines[at]))
        if count >= index.size or cosines[-1] < least:
            return None
        count *= 4
