"""Turn practices into a published release: passages, their embeddings, an exact index and a manifest."""

import hashlib
import json
import platform
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np

from indexer.drafts import draft_folder
from indexer.embedding_cache import EmbeddingCache, text_key
from indexer.encoder import Embeddings, Encoder, unit_rows
from indexer.lexical import LexicalIndex
from indexer.manifest import (
    FORMAT_VERSION,
    Counts,
    Manifest,
    ReleaseError,
    encoder_record,
    make_canaries,
    read_manifest,
    write_manifest,
)
from indexer.passages import DEFAULT_LANGUAGE, Passage, lexical_text, practice_text, sentence_passages, window_passages
from indexer.practice import Practice
from indexer.registry import EncoderSpec
from indexer.release import CURRENT, Parts, Release, count_long_texts, load_release, publish, write_parts
from indexer.source import CatalogueSource
from indexer.vectors import VectorIndex

Progress = Callable[[int, int], None]
"""Called with (passages encoded so far, passages in all)."""

CANARY_TEXTS = (
    "How can we keep apprentices from dropping out?",
    "Wie verhindern wir, dass Auszubildende ihre Lehre abbrechen?",
    "Μια δεύτερη ευκαιρία για νέους που άφησαν το σχολείο",
)
_TYPICAL = 300  # titles, and sentences, whose mean stands for questions: more change nothing
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
    with draft_folder(releases) as draft:
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
    windows = all_windows(source.practices, encoder)
    sentences = [sentence for practice in source.practices for sentence in sentence_passages(practice)]
    texts = passage_texts(source.practices, (*windows, *sentences))
    embeddings = embed(texts, encoder, cache, progress)
    window_embeddings, sentence_embeddings = embeddings[: len(windows)], embeddings[len(windows) :]
    window_centroid, document_centroid = window_embeddings.mean(axis=0), sentence_embeddings.mean(axis=0)
    return Parts(
        practices=source.practices,
        windows=windows,
        vectors=VectorIndex.build(unit_rows(window_embeddings - window_centroid)),
        sentences=sentences,
        sentence_embeddings=unit_rows(sentence_embeddings - document_centroid).astype(np.float16),
        document_centroid=document_centroid,
        query_centroid=encoder.encode_queries(_typical_questions(source, texts[len(windows) :])).mean(axis=0),
        lexical=LexicalIndex.build(
            [lexical_text(practice, source.vocabulary) for practice in source.practices], _main_language(source)
        ),
        vocabulary=source.vocabulary,
        thesaurus=source.thesaurus,
    )


def all_windows(practices: Sequence[Practice], encoder: Encoder) -> list[Passage]:
    """Return the windows of all practices in catalogue order, each no longer than the encoder sees."""
    limit, count = encoder.spec.max_tokens, encoder.count_tokens
    return [one for practice in practices for one in window_passages(practice, max_tokens=limit, count_tokens=count)]


def passage_texts(practices: Sequence[Practice], passages: Sequence[Passage]) -> list[str]:
    """Return the text of each passage, in order."""
    whole = {practice.id: practice_text(practice) for practice in practices}
    return [whole[passage.practice_id][passage.start : passage.end] for passage in passages]


def _typical_questions(source: CatalogueSource, sentences: Sequence[str]) -> Sequence[str]:
    """Return texts whose mean stands for all questions: the catalogue's probes, else its own titles and sentences."""
    questions = [probe.text for probe in source.probes if probe.kind != "off-topic"]
    if questions:
        return questions
    titles = [practice.title for practice in source.practices]
    return [*_evenly(titles), *_evenly(sentences)]


def _evenly(texts: Sequence[str]) -> Sequence[str]:
    """Return at most `_TYPICAL` of the texts, spread evenly over all of them."""
    return texts[:: -(-len(texts) // _TYPICAL)]


def _main_language(source: CatalogueSource) -> str:
    languages = Counter(practice.language or DEFAULT_LANGUAGE for practice in source.practices)
    return languages.most_common(1)[0][0]


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
    return np.stack([known[text_key(text)] for text in texts])


def _counts(parts: Parts) -> Counts:
    return Counts(
        practices=len(parts.practices),
        windows=len(parts.windows),
        sentences=len(parts.sentences),
        long_texts=count_long_texts(parts.windows),
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
