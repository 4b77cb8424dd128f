"""Turn practices into a published release: passages, their embeddings, an exact index and a manifest."""

import hashlib
import json
import platform
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np

from indexer.embedding_cache import EmbeddingCache, text_key
from indexer.encoder import Embeddings, Encoder, unit_rows
from indexer.passages import practice_text, sentence_passages, window_passages
from indexer.registry import EncoderSpec
from indexer.release import (
    CURRENT,
    FORMAT_VERSION,
    Counts,
    Manifest,
    Parts,
    Release,
    ReleaseError,
    encoder_record,
    load_release,
    make_canaries,
    publish,
    read_manifest,
    release_draft,
    write_manifest,
    write_parts,
)
from indexer.source import CatalogueSource
from indexer.vectors import VectorIndex

Progress = Callable[[int, int], None]
"""Called with (passages encoded so far, passages in all)."""

CANARY_TEXTS = (
    "How can we keep apprentices from dropping out?",
    "Wie verhindern wir, dass Auszubildende ihre Lehre abbrechen?",
    "Μια δεύτερη ευκαιρία για νέους που άφησαν το σχολείο",
)
_ENCODE_AT_ONCE = 256  # passages between two commits to the cache: seconds of work, the most a killed build loses
_VERSIONED = ("practices", "faiss-cpu", "numpy", "sentence-transformers", "tokenizers", "torch", "transformers")


def release_id(source: CatalogueSource, spec: EncoderSpec) -> str:
    """Return the id that a release of this catalogue with this encoder has: the same input gives the same id."""
    inputs = [FORMAT_VERSION, metadata.version("practices"), source.sha256, spec.identity]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:12]


def find_current(releases: Path, source: CatalogueSource, spec: EncoderSpec) -> Release | None:
    """Return the current release if it is sound and was built from exactly this input, else None."""
    try:
        if read_manifest(releases / CURRENT).release_id != release_id(source, spec):
            return None
        return load_release(releases / CURRENT)
    except ReleaseError:
        return None


def build_release(
    source: CatalogueSource, encoder: Encoder, *, releases: Path, cache: EmbeddingCache, progress: Progress
) -> Release:
    """Build a release of `source` in `releases`, publish it and return it.

    A build that is killed leaves the current release as it was; the next one goes on with what was encoded.
    """
    started = time.perf_counter()
    parts = _build_parts(source, encoder, cache, progress)
    with release_draft(releases) as draft:
        files = write_parts(draft, parts)
        manifest = Manifest(
            format_version=FORMAT_VERSION,
            release_id=release_id(source, encoder.spec),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            duration_seconds=round(time.perf_counter() - started, 2),
            catalogue_name=source.name,
            catalogue_sha256=source.sha256,
            encoder=encoder_record(encoder.spec),
            index="faiss IndexFlatIP, exact",
            counts=_counts(parts),
            versions=_versions(),
            files=files,
            canaries=make_canaries(encoder, CANARY_TEXTS),
        )
        write_manifest(draft, manifest)
        return load_release(publish(draft, releases))


def _build_parts(source: CatalogueSource, encoder: Encoder, cache: EmbeddingCache, progress: Progress) -> Parts:
    limit, count = encoder.spec.max_tokens, encoder.count_tokens
    windows = [
        window
        for practice in source.practices
        for window in window_passages(practice, max_tokens=limit, count_tokens=count)
    ]
    sentences = [sentence for practice in source.practices for sentence in sentence_passages(practice)]
    whole = {practice.id: practice_text(practice) for practice in source.practices}
    texts = [whole[part.practice_id][part.start : part.end] for part in (*windows, *sentences)]
    embeddings = _embed(texts, encoder, cache, progress)
    sentence_embeddings = embeddings[len(windows) :]
    document_centroid = sentence_embeddings.mean(axis=0)
    questions = [probe.text for probe in source.probes if probe.kind != "off-topic"]
    return Parts(
        practices=source.practices,
        windows=windows,
        vectors=VectorIndex.build(embeddings[: len(windows)]),
        sentences=sentences,
        sentence_embeddings=unit_rows(sentence_embeddings - document_centroid).astype(np.float16),
        document_centroid=document_centroid,
        query_centroid=encoder.encode_queries(questions).mean(axis=0),
        vocabulary=source.vocabulary,
        thesaurus=source.thesaurus,
    )


def _embed(texts: Sequence[str], encoder: Encoder, cache: EmbeddingCache, progress: Progress) -> Embeddings:
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
    return np.stack([known[text_key(text)] for text in texts])


def _counts(parts: Parts) -> Counts:
    long_texts = {window.practice_id for window in parts.windows if window.start > 0}
    return Counts(
        practices=len(parts.practices),
        windows=len(parts.windows),
        sentences=len(parts.sentences),
        long_texts=len(long_texts),
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
