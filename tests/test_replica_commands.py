"""What one machine pushes, others pull, once or for as long as they follow; a fault leaves the release that answers."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from indexer.release import activate, linked_id
from indexer.release_files import CURRENT, PREVIOUS, ReleaseError
from indexer.release_store import NEXT, ReleaseStore, StoreError
from service import replica_commands
from service.replica_commands import Replica, pull_release, push_release
from service.settings import Settings
from tests.fakes import PRACTICES, small_source
from tests.test_build import build

LOGGER = "service.replica_commands"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("built")
    ids = [build(folder, small_source(PRACTICES[:size])).manifest.release_id for size in (2, 3, 4)]
    return folder / "releases", ids


@pytest.fixture
def publisher(built: tuple[Path, list[str]], tmp_path: Path) -> Settings:
    """The machine on which releases are built, the last of three current."""
    shutil.copytree(built[0], tmp_path / "publisher", symlinks=True)
    return Settings(releases=tmp_path / "publisher")


@pytest.fixture
def ids(built: tuple[Path, list[str]]) -> list[str]:
    return built[1]


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "store")


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """Another machine, with nothing on it."""
    return Settings(releases=tmp_path / "here")


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(replica_commands, "time", found)
    return found


def links(settings: Settings) -> tuple[str | None, str | None]:
    return linked_id(settings.releases, CURRENT), linked_id(settings.releases, PREVIOUS)


def on_disk(settings: Settings) -> set[str]:
    return {path.name for path in settings.releases.iterdir() if path.is_dir() and not path.is_symlink()}


def test_what_is_pushed_answers_elsewhere_only_when_it_is_activated(
    publisher: Settings, here: Settings, store: str, ids: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    push_release(publisher, store, CURRENT, activates=False)
    assert f"{ids[2]} is pushed to {store}; it is fetched by those who follow" in capsys.readouterr().out
    with pytest.raises(StoreError, match=r"names no current release; `practices push STORE --activate` does"):
        pull_release(here, store)

    push_release(publisher, store, CURRENT, activates=True)
    assert f"{ids[2]} was whole in {store}; it answers everywhere soon" in capsys.readouterr().out
    pull_release(here, store)

    assert links(here) == (ids[2], None)
    assert capsys.readouterr().out == f"{ids[2]} is current\n"


def test_a_release_is_pushed_by_how_its_id_begins_or_by_a_link(publisher: Settings, store: str, ids: list[str]) -> None:
    push_release(publisher, store, ids[0][:8], activates=True)
    assert ReleaseStore(store).named(CURRENT) == ids[0]
    push_release(publisher, store, PREVIOUS, activates=False)
    assert (ReleaseStore(store).named(CURRENT), ReleaseStore(store).named(NEXT)) == (ids[0], ids[1])


def test_a_release_that_is_not_sound_is_not_pushed(publisher: Settings, store: str, ids: list[str]) -> None:
    (publisher.releases / ids[2] / "practices.jsonl").write_bytes(b"")
    with pytest.raises(ReleaseError, match=r"practices\.jsonl"):
        push_release(publisher, store, CURRENT, activates=True)
    assert not Path(store).exists()


def test_a_release_that_is_only_in_the_store_can_answer_again(
    publisher: Settings, here: Settings, store: str, ids: list[str]
) -> None:
    push_release(publisher, store, ids[0], activates=True)
    push_release(publisher, store, ids[2], activates=True)
    shutil.rmtree(publisher.releases / ids[0])
    push_release(publisher, store, ids[0], activates=True)
    pull_release(here, store)
    assert links(here) == (ids[0], None)
    with pytest.raises(ReleaseError, match=r"no release '0123456789ab' in .*: there is none; there are: "):
        push_release(publisher, store, "0123456789ab", activates=True)


def test_a_replica_fetches_what_comes_next_and_switches_when_it_is_activated(
    publisher: Settings, here: Settings, store: str, ids: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    replica = Replica(here, ReleaseStore(store))
    push_release(publisher, store, ids[0], activates=True)
    replica.look()
    assert links(here) == (ids[0], None)

    push_release(publisher, store, ids[1], activates=False)
    replica.look()
    assert (links(here), on_disk(here)) == ((ids[0], None), {ids[0], ids[1]})

    shutil.rmtree(Path(store) / "releases")  # nothing is fetched any more
    ReleaseStore(store).name(CURRENT, ids[1])
    replica.look()
    assert links(here) == (ids[1], ids[0])
    ReleaseStore(store).name(CURRENT, ids[0])
    replica.look()
    assert links(here) == (ids[0], ids[1])
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


def test_to_look_again_costs_nothing_while_nothing_changes(
    publisher: Settings, here: Settings, store: str, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    push_release(publisher, store, ids[0], activates=True)
    push_release(publisher, store, ids[1], activates=False)
    replica = Replica(here, ReleaseStore(store))
    replica.look()
    monkeypatch.setattr(replica_commands, "pull", None)
    replica.look()
    assert on_disk(here) == {ids[0], ids[1]}


def test_a_folder_that_is_gone_is_fetched_again(
    publisher: Settings, here: Settings, store: str, ids: list[str]
) -> None:
    push_release(publisher, store, ids[0], activates=True)
    replica = Replica(here, ReleaseStore(store))
    replica.look()
    shutil.rmtree(here.releases)
    replica.look()
    assert (links(here), on_disk(here)) == ((ids[0], None), {ids[0]})


def test_only_so_many_old_releases_are_kept(publisher: Settings, here: Settings, store: str, ids: list[str]) -> None:
    settings = here.model_copy(update={"kept_releases": 1})
    replica = Replica(settings, ReleaseStore(store))
    for release_id in ids:
        push_release(publisher, store, release_id, activates=True)
        replica.look()
    assert (links(here), on_disk(here)) == ((ids[2], ids[1]), {ids[1], ids[2]})


def test_a_store_that_is_away_is_one_line_and_is_asked_again_ever_later(
    publisher: Settings, here: Settings, store: str, ids: list[str], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    push_release(publisher, store, ids[0], activates=True)
    replica = Replica(here, ReleaseStore(store))
    replica.look()
    push_release(publisher, store, ids[1], activates=True)
    asked: list[float] = []
    named = replica.store.named
    caplog.clear()

    def away(_: str) -> str | None:
        asked.append(clock.now)
        raise StoreError("the store is away")

    replica.store.named = away  # type: ignore[method-assign]
    for _ in range(300):
        replica.look()
        clock.now += 1
    assert [after - before for before, after in pairwise(asked)][:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert caplog.messages == [f"the store is away; release {ids[0]} goes on answering"]
    assert links(here) == (ids[0], None)

    replica.store.named = named  # type: ignore[method-assign]
    clock.now += 60
    replica.look()
    assert links(here) == (ids[1], ids[0])
    assert caplog.messages[1:] == [
        f"{store}: all is well again",
        f"release {ids[1]} is fetched from {store}",
        f"release {ids[1]} is current",
    ]


def test_a_damaged_release_leaves_the_old_one_and_does_not_hold_up_another(
    publisher: Settings, here: Settings, store: str, ids: list[str], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    push_release(publisher, store, ids[0], activates=True)
    replica = Replica(here, ReleaseStore(store))
    replica.look()
    push_release(publisher, store, ids[1], activates=True)
    damaged = Path(store) / "releases" / ids[1] / "practices.jsonl"
    content = damaged.read_bytes()
    damaged.write_bytes(b"")
    for _ in range(5):
        replica.look()
        clock.now += 20
    assert (links(here), on_disk(here)) == ((ids[0], None), {ids[0]})
    [line] = caplog.messages
    assert f"{store}/releases/{ids[1]} cannot be used as it came" in line
    assert line.endswith(f"; release {ids[0]} goes on answering")

    push_release(publisher, store, ids[2], activates=True)
    replica.look()
    assert links(here) == (ids[2], ids[0])

    damaged.write_bytes(content)
    push_release(publisher, store, ids[1], activates=True)
    clock.now += 60
    replica.look()
    assert links(here) == (ids[1], ids[2])


def test_a_release_that_was_fetched_and_then_damaged_on_disk_is_fetched_again(
    publisher: Settings, here: Settings, store: str, ids: list[str]
) -> None:
    push_release(publisher, store, ids[0], activates=True)
    push_release(publisher, store, ids[1], activates=False)
    replica = Replica(here, ReleaseStore(store))
    replica.look()
    (here.releases / ids[1] / "practices.jsonl").write_bytes(b"")
    push_release(publisher, store, ids[1], activates=True)
    replica.look()
    assert links(here) == (ids[1], ids[0])
    assert (here.releases / ids[1] / "practices.jsonl").stat().st_size > 100


def test_whoever_follows_ends_at_once_when_it_is_asked_to(
    publisher: Settings, here: Settings, store: str, ids: list[str]
) -> None:
    push_release(publisher, store, ids[0], activates=True)
    command = [sys.executable, "-m", "service", "pull", store, "--follow", "--seconds", "30"]
    environment = os.environ | {"PRACTICES_RELEASES": str(here.releases), "PRACTICES_LOG": "text"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        ended = time.monotonic() + 60
        while links(here)[0] is None:
            assert time.monotonic() < ended
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert [line.partition(" info ")[2] for line in said.splitlines()] == [
        f"release {ids[0]} is fetched from {store}",
        f"release {ids[0]} is current",
    ]


def test_a_release_activated_by_hand_is_undone_by_the_store(
    publisher: Settings, here: Settings, store: str, ids: list[str]
) -> None:
    replica = Replica(here, ReleaseStore(store))
    for release_id in ids[:2]:
        push_release(publisher, store, release_id, activates=True)
        replica.look()
    activate(here.releases, ids[0])
    replica.look()
    assert links(here) == (ids[1], ids[0])
