"""A build that is killed, its process and all, leaves whole releases, and the next one makes what a fresh one makes."""

import multiprocessing
import os
import random
import tempfile
import threading
from collections import Counter
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from indexer.build import release_id
from indexer.drafts import draft_folder
from indexer.release import linked_id
from indexer.release_files import CURRENT, PREVIOUS
from indexer.releases import list_releases
from indexer.source import CatalogueSource
from tests.fakes import small_source
from tests.killed import killed
from tests.test_build import contents
from tests.test_edits import MortalEncoder, build, edit, practice_of
from tests.test_release import unsound

KILLS = int(os.environ.get("FAULT_ROUNDS", "60"))  # 300 take three minutes
KILLS_A_TEST = 10
KILLS_IN_A_ROW = 6  # at most, before a build is left alone
FIRST_SECONDS = 0.4  # some more than a build takes; then what is measured:
LATER, EARLIER = 1.1, 0.8  # so that, on any machine, one build in three ends before it would have been killed


def build_and_end(folder: Path, source: CatalogueSource, started: Connection) -> None:
    from tqdm import tqdm  # type: ignore[import-untyped]  # it has no types

    tqdm.set_lock(threading.RLock())  # that of bm25s would be a semaphore, which a killed process leaves behind
    started.send("started")
    build(folder, source, MortalEncoder(99))


@pytest.fixture(scope="module")
def fork_server() -> Any:
    """Processes that start in milliseconds, because their server has imported what a build needs once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "bm25s"])
    return context


def drafts(releases: Path) -> list[str]:
    return [path.name for path in releases.glob(".*")]


@pytest.mark.parametrize("seed", range(-(-KILLS // KILLS_A_TEST)))
def test_builds_killed_at_any_moment_leave_whole_releases_and_the_next_one_is_as_if_nothing_had_been(
    tmp_path: Path, fork_server: Any, seed: int
) -> None:
    choice = random.Random(seed)
    releases = tmp_path / "releases"
    releases.mkdir()
    practices = [practice_of(choice, number) for number in range(3)]
    made: set[str] = set()
    left: Counter[str] = Counter()
    step, longest = 0, FIRST_SECONDS
    while left["killed"] < KILLS_A_TEST:
        step += 1
        practices = edit(practices, choice, step)
        source = replace(small_source(), practices=tuple(practices))
        made.add(new := release_id(source, MortalEncoder(0).spec))
        for _ in range(choice.randint(1, KILLS_IN_A_ROW)):
            old = linked_id(releases, CURRENT)
            is_killed = killed(fork_server, choice.uniform(0, longest), build_and_end, tmp_path, source)
            current, previous = linked_id(releases, CURRENT), linked_id(releases, PREVIOUS)
            assert current in ((old, new) if is_killed else (new,))
            assert unsound(releases) == []
            listed = {one.release_id for one in list_releases(releases)}
            assert {current, previous} - {None} <= listed <= made
            longest *= LATER if is_killed else EARLIER
            left["killed"] += is_killed
            left["draft"] += drafts(releases) != []
        resumed = build(tmp_path, source, MortalEncoder(99))
        assert (linked_id(releases, CURRENT), drafts(releases)) == (new, [])
        assert contents(resumed.folder) == contents(build(tmp_path / f"fresh-{step}", source, MortalEncoder(99)).folder)
    assert left["draft"] > 0, "no build was killed in the middle"


@pytest.mark.parametrize(("module", "name"), [(tempfile, "mkdtemp"), (os, "open")])
def test_a_draft_that_another_process_removes_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str
) -> None:
    step = getattr(module, name)

    def interrupted(*given: Any, **named: Any) -> Any:
        done = step(*given, **named)
        monkeypatch.setattr(module, name, step)
        with draft_folder(tmp_path) as other:
            assert list(tmp_path.iterdir()) == [other]
        return done

    monkeypatch.setattr(module, name, interrupted)
    with draft_folder(tmp_path) as draft:
        assert getattr(module, name) is step
        assert list(tmp_path.iterdir()) == [draft]
    assert list(tmp_path.iterdir()) == []
