"""Turn practices into a published release: passages, their embeddings, an exact index and a manifest."""

import hashlib
import json
import os
import platform
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np

from indexer.calibration import Calibration, can_be_fitted, dense_spread, fit_calibration
from indexer.drafts import draft_folder
from indexer.embedding_cache import EmbeddingCache, text_key
from indexer.encoder import Embedding, Embeddings, Encoder, unit_rows
from indexer.layout import layout
from indexer.lexical import LexicalIndex
from indexer.linear_head import LinearHead, fit_head
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
from indexer.parity import read_parity
from indexer.parts import ROLES, Parts
from indexer.passages import DEFAULT_LANGUAGE, Passage, lexical_text, practice_text, sentence_passages, window_passages
from indexer.practice import Practice
from indexer.question import understand
from indexer.registry import EncoderSpec
from indexer.release import CURRENT, ENCODER_FOLDER, Release, count_long_texts, load_release, publish, write_parts
from indexer.scoring import Scorer
from indexer.source import CatalogueSource
from indexer.telling import telling_sentences
from indexer.themes import theme_embeddings, themes_of
from indexer.vectors import VectorIndex

Progress = Callable[[int, int], None]
"""Called with (passages encoded so far, passages in all)."""

CANARY_TEXTS = (
    "How can we keep apprentices from dropping out?",
    "Wie verhindern wir, dass Auszubildende ihre Lehre abbrechen?",
    "Μια δεύτερη ευκαιρία για νέους που άφησαν το σχολείο",
)
QUERY_CENTRING = 0.75
"""How much of the mean of typical questions is taken off a question: they are not quite what people will ask.

.5 and .75 are best on feedbackqa-valid, where 1 loses .01; on data/qrels it makes no difference.
"""

_TYPICAL = 300  # practices whose title and middle sentence stand for questions: more change nothing
_ENCODE_AT_ONCE = 256  # passages between two commits to the cache: seconds of work, the most a killed build loses
_VERSIONED = (
    "practices",
    "bm25s",
    "faiss-cpu",
    "numpy",
    "onnxruntime",
    "PyStemmer",
    "scikit-learn",
    "sentence-transformers",
    "sentencepiece",
    "tokenizers",
    "torch",
    "transformers",
)


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
    typical = encoder.encode_queries(_typical_questions(source))
    parts, calibration = _calibrated(_build_parts(source, encoder, typical, cache, progress), source, encoder, typical)
    with draft_folder(releases) as draft:
        if encoder.folder is not None:
            shutil.copytree(encoder.folder, draft / ENCODER_FOLDER, copy_function=_linked)
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
            calibration=calibration,
            versions=_versions(),
            files=files,
            canaries=make_canaries(encoder, CANARY_TEXTS),
            parity=None if encoder.folder is None else read_parity(encoder.folder),
        )
        write_manifest(draft, manifest)
        return load_release(publish(draft, releases))


def _linked(source: str, target: str) -> None:
    """Make a file of a release: another name of the same one where that can be, as neither is ever changed."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _build_parts(
    source: CatalogueSource, encoder: Encoder, typical: Embeddings, cache: EmbeddingCache, progress: Progress
) -> Parts:
    windows = all_windows(source.practices, encoder)
    sentences = [sentence for practice in source.practices for sentence in sentence_passages(practice)]
    texts = passage_texts(source.practices, (*windows, *sentences))
    embeddings = embed(texts, encoder, cache, progress)
    window_embeddings, sentence_embeddings = embeddings[: len(windows)], embeddings[len(windows) :]
    contexts = _with_neighbours(sentence_embeddings, sentences)
    document_centroid = sentence_embeddings.mean(axis=0)
    window_rows, sentence_rows = _centred(window_embeddings), _centred(sentence_embeddings)
    themes = themes_of(source.vocabulary)
    practice_rows = window_rows[_first_windows(windows)]
    labels = _centred_on(encoder.encode_documents([theme.label for theme in themes]), document_centroid)
    return Parts(
        practices=source.practices,
        windows=windows,
        vectors=VectorIndex.build(window_rows),
        sentences=sentences,
        sentence_embeddings=sentence_rows.astype(np.float16),
        context_embeddings=_centred(contexts).astype(np.float16),
        is_telling=telling_sentences(source.practices, sentences, sentence_rows),
        document_centroid=document_centroid,
        query_centroid=QUERY_CENTRING * typical.mean(axis=0),
        lexical=LexicalIndex.build(
            [lexical_text(practice, source.vocabulary) for practice in source.practices], _main_language(source)
        ),
        vocabulary=source.vocabulary,
        thesaurus=source.thesaurus,
        theme_embeddings=theme_embeddings(themes, labels, source.practices, practice_rows),
        layout=layout(practice_rows),
        role_head=_role_head(source, encoder),
    )


def _calibrated(
    parts: Parts, source: CatalogueSource, encoder: Encoder, typical: Embeddings
) -> tuple[Parts, Calibration]:
    """Return the parts, with a topic head where the probes can fit one, and the calibration of their scores."""
    scorer = Scorer(parts)
    size = len(parts.practices)
    spread = dense_spread(scorer, size, typical)
    if not can_be_fitted(source.probes):
        return parts, Calibration(spread=spread)
    questions = [understand(probe.text, parts.thesaurus) for probe in source.probes]
    embeddings = encoder.encode_queries([question.whole.encoder_text for question in questions])
    practice_ids = [practice.id for practice in parts.practices]
    calibration, head = fit_calibration(scorer, practice_ids, source.probes, questions, embeddings, spread)
    return replace(parts, topic_head=head), calibration


def _role_head(source: CatalogueSource, encoder: Encoder) -> LinearHead | None:
    roles = [example.role for example in source.roles]
    if set(roles) != set(ROLES):
        return None
    return fit_head(encoder.encode_queries([example.text for example in source.roles]), roles, ROLES)


def _with_neighbours(embeddings: Embeddings, sentences: Sequence[Passage]) -> Embeddings:
    """Return for each sentence the mean of its embedding and those of the sentences before and after it.

    A window of three sentences without encoding it: worth .02 on feedbackqa-valid over single sentences.
    """
    sums = embeddings.copy()
    owners = np.array([sentence.practice_id for sentence in sentences])
    is_same = owners[1:] == owners[:-1]
    sums[1:][is_same] += embeddings[:-1][is_same]
    sums[:-1][is_same] += embeddings[1:][is_same]
    return unit_rows(sums)


def _centred(embeddings: Embeddings) -> Embeddings:
    return _centred_on(embeddings, embeddings.mean(axis=0))


def _centred_on(embeddings: Embeddings, centroid: Embedding) -> Embeddings:
    return unit_rows(embeddings - centroid)


def _first_windows(windows: Sequence[Passage]) -> list[int]:
    return [row for row, window in enumerate(windows) if window.start == 0]


def all_windows(practices: Sequence[Practice], encoder: Encoder) -> list[Passage]:
    """Return the windows of all practices in catalogue order, each no longer than the encoder sees."""
    limit, count = encoder.spec.max_tokens, encoder.count_tokens
    return [one for practice in practices for one in window_passages(practice, max_tokens=limit, count_tokens=count)]


def passage_texts(practices: Sequence[Practice], passages: Sequence[Passage]) -> list[str]:
    """Return the text of each passage, in order."""
    whole = {practice.id: practice_text(practice) for practice in practices}
    return [whole[passage.practice_id][passage.start : passage.end] for passage in passages]


def _typical_questions(source: CatalogueSource) -> Sequence[str]:
    """Return texts whose mean stands for all questions: the on-topic probes, else the own titles and sentences."""
    questions = [probe.text for probe in source.probes if probe.kind == "on-topic"]
    if questions:
        return questions
    some = source.practices[:: -(-len(source.practices) // _TYPICAL)]
    sentences = [sentence_passages(practice) for practice in some]
    return [
        *(practice.title for practice in some),
        *passage_texts(some, [of_practice[len(of_practice) // 2] for of_practice in sentences]),
    ]


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
