"""Turn built parts into a release folder that is published atomically, and a folder back into a verified release."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from indexer.catalogue import Vocabulary
from indexer.checksums import file_sum, wrong_files
from indexer.columns import read_column
from indexer.description import Description
from indexer.drafts import draft_folder
from indexer.facets import FacetColumns
from indexer.lexical import LexicalIndex
from indexer.linear_head import LinearHead
from indexer.manifest import Manifest, read_manifest
from indexer.names import NameIndex
from indexer.parts import Parts
from indexer.passages import Passages
from indexer.practice_table import PracticeTable
from indexer.release_files import (
    CENTROIDS_FILE,
    CHANGES_FILE,
    CONTEXT_EMBEDDINGS_FILE,
    CURRENT,
    DESCRIPTION_FILE,
    FACETS_FOLDER,
    LAYOUT_FILE,
    LEXICAL_FOLDER,
    NAMES_FOLDER,
    PREVIOUS,
    ROLE_HEAD_FILE,
    SENTENCE_EMBEDDINGS_FILE,
    SENTENCES,
    TELLING_FILE,
    THEMES_FILE,
    THESAURUS_FILE,
    TOPIC_HEAD_FILE,
    VECTORS_FOLDER,
    VOCABULARY_FILE,
    WINDOWS,
    ReleaseError,
)
from indexer.stored_rows import StoredRows
from indexer.themes import themes_of
from indexer.thesaurus import Thesaurus
from indexer.vectors import VectorIndex

_THESAURUS: TypeAdapter[dict[str, dict[str, list[str]]]] = TypeAdapter(dict[str, dict[str, list[str]]])
_VOCABULARY: TypeAdapter[dict[str, dict[str, str]]] = TypeAdapter(dict[str, dict[str, str]])


@dataclass(frozen=True, slots=True)
class Release:
    """A verified release in memory."""

    folder: Path
    manifest: Manifest
    parts: Parts


def write_words(folder: Path, vocabulary: Vocabulary, thesaurus: Thesaurus) -> None:
    """Write the labels and the glosses of a release."""
    plain = {field: dict(labels) for field, labels in vocabulary.items()}
    (folder / VOCABULARY_FILE).write_bytes(_VOCABULARY.dump_json(plain))
    terms = {gloss: {code: list(words) for code, words in by.items()} for gloss, by in thesaurus.items()}
    (folder / THESAURUS_FILE).write_bytes(_THESAURUS.dump_json(terms))


def file_sums(folder: Path) -> dict[str, str]:
    """Return the sums of all files in a folder by their names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_sum(path) for path in files}


def publish(draft: Path, releases: Path, *, activates: bool = True) -> Path:
    """Give a complete draft its name and, if it `activates`, point `current` at it; return the published folder.

    Both steps are renames on one file system: at every moment `current` names a whole release, the old or the new one.
    A published folder of the same id is kept when it is sound: releases are immutable.
    """
    manifest = read_manifest(draft)
    target = releases / manifest.release_id
    _sync(draft)
    if target.exists() and sound_release(target) is None:
        with draft_folder(releases) as bin_folder:
            target.rename(bin_folder / target.name)
    if not target.exists():
        draft.rename(target)
    if activates:
        activate(releases, manifest.release_id)
    return target


def sound_release(folder: Path) -> Release | None:
    """Return the release in `folder` where there is a sound one."""
    try:
        return load_release(folder)
    except ReleaseError:
        return None


def activate(releases: Path, release_id: str) -> None:
    """Point `current` at a published release, in one step that cannot be seen half done.

    `previous` names the release that was current before, if there was another one.
    """
    former = linked_id(releases, CURRENT)
    if former is not None and former != release_id:
        _point(releases, PREVIOUS, former)
    _point(releases, CURRENT, release_id)


def linked_id(releases: Path, name: str) -> str | None:
    """Return the id of the release that the link `name` points to, None where there is no such link."""
    link = releases / name
    return os.readlink(link) if link.is_symlink() else None


def _point(releases: Path, name: str, release_id: str) -> None:
    with draft_folder(releases) as draft:
        link = draft / name
        link.symlink_to(release_id)
        link.replace(releases / name)
    _sync_folder(releases)


def load_release(folder: Path) -> Release:
    """Return the release in `folder`, every file checked against the manifest.

    Raises ReleaseError that names each missing or changed file, or each count that does not agree.
    """
    try:
        folder = folder.resolve()
    except (OSError, RuntimeError) as error:  # the latter where links lead in a circle
        raise ReleaseError(f"{folder} is not a release: {error}; build one with `practices index`") from error
    manifest = read_manifest(folder)
    advice = "restore the folder or rebuild it with `practices index`"
    faults = wrong_files(folder, manifest.files)
    if faults:
        raise ReleaseError(f"release {manifest.release_id} is damaged; {advice}:\n  " + "\n  ".join(faults))
    try:
        release = Release(folder, manifest, read_parts(folder, heads=manifest.files))
    except (OSError, ValueError) as error:
        raise ReleaseError(f"release {manifest.release_id} cannot be read ({error}); {advice}") from error
    faults = _disagreements(release)
    if faults:
        found = "\n  ".join(faults)
        raise ReleaseError(f"release {manifest.release_id} contradicts its manifest; {advice}:\n  {found}")
    return release


def read_parts(folder: Path, *, heads: Collection[str] = ()) -> Parts:
    """Return the parts of a release in a folder; what grows with the catalogue is mapped and not read.

    The linear models are those whose files are among `heads`. Raises OSError or ValueError when a file is
    missing or damaged.
    """
    document_centroid, query_centroid = read_column(folder / CENTROIDS_FILE)
    practices, lexical = PracticeTable(folder), LexicalIndex.load(folder / LEXICAL_FOLDER)
    return Parts(
        practices=practices,
        facets=FacetColumns.load(folder / FACETS_FOLDER, len(practices)),
        names=NameIndex.load(folder / NAMES_FOLDER, lexical),
        windows=Passages.load(folder / WINDOWS),
        vectors=VectorIndex.load(folder / VECTORS_FOLDER),
        sentences=Passages.load(folder / SENTENCES),
        sentence_embeddings=StoredRows.load(folder / SENTENCE_EMBEDDINGS_FILE),
        context_embeddings=StoredRows.load(folder / CONTEXT_EMBEDDINGS_FILE),
        is_telling=read_column(folder / TELLING_FILE),
        document_centroid=document_centroid,
        query_centroid=query_centroid,
        lexical=lexical,
        vocabulary=_VOCABULARY.validate_json((folder / VOCABULARY_FILE).read_bytes()),
        thesaurus=_THESAURUS.validate_json((folder / THESAURUS_FILE).read_bytes()),
        theme_embeddings=read_column(folder / THEMES_FILE),
        layout=read_column(folder / LAYOUT_FILE),
        changed_at=read_column(folder / CHANGES_FILE),
        description=Description.model_validate_json((folder / DESCRIPTION_FILE).read_bytes()),
        topic_head=_read_head(folder / TOPIC_HEAD_FILE) if TOPIC_HEAD_FILE in heads else None,
        role_head=_read_head(folder / ROLE_HEAD_FILE) if ROLE_HEAD_FILE in heads else None,
    )


def _read_head(path: Path) -> LinearHead:
    return LinearHead(read_column(path))


def _disagreements(release: Release) -> list[str]:
    counts, dim, parts = release.manifest.counts, release.manifest.encoder.dim, release.parts
    pairs = (
        ("practices", len(parts.practices), counts.practices),
        ("windows", len(parts.windows), counts.windows),
        ("texts in several windows", parts.windows.count_divided(), counts.long_texts),
        ("vectors", parts.vectors.size, counts.windows),
        ("dimensions of a vector", parts.vectors.dim, dim),
        ("sentences", len(parts.sentences), counts.sentences),
        ("shape of the sentences' embeddings", parts.sentence_embeddings.shape, (counts.sentences, dim)),
        ("shape of the contexts' embeddings", parts.context_embeddings.shape, (counts.sentences, dim)),
        ("sentences that are known to tell something", parts.is_telling.shape, (counts.sentences,)),
        ("shape of the themes' embeddings", parts.theme_embeddings.shape, (len(themes_of(parts.vocabulary)), dim)),
        ("places on the map", parts.layout.shape, (counts.practices, 2)),
        ("moments of the last changes", parts.changed_at.shape, (counts.practices,)),
        ("practices with windows", len(parts.windows.bounds) - 1, counts.practices),
        ("practices with sentences", len(parts.sentences.bounds) - 1, counts.practices),
        ("practices in the lexical index", parts.lexical.size, counts.practices),
        ("dimensions of a centroid", parts.query_centroid.shape, (dim,)),
    )
    return [f"{what}: {found}, the manifest says {said}" for what, found, said in pairs if found != said]


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
