"""Turn embeddings into faiss files, and these into rows that are taken, scanned or searched. Only here is faiss."""

import os
from pathlib import Path
from typing import Any, Literal

import faiss
import numpy as np
import numpy.typing as npt

from indexer.columns import Rows
from indexer.encoder import Embedding, Embeddings
from indexer.half_floats import as_float32
from indexer.row_blocks import in_blocks
from indexer.stored_rows import StoredRows

Scores = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
RowType = Literal["float32", "float16"]

_FEW = 0.05
"""Share of rows up to which gathering those that pass a filter is quicker than asking the filter about every row."""

_GATHERED = 1_024  # rows scored at once where they are gathered: 1.5 MB, which stay in the processor's cache
_TRAINED_ON = 50  # rows a list that k-means sees; 64 gave the same recall
_ROUNDS = 10  # of k-means; 25 gave the same recall and took twice as long
_SEED = 1


class RowFile:
    """Rows of a faiss file, mapped into memory: processes share it and only what is touched is read."""

    def __init__(self, path: Path) -> None:
        self.index = _read_index(path, faiss.IndexFlatCodes)
        self.size, self.dim = int(self.index.ntotal), int(self.index.d)
        is_half = self.index.code_size == 2 * self.dim
        rows_from = path.stat().st_size - self.size * int(self.index.code_size)
        shape, row_type = (self.size, self.dim), np.float16 if is_half else np.float32
        mapped = np.memmap(path, row_type, "r", rows_from, shape) if self.size else np.empty(shape, row_type)
        self._rows = StoredRows(path, np.asarray(mapped), rows_from)

    def take(self, rows: Rows) -> Embeddings:
        """Return `rows` (k, dim) float32 in the order asked for."""
        return as_float32(self._rows.take(rows))

    def scan(self, embedding: Embedding, count: int, allowed: Mask | None = None) -> tuple[Rows, Scores]:
        """Return the `count` best rows of the `allowed` (n,) and their scores, best first; exact.

        At least `count` rows have to be allowed.
        """
        if allowed is None:
            return self._scan(embedding, count, None)
        if np.count_nonzero(allowed) <= self.size * _FEW:
            return self._gather(embedding, count, np.flatnonzero(allowed))
        bits = np.packbits(allowed, bitorder="little")
        return self._scan(embedding, count, faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits)))

    def best_scores(self, embeddings: Embeddings, count: int) -> Scores:
        """Return the exact `count` best scores of each of many embeddings (k, dim), as (k, count), best first."""
        best = np.full((len(embeddings), count), -np.inf, dtype=np.float32)
        for block in in_blocks(self._rows.mapped):
            scores, _ = faiss.knn(embeddings, block, min(count, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
            best = -np.sort(-np.concatenate([best, scores], axis=1), axis=1)[:, :count]
        return best

    def _scan(self, embedding: Embedding, count: int, parameters: Any) -> tuple[Rows, Scores]:  # noqa: ANN401  faiss
        scores, rows = self.index.search(embedding[None, :].astype(np.float32), count, params=parameters)
        return rows[0], scores[0]

    def _gather(self, embedding: Embedding, count: int, passing: Rows) -> tuple[Rows, Scores]:
        starts = range(0, len(passing), _GATHERED)
        # Mapped: so many single rows would be read one by one.
        blocks = (as_float32(self._rows.mapped[passing[start : start + _GATHERED]]) for start in starts)
        scores = np.concatenate([block @ embedding.astype(np.float32) for block in blocks])
        best = np.argpartition(-scores, count - 1)[:count]
        best = best[np.argsort(-scores[best], kind="stable")]
        return passing[best], scores[best]


class ListFile:
    """Rows in short, in the list of their nearest centroid, to guess which of a `RowFile` are worth an exact score."""

    def __init__(self, path: Path, rows: RowFile) -> None:
        self._lists = _read_index(path, faiss.IndexIVFPQFastScan)
        found, expected = (self._lists.ntotal, self._lists.d), (rows.size, rows.dim)
        if found != expected:
            raise ValueError(f"{path} has rows and dimensions {found}, expected {expected}")
        self.list_count = int(self._lists.nlist)
        self.description = f"IVF{self.list_count},PQ{self._lists.pq.M}x4fs"
        self._rows = rows  # faiss keeps the address of its index, and not the index
        self._index = faiss.IndexRefine(self._lists, rows.index)

    def search(self, embeddings: Embeddings, candidates: int, lists: int) -> tuple[Rows, Scores]:
        """Return the `candidates` best guesses from the `lists` nearest lists for each embedding (k, dim).

        Rows and their exact scores (k, candidates), best first; row -1 where the lists hold fewer.
        """
        coarse = faiss.IVFSearchParameters(nprobe=min(lists, self.list_count))
        parameters = faiss.IndexRefineSearchParameters(k_factor=1, base_index_params=coarse)
        scores, rows = self._index.search(embeddings.astype(np.float32), candidates, params=parameters)
        return rows, scores


def write_rows(path: Path, embeddings: npt.NDArray[np.floating[Any]], row_type: RowType) -> None:
    """Write `embeddings` (n, dim) as the faiss file of an exact inner-product index, block by block."""
    size, dim = embeddings.shape
    if row_type == "float32":
        empty = faiss.IndexFlatIP(dim)
    else:
        empty = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    empty.ntotal = size
    # faiss would hold all rows to write them. Its file ends with the number of bytes of the rows and these bytes.
    head = faiss.serialize_index(empty).tobytes()[:-8]
    values = size * empty.code_size // (1 if row_type == "float16" else 4)
    with path.open("wb") as file:
        file.write(head + values.to_bytes(8, "little"))
        for block in in_blocks(embeddings):
            file.write(np.ascontiguousarray(block, dtype=row_type).tobytes())


def write_lists(path: Path, embeddings: npt.NDArray[np.floating[Any]], list_count: int) -> None:
    """Write the lists of `embeddings` (n, dim); the same embeddings give the same bytes, with any number of threads."""
    size, dim = embeddings.shape
    description = f"IVF{list_count},PQ{_codes(dim)}x4fs"
    index = faiss.index_factory(dim, description, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.niter = _SEED, _ROUNDS
    index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, _TRAINED_ON
    sample = np.random.default_rng(_SEED).choice(size, min(size, list_count * _TRAINED_ON), replace=False)
    index.train(as_float32(np.asarray(embeddings[np.sort(sample)])))
    for block in in_blocks(embeddings):
        index.add(block)
    faiss.write_index(index, os.fspath(path))


def _codes(dim: int) -> int:
    """Return how many codes of four bits a row gets: one for two dimensions, or for as many as divide `dim`.

    Measured at 384 dimensions, on synthetic and on real text: one for four dimensions is half as large and needs 1,000
    exact scores where these need 400; RaBitQ, one bit a dimension, guesses so wrong for rows of far lists, with an
    inner product, that reading more lists finds less (.95 of the ten nearest with 32 lists, .57 with 256).
    """
    return next(dim // width for width in range(min(2, dim), dim + 1) if dim % width == 0)


def _read_index(path: Path, kind: type) -> Any:  # noqa: ANN401  faiss has no types
    """Return a faiss index mapped into memory. Raises ValueError when the file is no index of this kind."""
    try:
        index = faiss.read_index(os.fspath(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise ValueError(f"{path} is not a faiss index: {error}") from error
    if not isinstance(index, kind):
        raise ValueError(f"{path} is a faiss {type(index).__name__}, expected an {kind.__name__}")
    return index
