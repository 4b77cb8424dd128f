"""Turn practices into a published release: passages, their embeddings, an exact index and a manifest."""

import hashlib
import json
import os
import platform
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from indexer.calibration import Calibration, can_be_fitted, dense_spread, fit_calibration
from indexer.columns import write_column
from indexer.drafts import draft_folder
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Embeddings, Encoder, unit_rows
from indexer.facets import FacetColumns
from indexer.history import last_changes
from indexer.layout import layout
from indexer.lexical import LexicalIndex
from indexer.linear_head import LinearHead, fit_head
from indexer.manifest import (
    FORMAT_VERSION,
    Counts,
    Manifest,
    encoder_record,
    make_canaries,
    read_manifest,
    write_manifest,
)
from indexer.names import NameIndex
from indexer.parity import read_parity
from indexer.parts import ROLES, Parts
from indexer.passage_embeddings import Progress, all_windows, embed, embed_all, passage_texts
from indexer.passages import DEFAULT_LANGUAGE, Passages, heading, lexical_text, sentence_limits
from indexer.practice_table import write_practice_table
from indexer.probes import write_examples
from indexer.queries_once import QueriesOnce
from indexer.question import understand
from indexer.registry import EncoderSpec
from indexer.release import Release, file_sums, load_release, publish, read_parts, sound_release, write_words
from indexer.release_files import (
    CENTROIDS_FILE,
    CHANGES_FILE,
    CONTEXT_EMBEDDINGS_FILE,
    CURRENT,
    DESCRIPTION_FILE,
    ENCODER_FOLDER,
    FACETS_FOLDER,
    LAYOUT_FILE,
    LEXICAL_FOLDER,
    NAMES_FOLDER,
    PROBES_FILE,
    ROLE_HEAD_FILE,
    ROLES_FILE,
    SENTENCE_EMBEDDINGS_FILE,
    SENTENCES,
    TELLING_FILE,
    THEMES_FILE,
    TOPIC_HEAD_FILE,
    VECTORS_FOLDER,
    WINDOWS,
    ReleaseError,
)
from indexer.row_blocks import Matrix, in_blocks, mean_row, new_matrix, with_neighbours, write_centred
from indexer.scoring import Scorer
from indexer.source import CatalogueSource
from indexer.telling import telling_sentences
from indexer.themes import theme_embeddings, themes_of
from indexer.vectors import MOST_EXACT, VectorIndex

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
_RAW_WINDOWS_FILE, _RAW_SENTENCES_FILE = "raw-windows.npy", "raw-sentences.npy"
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


@runtime_checkable
class IndexBuilder(Protocol):
    """What builds the index of many rows elsewhere: an encoder may, that works in several places."""

    def build_index(self, rows: Matrix, folder: Path) -> None:
        """Write what `VectorIndex.build` writes."""
        ...


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
    source: CatalogueSource,
    encoder: Encoder,
    *,
    releases: Path,
    cache: EmbeddingCache,
    progress: Progress,
    activates: bool = True,
) -> Release:
    """Build a release of `source` in `releases`, publish it and return it; it is current if it `activates`.

    A build that is killed leaves the current release as it was; the next one goes on with what was encoded.
    """
    started, now = time.perf_counter(), int(time.time())
    asked = QueriesOnce(encoder, cache.of_queries())
    typical = asked.encode_queries(_typical_questions(source))
    with draft_folder(releases) as draft:
        if encoder.folder is not None:
            shutil.copytree(encoder.folder, draft / ENCODER_FOLDER, copy_function=_linked)
        _write_texts(draft, source)
        former = sound_release(releases / CURRENT)
        write_column(draft / CHANGES_FILE, last_changes(source.practices, former.parts if former else None, now))
        _write_embeddings(draft, source, encoder, typical, cache, progress)
        calibration = _calibrated(draft, source, asked, typical)
        parts = read_parts(draft)
        manifest = Manifest(
            format_version=FORMAT_VERSION,
            release_id=release_id(source, encoder.spec),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            duration_seconds=round(time.perf_counter() - started, 2),
            catalogue_name=source.name,
            catalogue_sha256=source.sha256,
            encoder=encoder_record(encoder.spec),
            index=parts.vectors.record.name,
            vectors=parts.vectors.record,
            counts=_counts(source, parts),
            calibration=calibration,
            versions=_versions(),
            files=file_sums(draft),
            canaries=make_canaries(encoder, CANARY_TEXTS),
            parity=None if encoder.folder is None else read_parity(encoder.folder),
        )
        write_manifest(draft, manifest)
        return load_release(publish(draft, releases, activates=activates))


def _linked(source: str, target: str) -> None:
    """Make a file of a release: another name of the same one where that can be, as neither is ever changed."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _write_texts(draft: Path, source: CatalogueSource) -> None:
    """Write all of a release that is made of texts and codes."""
    practices = source.practices
    write_practice_table(draft, practices)
    write_words(draft, source.vocabulary, source.thesaurus)
    (draft / DESCRIPTION_FILE).write_text(source.description.model_dump_json(exclude_defaults=True), encoding="utf-8")
    for name, examples in ((PROBES_FILE, source.probes), (ROLES_FILE, source.roles)):
        if examples:
            write_examples(draft / name, examples)
    FacetColumns.build(practices).save(draft / FACETS_FOLDER)
    texts = (lexical_text(practice, source.vocabulary) for practice in practices)
    lexical = LexicalIndex.build(texts, _main_language(source))
    lexical.save(draft / LEXICAL_FOLDER)
    NameIndex.build(practices, lexical).save(draft / NAMES_FOLDER)


def _write_embeddings(
    draft: Path,
    source: CatalogueSource,
    encoder: Encoder,
    typical: Embeddings,
    cache: EmbeddingCache,
    progress: Progress,
) -> None:
    """Write all of a release that is made of embeddings, a block of rows at a time."""
    practices = source.practices
    windows = all_windows(practices, encoder)
    sentences = Passages.of_practices(map(sentence_limits, practices))
    windows.save(draft / WINDOWS)
    sentences.save(draft / SENTENCES)
    size, dim = len(sentences), encoder.spec.dim
    raw = new_matrix(draft / _RAW_WINDOWS_FILE, (len(windows), dim), np.float32)
    raw_sentences = new_matrix(draft / _RAW_SENTENCES_FILE, (size, dim), np.float32)
    embed_all(practices, (windows, raw), (sentences, raw_sentences), encoder, cache, progress)

    document_centroid = mean_row(in_blocks(raw_sentences))
    centroids = np.stack([document_centroid, QUERY_CENTRING * typical.mean(axis=0)])
    write_column(draft / CENTROIDS_FILE, centroids)
    kept_as = np.float32 if size <= MOST_EXACT else np.float16
    rows = new_matrix(draft / SENTENCE_EMBEDDINGS_FILE, (size, dim), kept_as)
    write_centred(in_blocks(raw_sentences), document_centroid, rows)
    title_ends = np.fromiter((len(heading(practice)) for practice in practices), dtype=np.int32)
    write_column(draft / TELLING_FILE, telling_sentences(sentences, title_ends, rows))
    contexts, owners = new_matrix(draft / CONTEXT_EMBEDDINGS_FILE, (size, dim), kept_as), sentences.all_owners()
    mean_context = mean_row(with_neighbours(raw_sentences, owners))
    write_centred(with_neighbours(raw_sentences, owners), mean_context, contexts)

    write_centred(in_blocks(raw), mean_row(in_blocks(raw)), raw)
    if isinstance(encoder, IndexBuilder):
        encoder.build_index(raw, draft / VECTORS_FOLDER)
    else:
        VectorIndex.build(raw, draft / VECTORS_FOLDER)
    firsts, themes = windows.bounds[:-1], themes_of(source.vocabulary)
    labels = unit_rows(embed([theme.label for theme in themes], encoder, cache, lambda *_: None) - document_centroid)
    facets = FacetColumns.load(draft / FACETS_FOLDER, len(practices))
    write_column(draft / THEMES_FILE, theme_embeddings(themes, labels, facets, raw, firsts))
    write_column(draft / LAYOUT_FILE, layout(raw, firsts))
    for name in (_RAW_WINDOWS_FILE, _RAW_SENTENCES_FILE):
        (draft / name).unlink()


def _calibrated(draft: Path, source: CatalogueSource, encoder: Encoder, typical: Embeddings) -> Calibration:
    """Return the calibration of a release's scores; write the heads that there are examples to fit with."""
    roles = _role_head(source, encoder)
    if roles is not None:
        write_column(draft / ROLE_HEAD_FILE, roles.weights)
    parts = read_parts(draft)
    scorer = Scorer(parts)
    spread = dense_spread(scorer, len(parts.practices), typical)
    if not can_be_fitted(source.probes):
        return Calibration(spread=spread)
    questions = [understand(probe.text, parts.thesaurus) for probe in source.probes]
    embeddings = encoder.encode_queries([question.whole.encoder_text for question in questions])
    calibration, head = fit_calibration(scorer, parts.practices, source.probes, questions, embeddings, spread)
    write_column(draft / TOPIC_HEAD_FILE, head.weights)
    return calibration


def _role_head(source: CatalogueSource, encoder: Encoder) -> LinearHead | None:
    roles = [example.role for example in source.roles]
    if set(roles) != set(ROLES):
        return None
    return fit_head(encoder.encode_queries([example.text for example in source.roles]), roles, ROLES)


def _typical_questions(source: CatalogueSource) -> Sequence[str]:
    """Return texts whose mean stands for all questions: the on-topic probes, else the own titles and sentences."""
    questions = [probe.text for probe in source.probes if probe.kind == "on-topic"]
    if questions:
        return questions
    some = source.practices[:: -(-len(source.practices) // _TYPICAL)]
    sentences = [passage_texts([practice], Passages.of_practices([sentence_limits(practice)])) for practice in some]
    return [*(practice.title for practice in some), *(texts[len(texts) // 2] for texts in sentences)]


def _main_language(source: CatalogueSource) -> str:
    languages = Counter(practice.language or DEFAULT_LANGUAGE for practice in source.practices)
    return languages.most_common(1)[0][0]


def _counts(source: CatalogueSource, parts: Parts) -> Counts:
    return Counts(
        practices=len(parts.practices),
        windows=len(parts.windows),
        sentences=len(parts.sentences),
        long_texts=parts.windows.count_divided(),
        sources=len({one.url for practice in source.practices for one in practice.sources}),
    )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
