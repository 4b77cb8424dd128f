"""Turn the texts of practices into the embeddings of their passages; what is known already is not encoded again."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from indexer.embedding_cache import EmbeddingCache, text_key
from indexer.encoder import Embeddings, Encoder
from indexer.passages import Passages, practice_text, window_limits
from indexer.practice import Practice
from indexer.row_blocks import Matrix

Progress = Callable[[int, int], None]
"""Called with (passages encoded so far, passages in all)."""

_PRACTICES_AT_ONCE = 2_048  # whose passages are sorted by length together and held in memory
_ENCODE_AT_ONCE = 256  # passages between two commits to the cache: seconds of work, the most a killed build loses


def all_windows(practices: Iterable[Practice], encoder: Encoder) -> Passages:
    """Return the windows of all practices in catalogue order, each no longer than the encoder sees."""
    limit, count = encoder.spec.max_tokens, encoder.count_tokens
    return Passages.of_practices(window_limits(one, max_tokens=limit, count_tokens=count) for one in practices)


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
    progress(done, total)
    for start in range(0, len(practices), _PRACTICES_AT_ONCE):
        rows = slice(start, min(start + _PRACTICES_AT_ONCE, len(practices)))
        some = practices[rows]
        texts = [passage_texts(some, passages, rows.start) for passages, _ in (windows, sentences)]
        found = embed([*texts[0], *texts[1]], encoder, cache, _going_on(progress, done, total))
        done += len(found)
        for (passages, matrix), embeddings in (
            (windows, found[: len(texts[0])]),
            (sentences, found[len(texts[0]) :]),
        ):
            matrix[passages.bounds[rows.start] : passages.bounds[rows.stop]] = embeddings


def _going_on(progress: Progress, before: int, total: int) -> Progress:
    """Return the progress of a part of the work, reported as that of the whole."""
    return lambda done, _: progress(before + done, total)


def embed(texts: Sequence[str], encoder: Encoder, cache: EmbeddingCache, progress: Progress) -> Embeddings:
    """Return one row a text; what the cache knows is not encoded again, and what is encoded is kept batch by batch."""
    known = cache.known(texts)
    missing = sorted({text for text in texts if text_key(text) not in known}, key=lambda text: (len(text), text))
    total, done = len(texts), len(texts) - len(missing)
    progress(done, total)
    for start in range(0, len(missing), _ENCODE_AT_ONCE):
        batch = missing[start : start + _ENCODE_AT_ONCE]
        rows = encoder.encode_documents(batch)
        cache.store(batch, rows)
        known.update(zip(map(text_key, batch), rows, strict=True))
        done += len(batch)
        progress(done, total)
    return np.array([known[text_key(text)] for text in texts], dtype=np.float32).reshape(total, encoder.spec.dim)
