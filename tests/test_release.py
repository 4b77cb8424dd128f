"""A release is loaded whole and unchanged or refused, and `current` names a whole release at every moment."""

import hashlib
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import cycle
from mmap import mmap
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from indexer.build import build_release
from indexer.checksums import file_sha256
from indexer.drafts import draft_folder
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Embeddings
from indexer.manifest import FORMAT_VERSION, MANIFEST_FILE, check_encoder, make_canaries, read_manifest
from indexer.parts import Parts
from indexer.practice_table import PRACTICES_FILE
from indexer.release import Release, activate, file_sums, load_release, publish
from indexer.release_files import CURRENT, PREVIOUS, ROLE_HEAD_FILE, TOPIC_HEAD_FILE, ReleaseError
from indexer.stored_rows import StoredRows
from tests.fakes import PRACTICES, THESAURUS, VOCABULARY, WordEncoder, calibrated_source, fake_spec, small_source

DIM = 64
ADVICE = "restore the folder or rebuild it with `practices index`"
MATRICES = (
    "sentence_embeddings",
    "context_embeddings",
    "is_telling",
    "theme_embeddings",
    "layout",
    "document_centroid",
    "query_centroid",
)
ENCODER_ADVICE = "rebuild the release with `practices index`, or give the service the encoder that built it"


def matrix(parts: Parts, name: str) -> np.ndarray:
    found = getattr(parts, name)
    return found.mapped if isinstance(found, StoredRows) else found


def tiny_encoder(name: str = "words") -> WordEncoder:
    return WordEncoder(fake_spec(name, dim=DIM))


def build(folder: Path, practices: Any = PRACTICES) -> Release:
    encoder = tiny_encoder()
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, DIM)
    return build_release(
        calibrated_source(practices), encoder, releases=folder / "releases", cache=cache, progress=lambda *_: None
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release that no test changes."""
    return build(tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release of the same catalogue with one practice less."""
    return build(tmp_path_factory.mktemp("new"), PRACTICES[:3])


@pytest.fixture
def folder(built: Release, tmp_path: Path) -> Path:
    """A copy of the release that a test may damage."""
    return Path(shutil.copytree(built.folder, tmp_path / built.manifest.release_id))


@pytest.fixture
def releases(built: Release, newer: Release, tmp_path: Path) -> Path:
    """A folder with both releases, the older one active."""
    folder = tmp_path / "releases"
    for release in (built, newer):
        shutil.copytree(release.folder, folder / release.manifest.release_id)
    activate(folder, built.manifest.release_id)
    return folder


def file_names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def change_manifest(folder: Path, change: Callable[[Any], None]) -> None:
    content = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    change(content)
    if content.pop("sha256", None) is not None:
        content["sha256"] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    (folder / MANIFEST_FILE).write_text(json.dumps(content), encoding="utf-8")


def refusal_of(folder: Path) -> str:
    with pytest.raises(ReleaseError) as refusal:
        load_release(folder)
    return str(refusal.value)


def test_loaded_release_holds_what_was_built(built: Release, folder: Path):
    release = load_release(folder)
    assert release.folder == folder
    assert release.manifest == built.manifest
    assert list(release.parts.practices) == list(PRACTICES)
    for name in ("windows", "sentences"):
        loaded, expected = getattr(release.parts, name), getattr(built.parts, name)
        assert loaded.bounds.tolist() == expected.bounds.tolist(), name
        assert loaded.limits.tolist() == expected.limits.tolist(), name
    assert release.parts.vocabulary == VOCABULARY
    assert release.parts.thesaurus == THESAURUS
    assert [release.parts.practices.row(practice.id) for practice in PRACTICES] == [0, 1, 2, 3]
    assert release.parts.facets.rows("country", "DE").tolist() == [0, 3]
    assert release.parts.names.called("senior mentors").rows.tolist() == [0]
    assert np.flatnonzero(release.parts.lexical.scores(["certif"])).tolist() == [1]
    rows = np.arange(built.parts.vectors.size)
    assert np.array_equal(release.parts.vectors.take(rows), built.parts.vectors.take(rows))
    for name in MATRICES:
        assert np.array_equal(matrix(release.parts, name), matrix(built.parts, name)), name
    for head in ("topic_head", "role_head"):
        assert np.array_equal(getattr(release.parts, head).weights, getattr(built.parts, head).weights), head


def test_matrices_have_a_row_for_each_sentence_theme_practice_and_class(built: Release):
    sentences, themes = len(built.parts.sentences), len(VOCABULARY["approaches"])
    parts = load_release(built.folder).parts
    assert {name: (matrix(parts, name).shape, matrix(parts, name).dtype.name) for name in MATRICES} == {
        "sentence_embeddings": ((sentences, DIM), "float32"),
        "context_embeddings": ((sentences, DIM), "float32"),
        "is_telling": ((sentences,), "bool"),
        "theme_embeddings": ((themes, DIM), "float32"),
        "layout": ((len(PRACTICES), 2), "float32"),
        "document_centroid": ((DIM,), "float32"),
        "query_centroid": ((DIM,), "float32"),
    }
    assert (parts.topic_head.weights.shape, parts.role_head.weights.shape) == ((1, DIM + 1), (4, DIM + 1))


def test_head_that_the_manifest_does_not_list_is_not_read(tmp_path: Path, built: Release):
    encoder = tiny_encoder()
    cache = EmbeddingCache(tmp_path / "cache", encoder.spec.identity, DIM)
    release = build_release(
        small_source(), encoder, releases=tmp_path / "releases", cache=cache, progress=lambda *_: None
    )
    for name in (TOPIC_HEAD_FILE, ROLE_HEAD_FILE):
        assert name not in release.manifest.files
        shutil.copy(built.folder / name, release.folder / name)
    parts = load_release(release.folder).parts
    assert (parts.topic_head, parts.role_head) == (None, None)


def test_manifest_lists_every_other_file_of_the_folder(built: Release):
    assert sorted(built.manifest.files) == [name for name in file_names(built.folder) if name != MANIFEST_FILE]


def test_changed_bit_of_any_file_is_refused_with_the_file_and_advice(built: Release, folder: Path):
    chance = random.Random(11)
    for name in built.manifest.files:
        content = (folder / name).read_bytes()
        places = {0, len(content) // 2, len(content) - 1, *(chance.randrange(len(content)) for _ in range(5))}
        for place in sorted(places):
            changed = bytearray(content)
            changed[place] ^= 1 << chance.randrange(8)
            (folder / name).write_bytes(changed)
            message = refusal_of(folder)
            assert message.startswith(f"release {built.manifest.release_id} is damaged; {ADVICE}:\n"), (name, place)
            assert f"  {folder / name}: sha256 is " in message, (name, place)
            assert f"expected {built.manifest.files[name]}" in message, (name, place)
        (folder / name).write_bytes(content)
    assert load_release(folder).manifest == built.manifest


def test_file_that_is_cut_off_or_longer_is_refused(built: Release, folder: Path):
    for name in built.manifest.files:
        content = (folder / name).read_bytes()
        for changed in (content[:-1], b"", content + b"\n"):
            (folder / name).write_bytes(changed)
            assert f"{folder / name}: sha256 is " in refusal_of(folder)
        (folder / name).write_bytes(content)


def test_missing_file_is_refused_with_the_file_and_advice(built: Release, folder: Path):
    for name in built.manifest.files:
        (folder / name).rename(folder / "elsewhere")
        assert refusal_of(folder) == (
            f"release {built.manifest.release_id} is damaged; {ADVICE}:\n  {folder / name}: missing"
        )
        (folder / "elsewhere").rename(folder / name)


def test_all_faults_are_reported_at_once(folder: Path):
    first, second = sorted(read_manifest(folder).files)[:2]
    (folder / first).unlink()
    (folder / second).write_bytes(b"")
    lines = refusal_of(folder).splitlines()[1:]
    assert lines[0] == f"  {folder / first}: missing"
    assert lines[1].startswith(f"  {folder / second}: sha256 is ")
    assert len(lines) == 2


def test_folder_without_a_manifest_is_no_release(folder: Path):
    (folder / MANIFEST_FILE).unlink()
    assert refusal_of(folder) == (
        f"{folder} is not a release: no {MANIFEST_FILE} in it; build one with `practices index`"
    )


def test_changed_bit_anywhere_in_the_manifest_is_refused(folder: Path):
    content = (folder / MANIFEST_FILE).read_bytes()
    for place in random.Random(14).sample(range(len(content)), 60):
        changed = bytearray(content)
        changed[place] ^= 1
        (folder / MANIFEST_FILE).write_bytes(changed)
        if json.dumps(content.decode()) != json.dumps(changed.decode(errors="replace")):
            with pytest.raises(ReleaseError):
                load_release(folder)


def test_byte_that_is_no_text_anywhere_in_the_manifest_is_refused(folder: Path):
    content = (folder / MANIFEST_FILE).read_bytes()
    for place in (0, *random.Random(12).sample(range(len(content)), 30), len(content) - 1):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        (folder / MANIFEST_FILE).write_bytes(changed)
        message = refusal_of(folder)
        assert message.startswith(f"{folder / MANIFEST_FILE} is damaged ("), place
        assert message.endswith("; rebuild the release with `practices index`"), place


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"text"'])
def test_manifest_that_is_none_is_refused(folder: Path, text: str):
    (folder / MANIFEST_FILE).write_text(text, encoding="utf-8")
    message = refusal_of(folder)
    assert message.startswith(f"{folder / MANIFEST_FILE} is damaged (")
    assert message.endswith("; rebuild the release with `practices index`")


def test_manifest_without_one_of_its_fields_is_refused_by_the_name_of_the_field(folder: Path):
    original = (folder / MANIFEST_FILE).read_text(encoding="utf-8")
    for field in json.loads(original):
        if field in {"format_version", "sha256"}:
            continue
        change_manifest(folder, lambda content, field=field: content.pop(field))
        assert field in refusal_of(folder)
        (folder / MANIFEST_FILE).write_text(original, encoding="utf-8")


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, FORMAT_VERSION - 1, str(FORMAT_VERSION), None])
def test_other_format_version_is_refused_with_both_versions(folder: Path, version: object):
    change_manifest(folder, lambda content: content.update(format_version=version))
    assert refusal_of(folder) == (
        f"{folder / MANIFEST_FILE}: format version is {version}, this program reads {FORMAT_VERSION}; "
        "rebuild the release with `practices index`"
    )


@pytest.mark.parametrize("field", ["practices", "windows", "sentences"])
@pytest.mark.parametrize("difference", [-1, 1])
def test_count_that_disagrees_is_refused_with_found_and_said(built: Release, folder: Path, field: str, difference: int):
    found = getattr(built.manifest.counts, field)
    change_manifest(folder, lambda content: content["counts"].update({field: found + difference}))
    message = refusal_of(folder)
    assert message.startswith(f"release {built.manifest.release_id} contradicts its manifest; {ADVICE}:\n")
    assert f"  {field}: {found}, the manifest says {found + difference}\n" in message + "\n"


def test_dimension_that_disagrees_is_refused(folder: Path):
    change_manifest(folder, lambda content: content["encoder"].update(dim=DIM + 1))
    assert f"dimensions of a vector: {DIM}, the manifest says {DIM + 1}" in refusal_of(folder)


def change_file(folder: Path, name: str, content: np.ndarray) -> None:
    """Replace a matrix of a release and its hash in the manifest."""
    np.save(folder / name, content, allow_pickle=False)
    change_manifest(folder, lambda manifest: manifest["files"].update({name: file_sha256(folder / name)}))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sentences.npy", "shape of the sentences' embeddings"),
        ("contexts.npy", "shape of the contexts' embeddings"),
        ("telling.npy", "sentences that are known to tell something"),
        ("themes.npy", "shape of the themes' embeddings"),
        ("layout.npy", "places on the map"),
    ],
)
def test_matrix_with_a_row_too_few_is_refused_even_where_the_hash_is_right(folder: Path, name: str, said: str):
    matrix = np.load(folder / name)
    change_file(folder, name, matrix[:-1])
    assert f"  {said}: {matrix[:-1].shape}, the manifest says {matrix.shape}" in refusal_of(folder)


def test_practice_too_few_is_refused_even_where_the_hash_is_right(folder: Path):
    change_file(folder, "practice-limits.npy", np.load(folder / "practice-limits.npy")[:-1])
    assert "  practices: 3, the manifest says 4" in refusal_of(folder)


@pytest.mark.parametrize(("name", "said"), [("windows", "windows"), ("sentences", "sentences")])
def test_passage_too_few_is_refused_even_where_the_hash_is_right(built: Release, folder: Path, name: str, said: str):
    count = getattr(built.manifest.counts, name)
    change_file(folder, f"{name}-limits.npy", np.load(folder / f"{name}-limits.npy")[:-1])
    assert f"  {said}: {count - 1}, the manifest says {count}" in refusal_of(folder)


@pytest.mark.parametrize("name", ["windows", "sentences"])
def test_practice_without_passages_is_refused_even_where_the_hash_is_right(folder: Path, name: str):
    change_file(folder, f"{name}-bounds.npy", np.load(folder / f"{name}-bounds.npy")[:-1])
    assert f"  practices with {name}: 3, the manifest says 4" in refusal_of(folder)


@pytest.mark.parametrize("content", [b"", b"no array"])
def test_file_that_is_no_array_is_refused_even_where_the_hash_is_right(folder: Path, content: bytes):
    for name in sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.npy")):
        before = (folder / name).read_bytes()
        (folder / name).write_bytes(content)
        sums = {name: file_sha256(folder / name)}
        manifest = (folder / MANIFEST_FILE).read_bytes()
        change_manifest(folder, lambda content, sums=sums: content["files"].update(sums))
        message = refusal_of(folder)
        assert message.startswith(f"release {folder.name} cannot be read ("), name
        assert message.endswith(f"; {ADVICE}"), name
        (folder / name).write_bytes(before)
        (folder / MANIFEST_FILE).write_bytes(manifest)


def is_mapped(array: object) -> bool:
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array, mmap)


def test_what_grows_with_the_catalogue_is_mapped_and_not_read(built: Release):
    parts = load_release(built.folder).parts
    for name in ("sentence_embeddings", "context_embeddings", "is_telling", "layout"):
        assert is_mapped(matrix(parts, name)), name
    for passages in (parts.windows, parts.sentences):
        assert is_mapped(passages.limits)
        assert is_mapped(passages.bounds)
    assert is_mapped(parts.practices.ordered("title"))
    assert is_mapped(parts.facets.rows("country", "DE"))


def test_release_that_is_replaced_on_disk_is_answered_from_as_it_was(built: Release, folder: Path):
    parts = load_release(folder).parts
    shutil.rmtree(folder)
    sentences = np.arange(len(parts.sentences))
    assert list(parts.practices) == list(PRACTICES)
    assert np.array_equal(parts.sentence_embeddings.take(sentences), built.parts.sentence_embeddings.take(sentences))
    rows = np.arange(built.parts.vectors.size)
    assert np.array_equal(parts.vectors.take(rows), built.parts.vectors.take(rows))


def test_sums_of_all_files_are_those_of_the_manifest(built: Release, monkeypatch: pytest.MonkeyPatch):
    sums = file_sums(built.folder)
    assert {name: sums[name] for name in sums if name != MANIFEST_FILE} == built.manifest.files
    monkeypatch.setattr("indexer.checksums.LARGEST_WHOLE", 1_000)
    sampled = {name for name, found in file_sums(built.folder).items() if found.startswith("sampled-sha256:")}
    assert sampled == {name for name in file_names(built.folder) if (built.folder / name).stat().st_size > 1_000}


def test_release_of_large_files_is_loaded_by_samples_and_a_change_in_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("indexer.checksums.LARGEST_WHOLE", 1_000)
    release = build(tmp_path)
    assert release.manifest.files["sentences.npy"].startswith("sampled-sha256:")
    assert not release.manifest.files["centroids.npy"].startswith("sampled-sha256:")
    monkeypatch.undo()
    assert load_release(release.folder).manifest == release.manifest
    content = bytearray((release.folder / "sentences.npy").read_bytes())
    content[-1] ^= 1
    (release.folder / "sentences.npy").write_bytes(content)
    assert f"{release.folder / 'sentences.npy'}: sha256 is sampled-sha256:" in refusal_of(release.folder)


def test_encoder_that_built_the_release_is_accepted(built: Release):
    check_encoder(built.manifest, tiny_encoder())


def test_other_encoder_of_the_same_dimension_is_refused_with_both_names(built: Release):
    other = tiny_encoder("others")
    with pytest.raises(ReleaseError) as refusal:
        check_encoder(built.manifest, other)
    assert str(refusal.value) == (
        f"release {built.manifest.release_id} was built with encoder '{tiny_encoder().spec.identity}' "
        f"but the service loads '{other.spec.identity}'; {ENCODER_ADVICE}"
    )
    assert other.encoded == []


class TurnedEncoder(WordEncoder):
    """The same identity, but the dimensions of the chosen kind of text are moved by one."""

    def __init__(self, *, turns_queries: bool, turns_documents: bool) -> None:
        super().__init__(fake_spec(dim=DIM))
        self.turns_queries = turns_queries
        self.turns_documents = turns_documents

    def encode_queries(self, texts: Any) -> Embeddings:
        rows = WordEncoder.encode_documents(self, texts)
        return np.roll(rows, 1, axis=1) if self.turns_queries else rows

    def encode_documents(self, texts: Any) -> Embeddings:
        rows = WordEncoder.encode_documents(self, texts)
        return np.roll(rows, 1, axis=1) if self.turns_documents else rows


@pytest.mark.parametrize("turned", ["queries", "documents"])
def test_same_identity_with_other_vectors_is_refused_by_its_canaries(built: Release, turned: str):
    encoder = TurnedEncoder(turns_queries=turned == "queries", turns_documents=turned == "documents")
    text = built.manifest.canaries[0].text
    right = tiny_encoder().encode_documents([text])[0]
    cosine = float(right @ np.roll(right, 1))
    with pytest.raises(ReleaseError) as refusal:
        check_encoder(built.manifest, encoder)
    assert str(refusal.value) == (
        f"release {built.manifest.release_id}: encoder '{encoder.spec.identity}' gives '{text}' a vector with cosine "
        f"{cosine:.4f} to the one at build time, expected at least 0.997; {ENCODER_ADVICE}"
    )


@pytest.mark.parametrize(("cosine", "is_accepted"), [(0.9975, True), (0.9965, False), (-1.0, False), (np.nan, False)])
def test_canaries_allow_rounding_but_nothing_more(built: Release, cosine: float, is_accepted: bool):  # noqa: FBT001
    class NearEncoder(WordEncoder):
        def encode_documents(self, texts: Any) -> Embeddings:
            rows = super().encode_documents(texts)
            across = np.roll(rows, 1, axis=1)
            across -= (across * rows).sum(axis=1, keepdims=True) * rows
            across /= np.linalg.norm(across, axis=1, keepdims=True)
            return (cosine * rows + np.sqrt(1 - cosine**2) * across).astype(np.float32)

    encoder = NearEncoder(fake_spec(dim=DIM))
    if is_accepted:
        check_encoder(built.manifest, encoder)
    else:
        with pytest.raises(ReleaseError, match=f"cosine {cosine:.4f}"):
            check_encoder(built.manifest, encoder)


def test_canaries_hold_every_text_as_query_and_as_document():
    encoder = tiny_encoder()
    canaries = make_canaries(encoder, ["one text", "another"])
    assert [(canary.text, canary.is_query) for canary in canaries] == [
        ("one text", True),
        ("another", True),
        ("one text", False),
        ("another", False),
    ]
    assert canaries[1].embedding == tuple(np.round(encoder.encode_queries(["another"])[0].astype(float), 6))


def test_activate_switches_back_and_forth(releases: Path, built: Release, newer: Release):
    for release in (newer, built, newer):
        activate(releases, release.manifest.release_id)
        assert load_release(releases / CURRENT).manifest == release.manifest
        assert (releases / CURRENT).is_symlink()
    assert load_release(releases / PREVIOUS).manifest == built.manifest
    assert sorted(path.name for path in releases.iterdir()) == sorted(
        [CURRENT, PREVIOUS, built.manifest.release_id, newer.manifest.release_id]
    )


def test_link_to_the_current_release_survives_a_move_of_the_folder(releases: Path, built: Release, tmp_path: Path):
    moved = releases.rename(tmp_path / "moved")
    assert load_release(moved / CURRENT).manifest == built.manifest


def test_activate_is_never_seen_half_done(releases: Path, built: Release, newer: Release):
    ids = [built.manifest.release_id, newer.manifest.release_id]

    def switch() -> None:
        for release_id in ids * 100:
            activate(releases, release_id)

    switching = threading.Thread(target=switch)
    seen = set()
    switching.start()
    while switching.is_alive():
        seen.add(os.readlink(releases / CURRENT))
    switching.join()
    assert seen == set(ids)


def draft_of(release: Release, draft: Path) -> Path:
    return Path(shutil.copytree(release.folder, draft, dirs_exist_ok=True))


def test_publish_gives_a_draft_its_name_and_makes_it_current(tmp_path: Path, built: Release):
    with draft_folder(tmp_path) as draft:
        published = publish(draft_of(built, draft), tmp_path)
    assert published == tmp_path / built.manifest.release_id
    assert load_release(tmp_path / CURRENT).manifest == built.manifest
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([CURRENT, built.manifest.release_id])


def test_sound_release_of_the_same_id_is_kept_and_made_current(releases: Path, newer: Release):
    target = releases / newer.manifest.release_id
    before = target.stat().st_ino
    with draft_folder(releases) as draft:
        publish(draft_of(newer, draft), releases)
    assert target.stat().st_ino == before
    assert load_release(releases / CURRENT).manifest == newer.manifest


def test_damaged_release_of_the_same_id_is_replaced(releases: Path, built: Release):
    (releases / built.manifest.release_id / PRACTICES_FILE).write_bytes(b"")
    with draft_folder(releases) as draft:
        publish(draft_of(built, draft), releases)
    assert list(load_release(releases / CURRENT).parts.practices) == list(PRACTICES)
    assert [path.name for path in releases.iterdir() if path.name.startswith(".draft-")] == []


def test_incomplete_draft_is_not_published(releases: Path, built: Release, newer: Release):
    with draft_folder(releases) as draft:
        draft_of(newer, draft)
        (draft / MANIFEST_FILE).unlink()
        with pytest.raises(ReleaseError, match=r"is not a release: no manifest\.json in it"):
            publish(draft, releases)
    assert load_release(releases / CURRENT).manifest == built.manifest


def test_draft_is_removed_when_its_build_fails(tmp_path: Path):
    def fail() -> None:
        with draft_folder(tmp_path) as draft:
            (draft / PRACTICES_FILE).write_bytes(b"half")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_drafts_of_killed_builds_are_removed_and_those_of_living_ones_kept(tmp_path: Path):
    script = (
        "import sys; from pathlib import Path; from indexer.drafts import draft_folder\n"
        "with draft_folder(Path(sys.argv[1])) as draft:\n"
        "    (draft / 'half').write_bytes(b'half'); print(draft.name, flush=True); input()"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as builder:
        name = builder.stdout.readline().strip()
        with draft_folder(tmp_path) as draft:
            assert list(draft.iterdir()) == []
            assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, draft.name])
        builder.kill()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with draft_folder(tmp_path) as draft:
        assert list(tmp_path.iterdir()) == [draft]


def unsound(releases: Path) -> list[str]:
    """Return the names of the published folders that are no whole release; links to them are not looked at."""
    names = []
    for folder in releases.iterdir():
        try:
            if not folder.name.startswith(".") and not folder.is_symlink():
                load_release(folder)
        except ReleaseError:
            names.append(folder.name)
    return names


def state_of(folder: Path) -> tuple[object, ...]:
    """Return all that loading the releases of a folder depends on: links, and the names, times and sizes of files."""
    found: list[object] = []
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            facts = os.lstat(path)
            target = os.readlink(path) if os.path.islink(path) else None
            found.append((path, target, facts.st_ino, facts.st_size, facts.st_mtime_ns))
    return tuple(sorted(found, key=repr))


def test_every_step_of_publish_leaves_a_whole_release_current_and_no_half_one_beside_it(
    tmp_path: Path, built: Release, newer: Release
):
    seen: list[tuple[object, ...]] = []
    found_in: dict[tuple[object, ...], tuple[str, list[str]]] = {}
    steps = {publish.__code__.co_filename, shutil.__file__}

    def look(frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename not in steps:
            return None
        if event == "line":
            seen.append(state := state_of(tmp_path))
            if state not in found_in:
                found_in[state] = (load_release(tmp_path / CURRENT).manifest.release_id, unsound(tmp_path))
        return look

    with draft_folder(tmp_path) as draft:
        publish(draft_of(built, draft), tmp_path)
    with draft_folder(tmp_path) as draft:
        draft_of(newer, draft)
        before = sys.gettrace()
        sys.settrace(look)
        try:
            publish(draft, tmp_path)
        finally:
            sys.settrace(before)
    assert [found for _, found in found_in.values() if found] == []
    assert len(found_in) > 3
    ids = [found_in[state][0] for state in seen]
    switched = ids.index(newer.manifest.release_id)
    assert set(ids[:switched]) == {built.manifest.release_id}
    assert set(ids[switched:]) == {newer.manifest.release_id}


def publish_for_ever(first: Path, second: Path, releases: Path, started: Connection) -> None:
    """Publish two releases in turn, each anew from a draft, until somebody kills this process."""
    started.send("started")
    for release in cycle((first, second)):
        with draft_folder(releases) as draft:
            shutil.copytree(release, draft, dirs_exist_ok=True)
            if (releases / release.name).exists():  # never the current one
                shutil.rmtree((releases / release.name).rename(draft.with_name(f"{draft.name}-old")))
            publish(draft, releases)


@pytest.fixture
def fork_server() -> Any:
    """Processes that start in milliseconds, because their server has imported this module once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def test_publish_that_is_killed_at_any_moment_leaves_the_old_or_the_new_release(
    releases: Path, built: Release, newer: Release, fork_server: Any
):
    chance = random.Random(13)
    for _ in range(20):
        is_newer = os.readlink(releases / CURRENT) == newer.manifest.release_id
        old, new = (newer, built) if is_newer else (built, newer)
        receiving, sending = fork_server.Pipe(duplex=False)
        process = fork_server.Process(target=publish_for_ever, args=(new.folder, old.folder, releases, sending))
        process.start()
        sending.close()
        assert receiving.recv() == "started"
        time.sleep(chance.uniform(0, 0.05))
        process.kill()
        process.join()
        process.close()
        receiving.close()
        assert load_release(releases / CURRENT).manifest in (old.manifest, new.manifest)
        assert unsound(releases) == []
    with draft_folder(releases) as draft:
        assert [path.name for path in releases.iterdir() if path.name.startswith(".draft-")] == [draft.name]
