"""One process builds, however many workers there are: from when someone can write until its worker ends."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.edits import Edit
from service import builder_process
from service.builder_process import BuilderProcess
from service.journal import Journal
from service.keys import KeyStore
from tests.fakes import PRACTICES

PROGRAM = "import os, sys; print(os.getpid(), file=open(sys.argv[1], 'a'), flush=True); sys.stdin.read({most})"


class Site:
    """What several workers share."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.keys = KeyStore(self.state / "keys.sqlite")
        self.journal = Journal(self.state / "journal.sqlite")
        self.started_file = folder / "started"

    def worker(self) -> BuilderProcess:
        return BuilderProcess(self.state, self.keys, self.journal)

    def started(self) -> list[int]:
        return [*map(int, self.started_file.read_text().split())] if self.started_file.exists() else []


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    found = Site(tmp_path)
    monkeypatch.setattr(builder_process, "SECONDS", 0.01)
    monkeypatch.setattr(builder_process, "_RESTART_SECONDS", 0.01)
    use_program(found, monkeypatch, "")
    return found


def use_program(site: Site, monkeypatch: pytest.MonkeyPatch, most: str) -> None:
    """Let the process read `most` characters, all until the pipe is closed where it is empty, and end."""
    command = (sys.executable, "-c", PROGRAM.format(most=most), str(site.started_file))
    monkeypatch.setattr(builder_process, "_COMMAND", command)


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come true within ten seconds")


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def is_alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def test_nothing_is_started_while_nobody_can_write(site: Site) -> None:
    site.keys.create("former", ["write"])
    site.keys.revoke("former")
    site.keys.create("reader", ["read"])

    async def watch() -> None:
        task = asyncio.create_task(site.worker().keep())
        await asyncio.sleep(0.2)
        assert site.started() == []
        site.keys.create("cms", ["write"])
        await until(lambda: len(site.started()) == 1)
        await end(task)

    asyncio.run(watch())
    assert not is_alive(site.started()[0])


def test_changes_that_were_left_are_a_reason_to_start(site: Site) -> None:
    with site.journal.writing() as writer:
        writer.append(Edit(PRACTICES[0].id, None), None, "cms")

    async def watch() -> None:
        task = asyncio.create_task(site.worker().keep())
        await until(lambda: len(site.started()) == 1)
        await end(task)

    asyncio.run(watch())


def test_of_several_workers_one_has_the_process_and_another_takes_over(site: Site) -> None:
    site.keys.create("cms", ["write"])

    async def watch() -> None:
        tasks = [asyncio.create_task(site.worker().keep())]
        await until(lambda: len(site.started()) == 1)
        tasks += [asyncio.create_task(site.worker().keep()) for _ in range(2)]
        await asyncio.sleep(0.3)
        assert len(site.started()) == 1
        await end(tasks[0])
        assert not is_alive(site.started()[0])
        await until(lambda: len(site.started()) == 2)
        assert is_alive(site.started()[1])
        for task in tasks[1:]:
            await end(task)
        assert not any(map(is_alive, site.started()[:2]))

    asyncio.run(watch())


def test_a_process_that_ends_is_started_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.keys.create("cms", ["write"])
    use_program(site, monkeypatch, "0")

    async def watch() -> None:
        task = asyncio.create_task(site.worker().keep())
        await until(lambda: len(site.started()) >= 3)
        await end(task)

    asyncio.run(watch())
