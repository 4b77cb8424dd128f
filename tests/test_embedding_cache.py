"""What was stored is known again bit for bit, by text and by encoder, however much it is."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.embedding_cache import EmbeddingCache, text_key

DIM = 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "new" / "cache"


@pytest.fixture
def cache(folder: Path) -> EmbeddingCache:
    return EmbeddingCache(folder, "words@1", DIM)


def rows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)


def contents(cache: EmbeddingCache, texts: list[str]) -> dict[bytes, list[float]]:
    return {key: row.tolist() for key, row in cache.known(texts).items()}


def test_the_key_is_the_sha256_of_the_text() -> None:
    assert text_key("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert text_key("é") == hashlib.sha256(b"\xc3\xa9").digest()


def test_an_empty_cache_knows_nothing(cache: EmbeddingCache) -> None:
    assert cache.known(["mentors", "school"]) == {}
    assert cache.known([]) == {}


def test_what_was_stored_is_known_bit_for_bit(cache: EmbeddingCache) -> None:
    stored = rows(2)
    cache.store(["mentors", "school"], stored)
    known = cache.known(["school", "nurse", "mentors", "school"])
    assert set(known) == {text_key("mentors"), text_key("school")}
    assert known[text_key("mentors")].tobytes() == stored[0].tobytes()
    assert known[text_key("school")].tobytes() == stored[1].tobytes()
    assert {(row.dtype, row.shape) for row in known.values()} == {(np.dtype(np.float32), (DIM,))}


def test_a_later_process_knows_what_an_earlier_one_stored(cache: EmbeddingCache, folder: Path) -> None:
    cache.store(["mentors"], rows(1))
    assert contents(EmbeddingCache(folder, "words@1", DIM), ["mentors"]) == {text_key("mentors"): rows(1)[0].tolist()}


def test_more_texts_than_one_statement_takes_are_all_known(cache: EmbeddingCache) -> None:
    texts = [f"Sentence number {number}." for number in range(2_503)]
    stored = rows(len(texts))
    cache.store(texts, stored)
    expected = {text_key(text): row.tolist() for text, row in zip(texts, stored, strict=True)}
    assert contents(cache, texts) == expected
    assert contents(cache, [*reversed(texts), "unknown", *texts]) == expected


@pytest.mark.parametrize("count", [499, 500, 501, 999, 1_000, 1_001])
def test_no_text_is_lost_at_the_edge_of_a_batch(cache: EmbeddingCache, count: int) -> None:
    texts = [f"Sentence number {number}." for number in range(count)]
    cache.store(texts, rows(count))
    assert set(cache.known(texts)) == {text_key(text) for text in texts}


def test_a_text_that_is_stored_again_has_its_new_embedding(cache: EmbeddingCache) -> None:
    cache.store(["mentors", "school"], rows(2, seed=1))
    cache.store(["mentors"], rows(1, seed=2))
    assert contents(cache, ["mentors", "school"]) == {
        text_key("mentors"): rows(1, seed=2)[0].tolist(),
        text_key("school"): rows(2, seed=1)[1].tolist(),
    }


def test_texts_with_lone_surrogates_have_keys_of_their_own(cache: EmbeddingCache) -> None:
    texts = ["\ud800", "\udfff", "school \udce9", "?", "\ufffd"]
    stored = rows(len(texts))
    cache.store(texts, stored)
    assert contents(cache, texts) == {text_key(text): row.tolist() for text, row in zip(texts, stored, strict=True)}
    assert len(set(map(text_key, texts))) == len(texts)


def test_texts_that_look_alike_are_different_texts(cache: EmbeddingCache) -> None:
    cache.store(["école"], rows(1))
    assert cache.known(["e\u0301cole", "École", "école ", ""]) == {}


def test_another_identity_is_another_cache(cache: EmbeddingCache, folder: Path) -> None:
    other = EmbeddingCache(folder, "words@2", DIM)
    cache.store(["mentors"], rows(1, seed=1))
    assert other.known(["mentors"]) == {}
    other.store(["mentors"], rows(1, seed=2))
    assert contents(cache, ["mentors"]) == {text_key("mentors"): rows(1, seed=1)[0].tolist()}
    assert contents(other, ["mentors"]) == {text_key("mentors"): rows(1, seed=2)[0].tolist()}


def test_rows_of_another_dimension_are_not_known_and_can_be_replaced(cache: EmbeddingCache, folder: Path) -> None:
    cache.store(["mentors", "school"], rows(2))
    wider = EmbeddingCache(folder, "words@1", DIM + 1)
    assert wider.known(["mentors", "school"]) == {}
    new = np.arange(4, dtype=np.float32)[None, :]
    wider.store(["mentors"], new)
    assert contents(wider, ["mentors", "school"]) == {text_key("mentors"): [0, 1, 2, 3]}
    assert set(cache.known(["mentors", "school"])) == {text_key("school")}


@pytest.mark.parametrize(("texts", "count"), [(["mentors", "school"], 1), (["mentors"], 2)])
def test_texts_and_rows_that_do_not_pair_up_store_nothing(cache: EmbeddingCache, texts: list[str], count: int) -> None:
    with pytest.raises(ValueError, match="zip"):
        cache.store(texts, rows(count))
    assert cache.known(["mentors", "school"]) == {}


def test_doubles_are_kept_as_single_precision(cache: EmbeddingCache) -> None:
    cache.store(["mentors"], np.array([[0.1, 0.2, 0.3]], dtype=np.float64))
    expected = np.array([0.1, 0.2, 0.3], dtype=np.float32)
    assert cache.known(["mentors"])[text_key("mentors")].tobytes() == expected.tobytes()


@settings(derandomize=True, deadline=None, max_examples=25)
@given(
    texts=st.lists(st.text(st.characters(codec=None), max_size=20), unique=True, max_size=20),
    more=st.lists(st.text(max_size=20), max_size=5),
)
def test_the_cache_knows_exactly_the_stored_texts(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], more: list[str]
) -> None:
    cache = EmbeddingCache(tmp_path_factory.mktemp("cache"), "words@1", DIM)
    stored = rows(len(texts))
    cache.store(texts, stored)
    expected = {text_key(text): row.tolist() for text, row in zip(texts, stored, strict=True)}
    assert contents(cache, [*more, *texts]) == expected
    assert contents(cache, more) == {text_key(text): expected[text_key(text)] for text in more if text in texts}
