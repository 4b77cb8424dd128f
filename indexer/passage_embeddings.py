"""Turn the texts of practices into the embeddings of their passages; what is known already is not encoded again."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Protocol, runtime_checkable

import numpy as np

from indexer.embedding_cache import EmbeddingCache, text_key
from indexer.encoder import Embeddings, Encoder
from indexer.passages import Limits, Passages, practice_text, window_limits
from indexer.practice import Practice
from indexer.row_blocks import Matrix

Progress = Callable[[int, int], None]
"""Called with (passages encoded so far, passages in all)."""

_PRACTICES_AT_ONCE = 2_048  # whose passages are sorted by length together and held in memory
_ENCODE_AT_ONCE = 256  # passages between two commits to the cache: seconds of work, the most a killed build loses


@runtime_checkable
class ParallelEncoder(Encoder, Protocol):
    """An encoder that works in several places at once."""

    def cut_blocks(self, blocks: Iterable[Sequence[Practice]]) -> Iterator[list[list[Limits]]]:
        """Yield what `windows_of` returns for each block of practices, in order."""
        ...

    def encode_batches(self, batches: Iterable[Sequence[str]]) -> Iterator[tuple[Sequence[str], Embeddings]]:
        """Yield each batch with one row a text as soon as it is encoded, in any order.

        The next batch is asked for only when there is room for it.
        """
        ...


def windows_of(practices: Iterable[Practice], encoder: Encoder) -> Iterator[list[Limits]]:
    """Yield the windows of each practice, none longer than the encoder sees."""
    limit, count = encoder.spec.max_tokens, encoder.count_tokens
    return (window_limits(one, max_tokens=limit, count_tokens=count) for one in practices)


def all_windows(practices: Iterable[Practice], encoder: Encoder) -> Passages:
    """Return the windows of all practices in catalogue order, each no longer than the encoder sees."""
    if isinstance(encoder, ParallelEncoder):
        return Passages.of_practices(chain.from_iterable(encoder.cut_blocks(_blocks(practices))))
    return Passages.of_practices(windows_of(practices, encoder))


def _blocks(practices: Iterable[Practice]) -> Iterator[list[Practice]]:
    left = iter(practices)
    return iter(lambda: list(islice(left, _PRACTICES_AT_ONCE)), [])


def passage_texts(practices: Iterable[Practice], passages: Passages, first: int = 0) -> list[str]:
    """Return the texts of the passages of some practices that stand together in a catalogue, from row `first` on."""
    texts = []
    for row, practice in enumerate(practices, start=first):
        text = practice_text(practice)
        texts += [text[start:end] for start, end in passages.limits[passages.span(row)].tolist()]
    return texts


def embed_all(
    practices: Sequence[Practice],
    windows: tuple[Passages, Matrix],
    sentences: tuple[Passages, Matrix],
    encoder: Encoder,
    cache: EmbeddingCache,
    progress: Progress,
) -> None:
    """Write the embeddings of all passages into the matrix beside them; some practices at a time."""
    total = len(windows[0]) + len(sentences[0])
    done = 0
    report = progress
    if isinstance(encoder, ParallelEncoder):
        encode_ahead(practices, (windows[0], sentences[0]), encoder, cache, progress)
        report = _unheard  # all of it is done
    report(done, total)
    for rows in _row_blocks(practices):
        some = practices[rows]
        texts = [passage_texts(some, passages, rows.start) for passages, _ in (windows, sentences)]
        found = embed([*texts[0], *texts[1]], encoder, cache, _going_on(report, done, total))
        done += len(found)
        for (passages, matrix), embeddings in (
            (windows, found[: len(texts[0])]),
            (sentences, found[len(texts[0]) :]),
        ):
            matrix[passages.bounds[rows.start] : passages.bounds[rows.stop]] = embeddings


def encode_ahead(
    practices: Sequence[Practice],
    passages: tuple[Passages, Passages],
    encoder: ParallelEncoder,
    cache: EmbeddingCache,
    progress: Progress,
) -> None:
    """Encode what the cache does not know of windows and sentences, in the batches of `embed`, many at once.

    A batch is kept as soon as it is there. No block of practices waits for the one before it: the longest texts of one
    are encoded beside the shortest of the next.
    """
    total, done = sum(map(len, passages)), 0
    awaited: set[bytes] = set()
    progress(done, total)

    def batches() -> Iterator[Sequence[str]]:
        nonlocal done
        for rows in _row_blocks(practices):
            some = practices[rows]
            texts = list(chain.from_iterable(passage_texts(some, one, rows.start) for one in passages))
            missing = _missing(texts, awaited | cache.known(texts).keys())
            awaited.update(map(text_key, missing))
            done += len(texts) - len(missing)
            progress(done, total)
            yield from _batches(missing)

    for batch, embeddings in encoder.encode_batches(batches()):
        cache.store(batch, embeddings)
        awaited.difference_update(map(text_key, batch))
        done += len(batch)
        progress(done, total)


def _row_blocks(practices: Sequence[Practice]) -> Iterator[slice]:
    for start in range(0, len(practices), _PRACTICES_AT_ONCE):
        yield slice(start, min(start + _PRACTICES_AT_ONCE, len(practices)))


def _missing(texts: Sequence[str], known: Collection[bytes]) -> list[str]:
    """Return the distinct texts that are not known, the short ones first."""
    return sorted({text for text in texts if text_key(text) not in known}, key=lambda text: (len(text), text))


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), _ENCODE_AT_ONCE):
        yield texts[start : start + _ENCODE_AT_ONCE]


def _unheard(done: int, total: int) -> None:
    """Take no notice of the progress."""


def _going_on(progress: Progress, before: int, total: int) -> Progress:
    """Return the progress of a part of the work, reported as that of the whole."""
    return lambda done, _: progress(before + done, total)


def embed(texts: Sequence[str], encoder: Encoder, cache: EmbeddingCache, progress: Progress) -> Embeddings:
    """Return one row a text; what the cache knows is not encoded again, and what is encoded is kept batch by batch."""
    known = cache.known(texts)
    missing = _missing(texts, known)
    total, done = len(texts), len(texts) - len(missing)
    progress(done, total)
    for batch in _batches(missing):
        rows = encoder.encode_documents(batch)
        cache.store(batch, rows)
        known.update(zip(map(text_key, batch), rows, strict=True))
        done += len(batch)
        progress(done, total)
    return np.array([known[text_key(text)] for text in texts], dtype=np.float32).reshape(total, encoder.spec.dim)
