"""Turn built parts into a release folder that is published atomically, and a folder back into a verified release."""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from indexer.checksums import file_sha256, wrong_files
from indexer.drafts import draft_folder
from indexer.lexical import LexicalIndex
from indexer.linear_head import LinearHead
from indexer.manifest import Manifest, ReleaseError, read_manifest
from indexer.parts import Parts
from indexer.passages import Passage
from indexer.practice import Practice
from indexer.themes import themes_of
from indexer.vectors import VectorIndex

CURRENT = "current"
ENCODER_FOLDER = "encoder"
PRACTICES_FILE = "practices.jsonl"
WINDOWS_FILE = "windows.jsonl"
VECTORS_FILE = "windows.faiss"
SENTENCES_FILE = "sentences.jsonl"
SENTENCE_EMBEDDINGS_FILE = "sentences.npy"
CONTEXT_EMBEDDINGS_FILE = "contexts.npy"
TELLING_FILE = "telling.npy"
CENTROIDS_FILE = "centroids.npy"
LEXICAL_FOLDER = "lexical"
VOCABULARY_FILE = "vocabulary.json"
THESAURUS_FILE = "thesaurus.json"
THEMES_FILE = "themes.npy"
LAYOUT_FILE = "layout.npy"
TOPIC_HEAD_FILE = "topic.npy"
ROLE_HEAD_FILE = "roles.npy"

_PASSAGE = TypeAdapter(Passage)
_THESAURUS: TypeAdapter[dict[str, dict[str, list[str]]]] = TypeAdapter(dict[str, dict[str, list[str]]])
_VOCABULARY: TypeAdapter[dict[str, dict[str, str]]] = TypeAdapter(dict[str, dict[str, str]])


@dataclass(frozen=True, slots=True)
class Release:
    """A verified release in memory."""

    folder: Path
    manifest: Manifest
    parts: Parts


def write_parts(folder: Path, parts: Parts) -> dict[str, str]:
    """Write all files of a release but the manifest; return their sha256 sums by name."""
    _write_lines(folder / PRACTICES_FILE, (one.model_dump_json(exclude_defaults=True) for one in parts.practices))
    _write_lines(folder / WINDOWS_FILE, (_PASSAGE.dump_json(one).decode() for one in parts.windows))
    _write_lines(folder / SENTENCES_FILE, (_PASSAGE.dump_json(one).decode() for one in parts.sentences))
    parts.vectors.save(folder / VECTORS_FILE)
    for name, matrix in _matrices(parts).items():
        np.save(folder / name, matrix, allow_pickle=False)
    parts.lexical.save(folder / LEXICAL_FOLDER)
    plain = {field: dict(labels) for field, labels in parts.vocabulary.items()}
    (folder / VOCABULARY_FILE).write_bytes(_VOCABULARY.dump_json(plain))
    terms = {gloss: {code: list(words) for code, words in by.items()} for gloss, by in parts.thesaurus.items()}
    (folder / THESAURUS_FILE).write_bytes(_THESAURUS.dump_json(terms))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in files}


def _matrices(parts: Parts) -> dict[str, npt.NDArray[np.generic]]:
    """Return the matrices of a release by the names of their files."""
    matrices: dict[str, npt.NDArray[np.generic]] = {
        SENTENCE_EMBEDDINGS_FILE: parts.sentence_embeddings,
        CONTEXT_EMBEDDINGS_FILE: parts.context_embeddings,
        TELLING_FILE: parts.is_telling,
        CENTROIDS_FILE: np.stack([parts.document_centroid, parts.query_centroid]),
        THEMES_FILE: parts.theme_embeddings,
        LAYOUT_FILE: parts.layout,
    }
    heads = {TOPIC_HEAD_FILE: parts.topic_head, ROLE_HEAD_FILE: parts.role_head}
    return matrices | {name: head.weights for name, head in heads.items() if head is not None}


def publish(draft: Path, releases: Path) -> Path:
    """Give a complete draft its name and point `current` at it; return the published folder.

    Both steps are renames on one file system: at every moment `current` names a whole release, the old or the new one.
    A published folder of the same id is kept when it is sound: releases are immutable.
    """
    manifest = read_manifest(draft)
    target = releases / manifest.release_id
    _sync(draft)
    if target.exists() and not _is_sound(target):
        with draft_folder(releases) as bin_folder:
            target.rename(bin_folder / target.name)
    if not target.exists():
        draft.rename(target)
    activate(releases, manifest.release_id)
    return target


def _is_sound(folder: Path) -> bool:
    try:
        load_release(folder)
    except ReleaseError:
        return False
    return True


def activate(releases: Path, release_id: str) -> None:
    """Point `current` at a published release, in one step that cannot be seen half done."""
    with draft_folder(releases) as draft:
        link = draft / CURRENT
        link.symlink_to(release_id)
        link.replace(releases / CURRENT)
    _sync_folder(releases)


def load_release(folder: Path) -> Release:
    """Return the release in `folder`, every file checked against the manifest.

    Raises ReleaseError that names each missing or changed file, or each count that does not agree.
    """
    folder = folder.resolve()
    manifest = read_manifest(folder)
    advice = "restore the folder or rebuild it with `practices index`"
    faults = wrong_files(folder, manifest.files)
    if faults:
        raise ReleaseError(f"release {manifest.release_id} is damaged; {advice}:\n  " + "\n  ".join(faults))
    try:
        release = Release(folder, manifest, _read_parts(folder, manifest.files))
    except ValueError as error:
        raise ReleaseError(f"release {manifest.release_id} cannot be read ({error}); {advice}") from error
    faults = _disagreements(release)
    if faults:
        found = "\n  ".join(faults)
        raise ReleaseError(f"release {manifest.release_id} contradicts its manifest; {advice}:\n  {found}")
    return release


def _read_parts(folder: Path, files: Collection[str]) -> Parts:
    document_centroid, query_centroid = np.load(folder / CENTROIDS_FILE, allow_pickle=False)
    return Parts(
        practices=tuple(Practice.model_validate_json(line) for line in _lines(folder / PRACTICES_FILE)),
        windows=tuple(_PASSAGE.validate_json(line) for line in _lines(folder / WINDOWS_FILE)),
        vectors=VectorIndex.load(folder / VECTORS_FILE),
        sentences=tuple(_PASSAGE.validate_json(line) for line in _lines(folder / SENTENCES_FILE)),
        sentence_embeddings=np.load(folder / SENTENCE_EMBEDDINGS_FILE, mmap_mode="r", allow_pickle=False),
        context_embeddings=np.load(folder / CONTEXT_EMBEDDINGS_FILE, mmap_mode="r", allow_pickle=False),
        is_telling=np.load(folder / TELLING_FILE, allow_pickle=False),
        document_centroid=document_centroid,
        query_centroid=query_centroid,
        lexical=LexicalIndex.load(folder / LEXICAL_FOLDER),
        vocabulary=_VOCABULARY.validate_json((folder / VOCABULARY_FILE).read_bytes()),
        thesaurus=_THESAURUS.validate_json((folder / THESAURUS_FILE).read_bytes()),
        theme_embeddings=np.load(folder / THEMES_FILE, allow_pickle=False),
        layout=np.load(folder / LAYOUT_FILE, allow_pickle=False),
        topic_head=_read_head(folder / TOPIC_HEAD_FILE) if TOPIC_HEAD_FILE in files else None,
        role_head=_read_head(folder / ROLE_HEAD_FILE) if ROLE_HEAD_FILE in files else None,
    )


def _read_head(path: Path) -> LinearHead:
    return LinearHead(np.load(path, allow_pickle=False))


def _disagreements(release: Release) -> list[str]:
    counts, dim, parts = release.manifest.counts, release.manifest.encoder.dim, release.parts
    pairs = (
        ("practices", len(parts.practices), counts.practices),
        ("windows", len(parts.windows), counts.windows),
        ("texts in several windows", count_long_texts(parts.windows), counts.long_texts),
        ("vectors", parts.vectors.size, counts.windows),
        ("dimensions of a vector", parts.vectors.dim, dim),
        ("sentences", len(parts.sentences), counts.sentences),
        ("shape of the sentences' embeddings", parts.sentence_embeddings.shape, (counts.sentences, dim)),
        ("shape of the contexts' embeddings", parts.context_embeddings.shape, (counts.sentences, dim)),
        ("sentences that are known to tell something", parts.is_telling.shape, (counts.sentences,)),
        ("shape of the themes' embeddings", parts.theme_embeddings.shape, (len(themes_of(parts.vocabulary)), dim)),
        ("places on the map", parts.layout.shape, (counts.practices, 2)),
        ("practices in the lexical index", parts.lexical.size, counts.practices),
        ("dimensions of a centroid", parts.query_centroid.shape, (dim,)),
    )
    return [f"{what}: {found}, the manifest says {said}" for what, found, said in pairs if found != said]


def count_long_texts(windows: Sequence[Passage]) -> int:
    """Return how many practices are longer than the encoder sees, and so have several windows."""
    return len({window.practice_id for window in windows if window.start > 0})


def _write_lines(path: Path, lines: Iterator[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(line + "\n" for line in lines)


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir():
            _sync_folder(path)
            continue
        with path.open("rb") as file:
            os.fsync(file.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
