"""An encoder that remembers queries gives the same rows in the same order, and encodes none twice."""

from pathlib import Path

import numpy as np

from indexer.embedding_cache import EmbeddingCache
from indexer.queries_once import QueriesOnce
from tests.fakes import WordEncoder


def remembering(folder: Path, inner: WordEncoder) -> QueriesOnce:
    cache = EmbeddingCache(folder, inner.spec.identity, inner.spec.dim)
    return QueriesOnce(inner, cache.of_queries())


def test_no_query_is_encoded_twice_and_the_rows_are_in_order(tmp_path: Path) -> None:
    inner = WordEncoder()
    encoder = remembering(tmp_path, inner)
    encoder.encode_queries(["street work", "evening school"])
    rows = encoder.encode_queries(["evening school", "masters", "masters", "street work"])
    assert inner.encoded == ["street work", "evening school", "masters"]
    texts = ["evening school", "masters", "masters", "street work"]
    np.testing.assert_array_equal(rows, WordEncoder().encode_queries(texts))


def test_another_process_finds_what_was_kept(tmp_path: Path) -> None:
    remembering(tmp_path, WordEncoder()).encode_queries(["street work"])
    inner = WordEncoder()
    rows = remembering(tmp_path, inner).encode_queries(["street work"])
    assert inner.encoded == []
    np.testing.assert_array_equal(rows, WordEncoder().encode_queries(["street work"]))


def test_a_document_is_not_taken_for_the_query_of_the_same_words(tmp_path: Path) -> None:
    inner = WordEncoder()
    cache = EmbeddingCache(tmp_path, inner.spec.identity, inner.spec.dim)
    cache.store(["masters"], np.zeros((1, inner.spec.dim), dtype=np.float32))
    rows = QueriesOnce(inner, cache.of_queries()).encode_queries(["masters"])
    np.testing.assert_array_equal(rows, WordEncoder().encode_queries(["masters"]))


def test_no_query_gives_no_row(tmp_path: Path) -> None:
    inner = WordEncoder()
    assert remembering(tmp_path, inner).encode_queries([]).shape == (0, inner.spec.dim)
