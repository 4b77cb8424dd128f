"""Turn an encoder into one that encodes no query twice: a build asks the same probes each time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from indexer.embedding_cache import EmbeddingCache, text_key
from indexer.encoder import Embeddings, Encoder
from indexer.registry import EncoderSpec


class QueriesOnce:
    """An encoder whose embeddings of queries are kept in `cache`, which holds nothing else."""

    def __init__(self, encoder: Encoder, cache: EmbeddingCache) -> None:
        self._encoder = encoder
        self._cache = cache

    @property
    def spec(self) -> EncoderSpec:
        """Return the registry entry of the encoder."""
        return self._encoder.spec

    @property
    def folder(self) -> Path | None:
        """Return the exported files of the encoder."""
        return self._encoder.folder

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the encoder reads for a document."""
        return self._encoder.count_tokens(text)

    def encode_documents(self, texts: Sequence[str]) -> Embeddings:
        """Return one row a text, in order, from the encoder."""
        return self._encoder.encode_documents(texts)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Return one row a text, in order; what is kept is not encoded again."""
        known = self._cache.known(texts)
        missing = [text for text in dict.fromkeys(texts) if text_key(text) not in known]
        if missing:
            rows = self._encoder.encode_queries(missing)
            self._cache.store(missing, rows)
            known.update(zip(map(text_key, missing), rows, strict=True))
        return np.array([known[text_key(text)] for text in texts], dtype=np.float32).reshape(len(texts), self.spec.dim)
