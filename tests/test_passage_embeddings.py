"""Each passage gets the embedding of its text, some practices at a time, and no text is encoded twice."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from indexer import passage_embeddings
from indexer.embedding_cache import EmbeddingCache
from indexer.passage_embeddings import (
    ParallelEncoder,
    all_windows,
    embed,
    embed_all,
    passage_texts,
    windows_of,
)
from indexer.passages import Limits, Passages, practice_text, sentence_limits
from indexer.practice import Practice
from tests.fakes import PRACTICES, WordEncoder, fake_spec

DIM = 64
LONG = Practice(id="long", title="Long plan", description="Masters advise apprentices every Monday. " * 20)
MANY = (LONG, *PRACTICES, Practice(id="title", title="One title"), LONG.model_copy(update={"id": "again"}))
"""Practices of several windows and of one; the last says what the first says."""


def tiny_encoder() -> WordEncoder:
    return WordEncoder(fake_spec(dim=DIM))


def cache_in(folder: Path) -> EmbeddingCache:
    return EmbeddingCache(folder / "cache", tiny_encoder().spec.identity, DIM)


def nobody(done: int, total: int) -> None:
    """Take no notice of the progress."""


def rows_of(texts: Sequence[str]) -> np.ndarray:
    return tiny_encoder().encode_documents(texts)


def passages_of(practices: Sequence[Practice]) -> tuple[Passages, Passages]:
    return all_windows(practices, tiny_encoder()), Passages.of_practices(map(sentence_limits, practices))


def texts_by_hand(practices: Sequence[Practice], passages: Passages) -> list[str]:
    owners = passages.all_owners().tolist()
    return [
        practice_text(practices[owner])[start:end]
        for owner, (start, end) in zip(owners, passages.limits.tolist(), strict=True)
    ]


def embedded(
    folder: Path, encoder: WordEncoder, practices: Sequence[Practice] = MANY
) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """Return the embeddings of windows and of sentences, and the calls of the progress."""
    calls: list[tuple[int, int]] = []
    windows, sentences = passages_of(practices)
    of_windows, of_sentences = (np.full((len(one), DIM), 7, dtype=np.float32) for one in (windows, sentences))
    embed_all(
        practices,
        (windows, of_windows),
        (sentences, of_sentences),
        encoder,
        cache_in(folder),
        lambda *call: calls.append(call),
    )
    return of_windows, of_sentences, calls


def test_windows_cover_the_text_of_each_practice_and_fit_the_encoder() -> None:
    windows = all_windows(MANY, tiny_encoder())
    assert len(windows.bounds) == len(MANY) + 1
    assert np.diff(windows.bounds).tolist() == [5, 1, 1, 2, 2, 1, 5]
    for row, practice in enumerate(MANY):
        limits = windows.limits[windows.span(row)].tolist()
        text = practice_text(practice)
        assert {place for start, end in limits for place in range(start, end)} == set(range(len(text)))
        assert all(len(text[start:end].split()) <= 24 for start, end in limits)
    assert windows.limits[windows.span(2)].tolist() == [[0, len(practice_text(MANY[2]))]]


def test_texts_are_those_of_the_passages_in_order() -> None:
    sentences = Passages.of_practices(map(sentence_limits, PRACTICES))
    assert passage_texts(PRACTICES[:1], Passages.of_practices([sentence_limits(PRACTICES[0])])) == [
        "Senior mentors",
        "Retired masters mentor apprentices who think of quitting.",
        "Each apprentice meets one retired master every week.",
        "The master listens and gives advice.",
    ]
    assert passage_texts(PRACTICES, sentences) == texts_by_hand(PRACTICES, sentences)


@pytest.mark.parametrize("rows", [slice(1, 3), slice(0, 0), slice(3, 99), slice(2, None), slice(None, 1)])
def test_the_texts_of_some_practices_are_a_part_of_those_of_all(rows: slice) -> None:
    sentences = Passages.of_practices(map(sentence_limits, PRACTICES))
    owners = sentences.all_owners().tolist()
    wanted = range(4)[rows]
    assert passage_texts(PRACTICES[rows], sentences, rows.start or 0) == [
        text for text, owner in zip(texts_by_hand(PRACTICES, sentences), owners, strict=True) if owner in wanted
    ]


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 100])
def test_every_passage_gets_the_embedding_of_its_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(passage_embeddings, "_PRACTICES_AT_ONCE", at_once)
    windows, sentences = passages_of(MANY)
    of_windows, of_sentences, _ = embedded(tmp_path, tiny_encoder())
    assert of_windows.tolist() == rows_of(texts_by_hand(MANY, windows)).tolist()
    assert of_sentences.tolist() == rows_of(texts_by_hand(MANY, sentences)).tolist()


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_a_text_is_encoded_once_wherever_it_stands_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(passage_embeddings, "_PRACTICES_AT_ONCE", at_once)
    encoder = tiny_encoder()
    embedded(tmp_path, encoder)
    windows, sentences = passages_of(MANY)
    texts = {*texts_by_hand(MANY, windows), *texts_by_hand(MANY, sentences)}
    assert Counter(encoder.encoded) == Counter(texts)
    again = tiny_encoder()
    embedded(tmp_path, again)
    assert again.encoded == []


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_progress_rises_from_nothing_to_all_passages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(passage_embeddings, "_PRACTICES_AT_ONCE", at_once)
    monkeypatch.setattr(passage_embeddings, "_ENCODE_AT_ONCE", 2)
    total = sum(map(len, passages_of(MANY)))
    _, _, calls = embedded(tmp_path, tiny_encoder())
    assert (calls[0], calls[-1]) == ((0, total), (total, total))
    done = [number for number, _ in calls]
    assert done == sorted(done)
    assert {of_all for _, of_all in calls} == {total}
    # Two texts at a time: no step is longer, but for those that are known already.
    first = [number for number, _ in embedded(tmp_path / "first", tiny_encoder(), PRACTICES)[2]]
    assert max(after - before for before, after in pairwise(first)) == 2


def test_what_is_known_is_reported_at_once(tmp_path: Path) -> None:
    total = sum(map(len, passages_of(MANY)))
    embedded(tmp_path, tiny_encoder())
    _, _, calls = embedded(tmp_path, tiny_encoder())
    assert calls == [(0, total), (total, total)]


def test_no_practices_have_no_embeddings(tmp_path: Path) -> None:
    encoder = tiny_encoder()
    of_windows, of_sentences, calls = embedded(tmp_path, encoder, ())
    assert (of_windows.shape, of_sentences.shape, encoder.encoded) == ((0, DIM), (0, DIM), [])
    assert set(calls) == {(0, 0)}


def test_texts_are_encoded_from_short_to_long_and_kept_batch_by_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passage_embeddings, "_ENCODE_AT_ONCE", 2)
    encoder, cache = tiny_encoder(), cache_in(tmp_path)
    texts = ["a longer text", "bb", "aa", "a longer text", "a text", "the longest text of all"]
    stored: list[int] = []

    def look(done: int, total: int) -> None:
        assert total == 6
        stored.append(len(cache.known(texts)))

    found = embed(texts, encoder, cache, look)
    assert found.tolist() == rows_of(texts).tolist()
    assert encoder.encoded == ["aa", "bb", "a text", "a longer text", "the longest text of all"]
    assert stored == [0, 2, 4, 5]


def test_an_encoder_that_fails_leaves_what_was_encoded_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passage_embeddings, "_ENCODE_AT_ONCE", 2)
    texts = ["a", "bb", "ccc", "dddd", "eeeee"]

    class Failing(WordEncoder):
        def encode_documents(self, texts: Sequence[str]) -> np.ndarray:
            if "eeeee" in texts:
                raise RuntimeError("out of memory")
            return super().encode_documents(texts)

    with pytest.raises(RuntimeError, match="out of memory"):
        embed(texts, Failing(tiny_encoder().spec), cache_in(tmp_path), nobody)
    encoder = tiny_encoder()
    assert embed(texts, encoder, cache_in(tmp_path), nobody).tolist() == rows_of(texts).tolist()
    assert encoder.encoded == ["eeeee"]


class TwoPlaces(WordEncoder):
    """A parallel encoder that takes up to four batches ahead, and gives back the last that it took first."""

    def __init__(self, fails_after: int = 10_000) -> None:
        super().__init__(tiny_encoder().spec)
        self.batches: list[list[str]] = []
        self._left = fails_after

    def cut_blocks(self, blocks: Iterable[Sequence[Practice]]) -> Iterator[list[list[Limits]]]:
        for block in blocks:
            yield list(windows_of(block, self))

    def encode_batches(self, batches: Iterable[Sequence[str]]) -> Iterator[tuple[Sequence[str], np.ndarray]]:
        coming = iter(batches)
        while taken := list(islice(coming, 4)):
            self.batches += map(list, taken)
            for batch in reversed(taken):
                if not self._left:
                    raise RuntimeError("the driver was killed")
                self._left -= 1
                yield batch, self.encode_documents(batch)


def test_a_parallel_encoder_is_known_by_what_it_can() -> None:
    assert isinstance(TwoPlaces(), ParallelEncoder)
    assert not isinstance(tiny_encoder(), ParallelEncoder)


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_windows_that_are_cut_elsewhere_are_those_that_are_cut_here(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(passage_embeddings, "_PRACTICES_AT_ONCE", at_once)
    here, elsewhere = (all_windows(MANY, encoder) for encoder in (tiny_encoder(), TwoPlaces()))
    assert elsewhere.bounds.tolist() == here.bounds.tolist()
    assert elsewhere.limits.tolist() == here.limits.tolist()


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_a_parallel_encoder_gets_the_batches_of_a_local_build_and_gives_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(passage_embeddings, "_PRACTICES_AT_ONCE", at_once)
    monkeypatch.setattr(passage_embeddings, "_ENCODE_AT_ONCE", 2)
    batches: list[list[str]] = []

    class Noting(WordEncoder):
        def encode_documents(self, texts: Sequence[str]) -> np.ndarray:
            batches.append(list(texts))
            return super().encode_documents(texts)

    parallel = TwoPlaces()
    here = embedded(tmp_path / "here", Noting(tiny_encoder().spec))
    elsewhere = embedded(tmp_path / "elsewhere", parallel)
    assert parallel.batches == batches
    assert [matrix.tolist() for matrix in elsewhere[:2]] == [matrix.tolist() for matrix in here[:2]]
    done = [number for number, _ in elsewhere[2]]
    total = sum(map(len, passages_of(MANY)))
    assert (done[0], done[-1]) == (0, total)
    assert done == sorted(done)


def test_blocks_do_not_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passage_embeddings, "_PRACTICES_AT_ONCE", 1)
    asked: list[int] = []

    class Greedy(TwoPlaces):
        def encode_batches(self, batches: Iterable[Sequence[str]]) -> Iterator[tuple[Sequence[str], np.ndarray]]:
            taken = list(batches)
            asked.append(len(taken))
            return super().encode_batches(taken)

    encoder = Greedy()
    embedded(tmp_path, encoder)
    assert asked == [len(MANY) - 1]  # the last practice says what the first says: none of its texts is left
    assert max(Counter(encoder.encoded).values()) == 1


@pytest.mark.parametrize("batches_done", [1, 2, 5])
def test_what_a_parallel_encoder_had_done_is_kept_and_the_rest_comes_in_the_same_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches_done: int
) -> None:
    monkeypatch.setattr(passage_embeddings, "_ENCODE_AT_ONCE", 2)
    whole, killed, resumed = TwoPlaces(), TwoPlaces(batches_done), TwoPlaces()
    expected = embedded(tmp_path / "whole", whole)
    with pytest.raises(RuntimeError, match="killed"):
        embedded(tmp_path, killed)
    found = embedded(tmp_path, resumed)
    assert [matrix.tolist() for matrix in found[:2]] == [matrix.tolist() for matrix in expected[:2]]
    assert len(killed.encoded) == len({*killed.encoded} - {*resumed.encoded}) > 0
    assert [batch for batch in whole.batches if batch[0] not in killed.encoded] == resumed.batches
