"""Turn embeddings into an exact index that can be searched, filtered and saved. The only module that imports faiss."""

from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
import numpy.typing as npt

from indexer.encoder import Embedding, Embeddings

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


class VectorIndex:
    """Exact inner-product search over unit rows, so that a score is a cosine: higher is better."""

    def __init__(self, index: Any) -> None:  # noqa: ANN401  faiss has no types
        self._index = index

    @classmethod
    def build(cls, embeddings: Embeddings) -> Self:
        """Return an index of `embeddings` (n, dim); row numbers are positions in it."""
        index = faiss.IndexFlatIP(embeddings.shape[1])
        index.add(np.ascontiguousarray(embeddings, dtype=np.float32))
        return cls(index)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the index that `save` wrote. Raises ValueError when the file is not one."""
        try:
            index = faiss.read_index(str(path))
        except RuntimeError as error:
            raise ValueError(f"{path} is not a faiss index: {error}") from error
        return cls(index)

    def save(self, path: Path) -> None:
        """Write the index to `path`; the same embeddings give the same bytes."""
        faiss.write_index(self._index, str(path))

    @property
    def size(self) -> int:
        """Return the number of rows."""
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """Return the length of a row."""
        return int(self._index.d)

    def take(self, rows: Rows) -> Embeddings:
        """Return the embeddings of `rows` as they were added, (k, dim), in the order asked for."""
        return np.asarray(self._index.reconstruct_batch(rows), dtype=np.float32)

    def search(self, embedding: Embedding, count: int, allowed: Mask | None = None) -> tuple[Rows, Scores]:
        """Return the `count` nearest rows and their cosines, best first; fewer where there are fewer.

        `allowed` (n,) says which rows may be found; the answer is exact for every mask. Equal scores come in no
        promised order.
        """
        parameters = None
        if allowed is not None:
            count = min(count, int(allowed.sum()))
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)
            parameters = faiss.SearchParameters(sel=selector)
        count = min(count, self.size)
        if count == 0:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        scores, rows = self._index.search(embedding[None, :].astype(np.float32), count, params=parameters)
        return rows[0], scores[0]
