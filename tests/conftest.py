"""What several test files share: a release of the small catalogue, built with the fake encoder."""

from pathlib import Path

import pytest

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.release import Release
from service.retriever import Retriever
from tests.fakes import WordEncoder, small_source


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()


@pytest.fixture
def cache(tmp_path: Path, encoder: WordEncoder) -> EmbeddingCache:
    return EmbeddingCache(tmp_path / "cache", encoder.spec.identity, encoder.spec.dim)


@pytest.fixture
def release(tmp_path: Path, encoder: WordEncoder, cache: EmbeddingCache) -> Release:
    return build_release(small_source(), encoder, releases=tmp_path / "releases", cache=cache, progress=lambda *_: None)


@pytest.fixture
def retriever(release: Release) -> Retriever:
    return Retriever(release)
