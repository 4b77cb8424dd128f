"""Keep embeddings by encoder and text, so that only what changed is encoded and a killed build goes on where it was."""

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from indexer.encoder import Embeddings

_FLOAT_BYTES = 4
_BATCH = 500  # SQLite takes 999 parameters a statement everywhere


def text_key(text: str) -> bytes:
    """Return the sha256 of a text, the key under which its embedding is kept."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).digest()


class EmbeddingCache:
    """Embeddings of one encoder in one SQLite file; every `store` is one transaction."""

    def __init__(self, folder: Path, identity: str, dim: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{identity}.sqlite"
        self._dim = dim
        with closing(self._connect()) as connection, connection:
            connection.execute("CREATE TABLE IF NOT EXISTS embeddings (text BLOB PRIMARY KEY, vector BLOB NOT NULL)")

    def of_queries(self) -> "EmbeddingCache":
        """Return the cache beside this one that keeps queries: the same text has another embedding as a document."""
        return EmbeddingCache(self._path.parent, f"{self._path.stem}-queries", self._dim)

    def known(self, texts: Sequence[str]) -> dict[bytes, Embeddings]:
        """Return key -> embedding (dim,) of those texts that are kept."""
        keys = list({text_key(text) for text in texts})
        found = {}
        with closing(self._connect()) as connection:
            for start in range(0, len(keys), _BATCH):
                batch = keys[start : start + _BATCH]
                marks = ",".join("?" * len(batch))
                statement = f"SELECT text, vector FROM embeddings WHERE text IN ({marks})"  # noqa: S608  only marks
                for key, vector in connection.execute(statement, batch):
                    if len(vector) == self._dim * _FLOAT_BYTES:
                        found[bytes(key)] = np.frombuffer(vector, dtype="<f4")
        return found

    def store(self, texts: Sequence[str], embeddings: Embeddings) -> None:
        """Keep one row (dim,) a text; a text that is kept already is overwritten."""
        rows = [(text_key(text), row.astype("<f4").tobytes()) for text, row in zip(texts, embeddings, strict=True)]
        with closing(self._connect()) as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?)", rows)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=60)
