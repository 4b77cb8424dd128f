"""Changes made by API become the next release, each once; what cannot be built yet stays pending."""

import logging
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.edits import Edit, entity_tag
from indexer.parity import Parity, write_parity
from indexer.practice import Practice
from indexer.release import Release, linked_id, load_release
from indexer.release_files import CURRENT, ReleaseError
from service import rebuilding
from service.journal import Journal, JournalWriter
from service.rebuilding import Rebuilding
from service.settings import Settings
from tests.fakes import PRACTICES, WordEncoder, small_source
from tests.test_build import build, contents, tiny_spec
from tests.test_switching import until

NEW = Practice(id="new", title="Night bus for trainees")
CHANGED = PRACTICES[0].model_copy(update={"region": "Bremen"})


@pytest.fixture
def first(tmp_path: Path) -> Release:
    return build(tmp_path, small_source())


@pytest.fixture
def settings(tmp_path: Path, first: Release, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(rebuilding, "load_release_encoder", lambda *_: WordEncoder(tiny_spec()))
    return Settings(releases=first.folder.parent, state=tmp_path / "state", cache=tmp_path / "cache", kept_releases=2)


def write(settings: Settings, *edits: Edit, replaced: str | None = None) -> None:
    with Journal(settings.journal).writing() as writer:
        for edit in edits:
            writer.append(edit, replaced, "cms")


def current(settings: Settings) -> Release:
    return load_release(settings.current)


def test_all_pending_changes_are_in_the_next_release(settings: Settings, tmp_path: Path) -> None:
    write(settings, Edit("new", NEW), Edit(CHANGED.id, CHANGED), Edit(PRACTICES[1].id, None))
    built = Rebuilding(settings).apply()
    assert built is not None
    by_hand = build(tmp_path / "by-hand", small_source((CHANGED, *PRACTICES[2:], NEW)))
    assert contents(built.folder) == contents(by_hand.folder)
    assert current(settings).manifest.release_id == built.manifest.release_id
    assert Journal(settings.journal).pending() == []
    assert Rebuilding(settings).apply() is None


def killed(_: Journal) -> None:
    raise KeyboardInterrupt


def test_a_build_that_was_killed_before_its_edits_were_marked_changes_nothing_more(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(settings, Edit("new", NEW))
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "writing", killed)
        rebuilder = Rebuilding(settings)
        with pytest.raises(KeyboardInterrupt):
            rebuilder.apply()
    built = linked_id(settings.releases, CURRENT)
    assert len(Journal(settings.journal).pending()) == 1
    monkeypatch.setattr(rebuilding, "build_release", None)
    again = Rebuilding(settings).apply()
    assert again is not None
    assert again.manifest.release_id == built
    assert Journal(settings.journal).pending() == []


def test_a_practice_that_a_catalogue_changed_meanwhile_is_told(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(settings, Edit(CHANGED.id, CHANGED), replaced=entity_tag(PRACTICES[0]))
    other = PRACTICES[0].model_copy(update={"region": "Hessen"})
    build(tmp_path, small_source((other, *PRACTICES[1:])))
    with caplog.at_level(logging.WARNING, logger="service.rebuilding"):
        built = Rebuilding(settings).apply()
    assert [one.message for one in caplog.records if one.name == "service.rebuilding"] == [
        f"practice '{CHANGED.id}' was changed by a catalogue too; the change by API is taken"
    ]
    assert built is not None
    assert built.parts.practices[0] == CHANGED


def test_two_changes_of_one_practice_in_a_row_are_no_conflict(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    write(settings, Edit(CHANGED.id, CHANGED), replaced=entity_tag(PRACTICES[0]))
    write(settings, Edit(CHANGED.id, PRACTICES[0]), replaced=entity_tag(CHANGED))
    write(settings, Edit(CHANGED.id, None), replaced=entity_tag(PRACTICES[0]))
    with caplog.at_level(logging.WARNING, logger="service.rebuilding"):
        built = Rebuilding(settings).apply()
    assert [one.message for one in caplog.records if one.name == "service.rebuilding"] == []
    assert built is not None
    assert built.parts.practices.row(CHANGED.id) is None


def test_old_releases_are_removed(settings: Settings) -> None:
    rebuilder = Rebuilding(settings)
    for number in range(4):
        write(settings, Edit(f"new-{number}", NEW.model_copy(update={"id": f"new-{number}"})))
        rebuilder.apply()
    kept = [one for one in settings.releases.iterdir() if one.is_dir() and not one.is_symlink()]
    assert len(kept) == 2
    assert len(current(settings).parts.practices) == len(PRACTICES) + 4


def test_the_encoder_is_loaded_again_when_the_release_it_came_from_was_removed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Path] = []

    def load(folder: Path, _: Settings) -> WordEncoder:
        encoder = WordEncoder(tiny_spec())
        encoder.folder = settings.state / f"encoder-{len(loaded)}"
        encoder.folder.mkdir(parents=True)
        write_parity(encoder.folder, Parity(0.0, 0.0, 1))
        loaded.append(encoder.folder)
        return encoder

    monkeypatch.setattr(rebuilding, "load_release_encoder", load)
    rebuilder = Rebuilding(settings)
    for number in range(3):
        write(settings, Edit(f"new-{number}", NEW.model_copy(update={"id": f"new-{number}"})))
        rebuilder.apply()
        if number == 1:
            shutil.rmtree(loaded[0])
    assert len(loaded) == 2


def test_without_a_sound_release_changes_stay_pending(settings: Settings, first: Release) -> None:
    write(settings, Edit("new", NEW))
    (first.folder / "sentences.npy").write_bytes(b"")
    with pytest.raises(ReleaseError, match="damaged"):
        Rebuilding(settings).apply()
    assert len(Journal(settings.journal).pending()) == 1


@pytest.fixture
def following(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Follow the journal in a thread until the function is called."""
    reader, writer = os.pipe()
    listened = os.fdopen(reader)
    monkeypatch.setattr(rebuilding.sys, "stdin", listened)
    monkeypatch.setattr(rebuilding.os, "nice", lambda _: 0)
    monkeypatch.setattr(rebuilding, "_RETRY_SECONDS", 0.01)
    thread = threading.Thread(target=Rebuilding(settings).follow)
    thread.start()

    def end() -> None:
        os.close(writer)
        thread.join(20)
        listened.close()
        assert not thread.is_alive()

    return end


def test_changes_are_built_as_they_come_until_nobody_listens(settings: Settings, following: Callable[[], None]) -> None:
    try:
        for size, practice in ((len(PRACTICES) + 1, NEW), (len(PRACTICES) + 1, CHANGED)):
            write(settings, Edit(practice.id, practice))
            until(lambda: not Journal(settings.journal).pending())
            assert len(current(settings).parts.practices) == size
        assert current(settings).parts.practices[0] == CHANGED
    finally:
        following()


def test_why_a_release_cannot_be_built_is_kept_and_it_is_tried_again(
    settings: Settings, following: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    try:
        with monkeypatch.context() as full:
            full.setattr(rebuilding, "build_release", no_room)
            write(settings, Edit("new", NEW))
            until(lambda: Journal(settings.journal).state().fault is not None)
            assert "No space left" in (Journal(settings.journal).state().fault or "")
        until(lambda: not Journal(settings.journal).pending())
        assert Journal(settings.journal).state().fault is None
    finally:
        following()


def test_it_goes_on_where_not_even_the_reason_can_be_kept(
    settings: Settings, following: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def no_room(*_: object) -> None:
        tries.append("no room")
        raise sqlite3.OperationalError("database or disk is full")

    try:
        with monkeypatch.context() as full:
            full.setattr(JournalWriter, "release", no_room)
            full.setattr(JournalWriter, "fail", no_room)
            write(settings, Edit("new", NEW))
            until(lambda: len(tries) > 3)
        until(lambda: not Journal(settings.journal).pending())
    finally:
        following()
