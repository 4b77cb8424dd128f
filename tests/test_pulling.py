"""What is pulled is the release that was pushed, or nothing: whatever the store has, says, or stops saying."""

import multiprocessing
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from indexer import pulling, release_store
from indexer.manifest import MANIFEST_FILE, Manifest, read_manifest, write_manifest
from indexer.pulling import pull
from indexer.release import Release, load_release
from indexer.release_files import THESAURUS_FILE, VOCABULARY_FILE
from indexer.release_store import ReleaseStore, StoreError
from tests.fakes import PRACTICES, small_source
from tests.killed import killed
from tests.stores import KINDS, files_below, store_place
from tests.test_build import build
from tests.test_release import unsound

KILLS = int(os.environ.get("KILLS", "60")) // 3  # every release that is left is compared byte by byte
FIRST_SECONDS = 0.3  # some more than a pull takes; then what is measured, as in test_killed_builds
LATER, EARLIER = 1.1, 0.8


class Made(NamedTuple):
    """Two releases in a store that is a folder; they share what does not come from the practices."""

    store: Path
    first: Release
    second: Release


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("pushed")
    made = Made(folder / "store", build(folder, small_source(PRACTICES[:3])), build(folder))
    for release in (made.first, made.second):
        ReleaseStore(str(made.store)).push(release.folder)
    return made


@pytest.fixture
def made(pushed: Made, tmp_path: Path) -> Made:
    """The same, in a store that a test may change."""
    shutil.copytree(pushed.store, tmp_path / "store")
    return pushed._replace(store=tmp_path / "store")


def id_of(release: Release) -> str:
    return release.manifest.release_id


def content_of(releases: Path) -> dict[str, bytes]:
    return files_below(releases) if releases.exists() else {}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_pulled_is_what_was_pushed(tmp_path: Path, made: Made, kind: str) -> None:
    with store_place(kind, tmp_path / "places") as place:
        ReleaseStore(place.written).push(made.first.folder)
        assert pull(ReleaseStore(place.read), id_of(made.first), tmp_path / "releases") is True
    pulled = load_release(tmp_path / "releases" / id_of(made.first))
    assert files_below(pulled.folder) == files_below(made.first.folder)
    assert os.listdir(tmp_path / "releases") == [id_of(made.first)]


def test_a_release_that_is_here_and_sound_needs_no_store(tmp_path: Path, made: Made) -> None:
    pull(ReleaseStore(str(made.store)), id_of(made.first), tmp_path / "releases")
    assert pull(ReleaseStore(str(tmp_path / "nowhere")), id_of(made.first), tmp_path / "releases") is False


def test_a_release_that_is_here_and_damaged_is_pulled_again(tmp_path: Path, made: Made) -> None:
    store, folder = ReleaseStore(str(made.store)), tmp_path / "releases" / id_of(made.first)
    pull(store, id_of(made.first), tmp_path / "releases")
    (folder / VOCABULARY_FILE).write_bytes(b"{}")
    assert pull(store, id_of(made.first), tmp_path / "releases") is True
    assert files_below(folder) == files_below(made.first.folder)


def test_files_of_a_release_on_disk_are_not_fetched_again(tmp_path: Path, made: Made) -> None:
    store, releases = ReleaseStore(str(made.store)), tmp_path / "releases"
    pull(store, id_of(made.first), releases)
    first, second = (one.manifest.files for one in (made.first, made.second))
    shared = {name for name in second if second[name] in first.values()}
    assert {THESAURUS_FILE, VOCABULARY_FILE} <= shared < set(second)
    for name in shared:
        (made.store / "releases" / id_of(made.second) / name).unlink()

    assert pull(store, id_of(made.second), releases) is True

    assert files_below(releases / id_of(made.second)) == files_below(made.second.folder)
    assert {name for name in second if (releases / id_of(made.second) / name).stat().st_nlink > 1} == shared


@pytest.mark.parametrize("fault", ["damaged", "removed", "elsewhere"])
def test_a_file_that_is_not_what_it_was_or_cannot_be_linked_is_fetched(
    tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    store, releases = ReleaseStore(str(made.store)), tmp_path / "releases"
    pull(store, id_of(made.first), releases)
    if fault == "damaged":
        (releases / id_of(made.first) / VOCABULARY_FILE).write_bytes(b"{}")
    elif fault == "removed":
        (releases / id_of(made.first) / VOCABULARY_FILE).unlink()
    else:
        monkeypatch.setattr(os, "link", _refused)

    assert pull(store, id_of(made.second), releases) is True

    assert files_below(releases / id_of(made.second)) == files_below(made.second.folder)


def _refused(*_: object) -> None:
    raise OSError(18, "Invalid cross-device link")


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped bit": (flipped, "sha256 is "),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "sha256 is "),
    "longer": (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "sha256 is "),
    "empty": (lambda path: path.write_bytes(b""), "sha256 is "),
    "gone": (lambda path: path.unlink(), "not found|No such file|practices.jsonl"),
}


@pytest.mark.parametrize("kind", ["folder", "whole files"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_release_that_is_damaged_there_or_on_the_way_changes_nothing(
    tmp_path: Path, made: Made, fault: str, kind: str
) -> None:
    damage, said = FAULTS[fault]
    with store_place(kind, tmp_path / "places") as place:
        ReleaseStore(place.written).push(made.second.folder)
        damage(place.folder / "releases" / id_of(made.second) / "practices.jsonl")
        store, releases = ReleaseStore(place.read), tmp_path / "releases"
        pull(ReleaseStore(str(made.store)), id_of(made.first), releases)
        before = content_of(releases)
        with pytest.raises(StoreError, match=said) as found:
            pull(store, id_of(made.second), releases)
        assert "practices.jsonl" in str(found.value)
        assert ".draft-" not in str(found.value)
        assert content_of(releases) == before


def written(made: Made, **changes: Any) -> None:
    """Change the manifest of the second release in the store, by one who knows how to write one."""
    folder = made.store / "releases" / id_of(made.second)
    write_manifest(folder, replace(read_manifest(folder), **changes))


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "../../current",
        "facets/../../evil",
        "/tmp/practices-evil",
        "",
        ".",
        "..",
        "a//b",
        "a/",
        ".hidden",
        "a/.draft-x",
        "a\\b",
        "a b",
        "a\n",
        "a\0b",
        "é",
        "a" * 201,
        MANIFEST_FILE,
    ],
)
def test_a_manifest_that_names_what_is_not_within_the_release_is_refused(
    tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    files = dict(read_manifest(made.store / "releases" / id_of(made.second)).files)
    written(made, files={**files, name: "0" * 64})
    monkeypatch.setattr(ReleaseStore, "file", lambda *_: (4, [b"evil"]))
    with pytest.raises(StoreError, match="its manifest names the file"):
        pull(ReleaseStore(str(made.store)), id_of(made.second), tmp_path / "releases")
    assert content_of(tmp_path / "releases") == {}
    assert sorted(os.listdir(tmp_path)) == ["releases", "store"]


def test_every_file_of_a_real_release_has_a_name_that_is_accepted(made: Made) -> None:
    for release in (made.first, made.second):
        assert pulling._acceptable(release.manifest, id_of(release)) == release.manifest


CHANGES: dict[str, tuple[Callable[[Manifest], dict[str, Any]], str]] = {
    "another id": (lambda _: {"release_id": "0123456789ab"}, "its manifest is that of release '0123456789ab'"),
    "an id that is a path": (lambda _: {"release_id": "../evil"}, "its manifest is that of release '../evil'"),
    "too many files": (
        lambda one: {"files": {**one.files, **{f"f{number}": "0" for number in range(1_000)}}},
        "expected at most 1000",
    ),
    "another format": (lambda _: {"format_version": 1}, "format version is 1"),
    "another count": (lambda one: {"counts": replace(one.counts, practices=9)}, "practices: 4, the manifest says 9"),
    "a file less": (
        lambda one: {"files": {name: one.files[name] for name in one.files if name != VOCABULARY_FILE}},
        VOCABULARY_FILE,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_manifest_that_is_not_that_of_the_release_is_refused(tmp_path: Path, made: Made, change: str) -> None:
    changes, said = CHANGES[change]
    written(made, **changes(made.second.manifest))
    with pytest.raises(StoreError, match=said):
        pull(ReleaseStore(str(made.store)), id_of(made.second), tmp_path / "releases")
    assert content_of(tmp_path / "releases") == {}


def test_a_manifest_that_is_none_or_endless_is_refused(
    tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, store = made.store / "releases" / id_of(made.second) / MANIFEST_FILE, ReleaseStore(str(made.store))
    manifest.write_text("<!doctype html>")
    with pytest.raises(StoreError, match="cannot be used as it came"):
        pull(store, id_of(made.second), tmp_path / "releases")
    monkeypatch.setattr(release_store, "_MOST_MANIFEST", 10)
    with pytest.raises(StoreError, match="bytes, expected 1 to 10;"):
        pull(store, id_of(made.second), tmp_path / "releases")
    manifest.unlink()
    with pytest.raises(StoreError, match=f"has no whole release {id_of(made.second)}"):
        pull(store, id_of(made.second), tmp_path / "releases")


def test_a_file_for_which_there_is_no_room_is_not_begun(
    tmp_path: Path, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    monkeypatch.setattr(ReleaseStore, "_pieces", lambda *_: map(_refused, [0]))
    with pytest.raises(StoreError, match=r"[0-9]+ bytes of release [0-9a-f]{12} and 1 that are free; make room"):
        pull(ReleaseStore(str(made.store)), id_of(made.second), tmp_path / "releases")
    assert content_of(tmp_path / "releases") == {}


def pull_and_end(address: str, ids: list[str], releases: Path, started: Connection) -> None:
    started.send("started")
    for release_id in ids:
        pull(ReleaseStore(address), release_id, releases)


def test_pulls_killed_at_any_moment_leave_whole_releases_and_the_next_one_gets_them(tmp_path: Path, made: Made) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "obstore.store"])
    choice, ids = random.Random(3), [id_of(made.first), id_of(made.second)]
    left: Counter[str] = Counter()
    longest, round_ = FIRST_SECONDS, 0
    while left["killed"] < KILLS:
        releases = tmp_path / f"releases-{round_}"
        is_killed = killed(context, choice.uniform(0, longest), pull_and_end, str(made.store), ids, releases)
        found = set(os.listdir(releases)) if releases.exists() else set()
        drafts = {name for name in found if name.startswith(".draft-")}
        assert found - drafts <= set(ids)
        assert drafts == set() or is_killed
        assert not releases.exists() or unsound(releases) == []
        longest *= LATER if is_killed else EARLIER
        left["killed"] += is_killed
        left["draft"] += bool(drafts)
        if not is_killed or choice.random() < 0.3:
            pull_and_end(str(made.store), ids, releases, _Deaf())  # type: ignore[arg-type]
            assert set(os.listdir(releases)) == set(ids)
            assert files_below(releases / ids[1]) == files_below(made.second.folder)
            round_ += 1
    assert left["draft"] > 0, "no pull was killed in the middle"


class _Deaf:
    def send(self, _: str) -> None:
        """Nobody waits for it."""
