"""Faults of the machine, injected into a real service: what was answered for stays, and the old release goes on.

| fault | what happens | test |
|---|---|---|
| SIGTERM while questions are asked | those sent are answered, nobody new connects, it ends | were sent, are kept |
| a worker is killed | its questions are lost with it, the others answer the next ones, it is replaced | worker |
| all is killed while changes are written | every change that was answered for is there afterwards | written |
| what publishes a release is killed | one of both releases is current, every question is answered | publish |
| a build is killed | whole releases are left, the next build goes on | `test_killed_builds.py` |
| the port is in use | one message, status 1, the other program goes on | port |
| the current release is damaged while it serves | it goes on with what is open; a new start names the file | damaged |
| the encoder vanishes | it goes on; a new start says so | vanishes |
| all releases are removed while it serves | it goes on | removed |
| another folder is put in the place of the release | it goes on; a new start says so | replaced |
| the disk is full | a build says so and changes nothing, nothing is kept of a change | full |
| the disk fills up while it serves | questions are answered, changes refused; with room again they work | fills |
| the disk is read-only | questions are answered, practices can be read with a key; changes are refused | read-only |
| a folder may not be read | one message with the folder | may not |
| the clock jumps back and far ahead | answers, changes and releases go on | clock |
| the clock jumps over the time of a key | it is refused as long as the clock says so, no longer | time of a key |

`FAULT_ROUNDS` says how often those that kill do so.
"""

import itertools
import multiprocessing
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

from indexer.practice import Practice
from indexer.release import activate, linked_id, load_release
from indexer.release_files import CURRENT, PREVIOUS
from service.journal import Journal
from service.keys import KeyStore
from tests.fakes import PRACTICES, calibrated_source
from tests.live import PATIENCE_SECONDS, Service, new_service

pytestmark = pytest.mark.model
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "10"))
QUESTION = "/api/v1/search?q=retired+masters+who+mentor+apprentices&top_k=2"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return new_service(tmp_path_factory.mktemp("made"))


@pytest.fixture
def service(made: Service, tmp_path: Path) -> Iterator[Service]:
    """Give a service over copies of the folders, started once a test."""
    for name in ("releases", "state", "cache"):
        shutil.copytree(made.folder / name, tmp_path / name, symlinks=True)
    found = Service(tmp_path, made.port, made.secret)
    try:
        yield found
    finally:
        found.kill()


def ids(service: Service) -> list[str]:
    return [hit["practice"]["id"] for hit in service.ask("GET", QUESTION)[1].get("hits", [])]


def practices(service: Service, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "service", *arguments]
    return subprocess.run(
        command,
        env=service.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def message(found: "subprocess.CompletedProcess[str]") -> str:
    """Return the only message of a command that failed, in one line."""
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    return " ".join(found.stderr.split())


class Asking:
    """Clients that ask until they are told to stop; what became of each question is counted."""

    def __init__(self, service: Service, clients: int = 4) -> None:
        self.service = service
        self.counts: Counter[str] = Counter()
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> "Asking":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def until_answered(self, count: int) -> None:
        """Wait until so many more questions were answered."""
        wanted, ended = self.counts["answered"] + count, time.monotonic() + PATIENCE_SECONDS
        while self.counts["answered"] < wanted:
            assert time.monotonic() < ended
            time.sleep(0.02)

    def until_refused(self) -> None:
        """Wait until nobody listens."""
        ended = time.monotonic() + PATIENCE_SECONDS
        while not self.counts["refused"]:
            assert time.monotonic() < ended
            time.sleep(0.02)

    def _ask(self) -> None:
        while not self._is_over.is_set():
            connection = HTTPConnection("127.0.0.1", self.service.port, timeout=30)
            try:
                connection.connect()
            except OSError:
                self.counts["refused"] += 1  # nobody listens: nothing was asked
                time.sleep(0.02)
                continue
            try:
                connection.request("GET", QUESTION)
                answer = connection.getresponse()
                content = answer.read()
                is_right = answer.status == 200 and b'"mentors"' in content
                self.counts["answered" if is_right else "busy" if answer.status == 503 else "wrong"] += 1
            except (OSError, HTTPException):
                self.counts["lost"] += 1
            finally:
                connection.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_of_questions_that_were_sent_none_is_lost_when_it_is_asked_to_end(service: Service, workers: int) -> None:
    """Each question comes on a connection of its own: it is answered, or it cannot connect and has sent nothing."""
    service.workers = workers
    chance = random.Random(13)
    for _ in range(-(-ROUNDS // 5)):
        service.start()
        with Asking(service, clients=8) as asking:
            asking.until_answered(20)
            time.sleep(chance.uniform(0, 0.1))
            assert service.stop() in (0, -signal.SIGTERM)  # uvicorn hands the signal on when all is done
            asking.until_refused()
        assert {*asking.counts} <= {"answered", "busy", "refused"}, asking.counts


@pytest.mark.parametrize("workers", [1, 2])
def test_questions_on_connections_that_are_kept_are_answered_when_it_is_asked_to_end(
    service: Service, workers: int
) -> None:
    service.workers = workers
    service.start()
    question = "/api/v1/search?top_k=2&q=" + "+".join(["retired+masters+who+mentor+apprentices."] * 30)
    connections = [HTTPConnection("127.0.0.1", service.port, timeout=60) for _ in range(8)]
    for connection in connections:
        connection.request("GET", "/health/live")
        assert connection.getresponse().read() == b'{"status":"ok"}'
    for number, connection in enumerate(connections):
        connection.request("GET", f"{question}+{number}")
    time.sleep(0.2)
    assert service.stop() in (0, -signal.SIGTERM)
    answers = [connection.getresponse() for connection in connections]
    right = [b'"mentors"' in answer.read() and answer.status == 200 for answer in answers]
    for connection in connections:
        connection.close()
    assert any(right)
    assert all(is_right or answer.status == 503 for is_right, answer in zip(right, answers, strict=True))
    assert service.ask("GET", "/health/live")[0] == 0


def test_a_worker_that_is_killed_is_replaced_and_the_others_answer(service: Service) -> None:
    service.workers = 2
    service.start()
    chance = random.Random(7)
    with Asking(service) as asking:
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(0, 0.5))
            children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
            workers = [int(one) for one in children if b"serve" in Path(f"/proc/{one}/cmdline").read_bytes()]
            if workers:
                os.kill(chance.choice(workers), signal.SIGKILL)
            asking.until_answered(2)
    service.until(lambda: ids(service) == ["mentors", "street-work"])
    assert asking.counts["wrong"] == 0
    assert asking.counts["lost"] <= 4 * ROUNDS  # at most what the killed ones had at hand


def test_every_change_that_was_answered_for_is_there_however_it_ended(service: Service) -> None:
    chance, answered = random.Random(11), list[str]()
    for round_ in range(ROUNDS):
        service.start()
        stop = time.monotonic() + chance.uniform(0.1, 4)
        writer = threading.Thread(target=_write, args=(service, round_, stop, answered))
        writer.start()
        time.sleep(max(0.0, stop - time.monotonic()))
        service.kill()
        writer.join(PATIENCE_SECONDS)
        load_release((service.folder / "releases" / CURRENT).resolve())
    service.start()
    assert len(answered) >= ROUNDS
    for practice_id in answered:
        path = f"/api/v1/admin/practices/{practice_id}"
        while (status := service.ask("GET", path)[0]) == 503:  # a release is about to answer; come again, as it says
            time.sleep(0.2)
        assert status == 200, practice_id
    least = len(answered) + len(PRACTICES)
    service.until(lambda: service.ask("GET", "/api/v1/practices?page_size=1")[1].get("total", 0) >= least)
    assert service.ask("GET", "/api/v1/admin/edits")[1]["pending"] == 0


def _write(service: Service, round_: int, stop: float, answered: list[str]) -> None:
    number = 0
    while time.monotonic() < stop + 0.5:
        practice_id = f"p-{round_}-{number}"
        record = {"id": practice_id, "title": practice_id}
        status, _ = service.ask("PUT", f"/api/v1/admin/practices/{practice_id}", record)
        if status == 0:
            return
        if status == 201:
            answered.append(practice_id)
        number += 1


def _publish(releases: Path, ids: Sequence[str]) -> None:
    for release_id in itertools.cycle(ids):
        activate(releases, release_id)


def test_a_publish_that_is_killed_leaves_one_of_both_releases_and_every_question_is_answered(
    service: Service,
) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    releases, chance = service.folder / "releases", random.Random(17)
    first = linked_id(releases, CURRENT)
    assert first is not None
    second = service.build(calibrated_source((*PRACTICES, Practice(id="new", title="New")))).manifest.release_id
    service.start()
    with Asking(service) as asking:
        for _ in range(ROUNDS):
            process = context.Process(target=_publish, args=(releases, (first, second)))
            process.start()
            time.sleep(chance.uniform(0.05, 0.5))
            process.kill()
            process.join()
            assert process.exitcode == -signal.SIGKILL
            # Killed between the two links, both name one release, until it is published again.
            assert {linked_id(releases, CURRENT), linked_id(releases, PREVIOUS)} <= {first, second}
            load_release((releases / CURRENT).resolve())
            asking.until_answered(1)
    assert {*asking.counts} <= {"answered", "busy"}, asking.counts
    activate(releases, first)
    assert [*releases.glob(".draft-*")] == []


def test_a_port_in_use_is_one_message(service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        for workers in ("1", "2"):
            found = practices(service, "serve", "--port", port, "--workers", workers)
            assert f"127.0.0.1:{port} cannot be listened on: Address already in use" in message(found)


@pytest.mark.parametrize("fault", ["damaged", "vanishes", "removed", "replaced"])
def test_what_it_has_opened_goes_on_and_a_new_start_says_what_is_wrong(service: Service, fault: str) -> None:
    service.start()
    releases = service.folder / "releases"
    current = (releases / CURRENT).resolve()
    if fault == "damaged":
        content = (current / "contexts.npy").read_bytes()
        (current / "contexts.npy").unlink()
        (current / "contexts.npy").write_bytes(content[:-100])
    elif fault == "vanishes":
        shutil.rmtree(current / "encoder")
    elif fault == "removed":
        shutil.rmtree(releases)
    else:
        shutil.rmtree(current)
        current.mkdir()
        (current / "manifest.json").write_text("{}", encoding="utf-8")
    for _ in range(20):
        assert ids(service) == ["mentors", "street-work"]
    assert service.ask("GET", "/api/v1/practices/mentors")[0] == 200
    if fault == "removed":  # a new start would build the release of the settings' catalogue
        return
    found = message(practices(service, "doctor"))
    assert str(linked_id(releases, CURRENT)) in found
    expected = {"damaged": "contexts.npy", "vanishes": "encoder", "replaced": "manifest.json"}[fault]
    assert expected in found
    assert expected in message(practices(service, "serve", "--port", "0"))


def in_a_namespace(service: Service, *steps: str) -> "subprocess.CompletedProcess[str]":
    """Run steps of a shell one after the other, with mounts that nobody else sees; `practices` is the program."""
    needs_namespaces()
    program = f'practices() {{ "{sys.executable}" -m service "$@"; }}'
    return subprocess.run(
        [*_NAMESPACE, "sh", "-c", "\n".join((program, *steps))],
        env=service.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def start_in_a_namespace(service: Service, *steps: str) -> None:
    """Start a service by steps of a shell, of which the last becomes the service; it is as if it were started alone."""
    needs_namespaces()
    with service.log.open("ab") as log:
        command = [*_NAMESPACE, "sh", "-e", "-c", "\n".join(steps)]
        service.process = subprocess.Popen(
            command, env=service.environment, stdout=log, stderr=log, start_new_session=True
        )


def needs_namespaces() -> None:
    if shutil.which("unshare") is None or subprocess.run(_PROBE, capture_output=True, check=False).returncode:
        pytest.skip("NO NAMESPACES: full and read-only disks were NOT tried; allow `unshare --mount --map-root-user`")


_NAMESPACE = ("unshare", "--mount", "--map-root-user")
_PROBE = [*_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]


def test_a_full_disk_stops_a_build_with_one_message_and_changes_nothing(service: Service) -> None:
    releases, catalogue = service.folder / "releases", service.folder / "other.jsonl"
    catalogue.write_text('{"id": "a", "title": "A programme of its own"}\n', encoding="utf-8")
    before = linked_id(releases, CURRENT)
    (service.folder / "kept").mkdir()
    found = in_a_namespace(
        service,
        f"mount --bind {releases} {service.folder}/kept",
        f"mount -t tmpfs -o size=400m tmpfs {releases}",
        f"cp -a {service.folder}/kept/. {releases}/",
        f"cat /dev/zero > {releases}/filler 2>/dev/null",
        f"practices index {catalogue}",
        f"echo status $? current $(readlink {releases}/current) drafts $(ls -A {releases} | grep -c draft)",
        "practices doctor",
    )
    assert f"status 1 current {before} drafts 0" in found.stdout
    assert "No space left on device" in found.stderr
    assert "Traceback" not in found.stderr
    assert found.returncode == 0


def test_on_a_full_disk_no_change_is_said_to_be_kept(service: Service) -> None:
    state = service.folder / "state"
    script = (
        "import sys; from pathlib import Path; from service.journal import Journal, JournalError\n"
        "from indexer.edits import Edit; from indexer.practice import Practice\n"
        "for number in range(100_000):\n"
        "    one = Practice(id=f'p{number}', title='x' * 5_000)\n"
        "    try:\n"
        "        with Journal(Path(sys.argv[1])).writing() as writer:\n"
        "            writer.append(Edit(one.id, one), None, 'cms')\n"
        "    except JournalError as error:\n"
        "        print(number, len(Journal(Path(sys.argv[1])).pending()), error)\n"
        "        break\n"
    )
    found = in_a_namespace(
        service,
        f"mount -t tmpfs -o size=2m tmpfs {state}",
        f"{sys.executable} - {state}/journal.sqlite <<'END'\n{script}END",
    )
    assert found.returncode == 0, found.stderr
    kept, pending, *error = found.stdout.split()
    assert int(kept) > 10
    assert pending == kept
    assert "database or disk is full" in " ".join(error)


def test_a_read_only_disk_still_answers_and_refuses_what_would_be_written(service: Service) -> None:
    read_only = f"mount --bind {service.folder} {service.folder} && mount -o remount,ro,bind {service.folder}"
    found = in_a_namespace(service, read_only, "practices rollback", "echo status $?", "practices doctor")
    assert found.stdout.splitlines()[0] == "status 1"
    assert found.returncode == 0
    start_in_a_namespace(service, read_only, f"exec {sys.executable} -m service serve --port {service.port}")
    service.until(lambda: ids(service) == ["mentors", "street-work"])
    status, answer = service.ask("PUT", "/api/v1/admin/practices/new", {"id": "new", "title": "New"})
    assert status == 503
    assert str(service.folder) not in answer["detail"]
    assert Journal(service.folder / "state" / "journal.sqlite").pending() == []
    assert service.ask("GET", "/api/v1/admin/practices/mentors")[1]["id"] == "mentors"


def builder_of(service: Service) -> int:
    """Return the process that builds the releases of a service, 0 where there is none."""
    children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
    return next((int(one) for one in children if b"apply-edits" in Path(f"/proc/{one}/cmdline").read_bytes()), 0)


def fill(path: Path, *, left: int) -> None:
    """Write a file until its disk has only so many bytes left."""
    with path.open("ab", buffering=0) as filler, suppress(OSError):
        while True:
            found = os.statvfs(path)
            free = found.f_bavail * found.f_frsize - left
            if free <= 0:
                return
            filler.write(bytes(min(free, 2**20)))


def test_a_disk_that_fills_up_under_a_service_stops_changes_and_nothing_else(service: Service) -> None:
    """Releases, state and cache are on one disk, as they often are."""
    content = service.folder.parent / "content"
    content.mkdir()
    steps = (
        f"mount --bind {service.folder} {content}",
        f"mount -t tmpfs -o size=400m tmpfs {service.folder}",
        f"cp -a {content}/. {service.folder}/",
        f"exec {sys.executable} -m service serve --port {service.port}",
    )
    start_in_a_namespace(service, *steps)
    service.until(lambda: builder_of(service) != 0 and ids(service) == ["mentors", "street-work"])
    builder, disk = builder_of(service), Path(f"/proc/{service.pid}/root{service.folder}")
    assert _put(service, "before") == 201
    service.until(lambda: _edits(service)["pending"] == 0)

    fill(disk / "filler", left=40_000)  # room for a change, not for a release
    assert _put(service, "during") == 201
    service.until(lambda: "No space left on device" in service.log.read_text(encoding="utf-8"))
    fill(disk / "filler", left=0)
    assert _put(service, "never") == 503
    for _ in range(10):
        assert ids(service) == ["mentors", "street-work"]
    assert _edits(service)["pending"] == 1
    copied = Path(shutil.copytree(disk / "state", service.folder.parent / "copied"))  # SQLite would follow the link
    assert [one.edit.practice_id for one in Journal(copied / "journal.sqlite").pending()] == ["during"]
    assert builder_of(service) == builder

    (disk / "filler").unlink()
    service.until(
        lambda: _edits(service) | {"release": ""} == {"pending": 0, "last_edit": 2, "fault": None, "release": ""}
    )
    assert _put(service, "after") == 201
    service.until(lambda: service.ask("GET", "/api/v1/practices/after")[0] == 200)
    found = [service.ask("GET", f"/api/v1/practices/{one}")[0] for one in ("before", "during", "never")]
    assert found == [200, 200, 404]
    assert builder_of(service) == builder
    assert "Traceback" not in service.log.read_text(encoding="utf-8")


def _put(service: Service, practice_id: str) -> int:
    status, answer = service.ask("PUT", f"/api/v1/admin/practices/{practice_id}", {"id": practice_id, "title": "New"})
    if status == 503:
        assert answer["title"] == "Service Unavailable"
        assert "nothing was changed" in answer["detail"]
    return status


def _edits(service: Service) -> dict[str, Any]:
    return service.ask("GET", "/api/v1/admin/edits")[1]


@pytest.mark.parametrize("folder", ["releases", "state"])
def test_a_folder_that_may_not_be_read_is_one_message(service: Service, folder: str) -> None:
    path = service.folder / folder
    path.chmod(0o000)
    command = ("doctor",) if folder == "releases" else ("keys", "list")
    as_user = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    found = subprocess.run(
        [*as_user, sys.executable, "-m", "service", *command],
        env=service.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    path.chmod(0o755)
    assert str(path) in message(found)


@pytest.fixture
def clock(service: Service, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a file whose content moves the clock of the service's processes; libfaketime reads it while they run."""
    library = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
    if library is None:
        pytest.skip("NO FAKETIME: install Debian's package `faketime`; jumps of the clock were NOT tried")
    found = service.folder / "clock"
    found.write_text("+0", encoding="utf-8")
    for name, value in {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(found),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }.items():
        monkeypatch.setenv(name, value)
    return found


def jump(clock: Path, offset: str) -> None:
    """Set the clock, at once: who looks meanwhile must not find an empty file."""
    other = clock.with_suffix(".next")
    other.write_text(offset, encoding="utf-8")
    other.replace(clock)
    time.sleep(2.2)  # until everybody looks again: to look at each reading of the clock makes a start last a minute


def test_when_the_clock_jumps_nothing_stops(service: Service, clock: Path) -> None:
    service.start()
    for offset, number in (("-400d", 1), ("+400d", 2), ("+0", 3)):
        jump(clock, offset)
        assert ids(service) == ["mentors", "street-work"]
        record = {"id": f"clock-{number}", "title": f"Clock {number}"}
        assert service.ask("PUT", f"/api/v1/admin/practices/clock-{number}", record)[0] == 201
        service.until(lambda: service.ask("GET", f"/api/v1/practices/clock-{number}")[0] == 200)  # noqa: B023


def test_when_the_clock_jumps_over_the_time_of_a_key_it_is_valid_exactly_while_the_clock_says_so(
    service: Service, clock: Path
) -> None:
    """At -400 days the key is one that will be made in more than a year."""
    keys = KeyStore(service.folder / "state" / "keys.sqlite")
    secret = keys.create("short", ["write"], datetime.now(UTC) + timedelta(days=2))
    service.start()
    for offset, status in (("+0", 200), ("+3d", 401), ("+0", 200), ("-400d", 200), ("+400d", 401), ("+0", 200)):
        jump(clock, offset)
        for _ in range(3):
            found, answer = service.ask("GET", "/api/v1/admin/edits", Authorization=f"Bearer {secret}")
            assert (found, "expired" in answer.get("detail", "")) == (status, status == 401), offset
            assert service.ask("GET", "/api/v1/admin/edits")[0] == 200  # that key never expires
    for offset in ("-400d", "+400d"):
        jump(clock, offset)
        listed = practices(service, "keys", "list")
        assert listed.returncode == 0
        assert ("expired" in listed.stdout) == (offset == "+400d")
    assert "Traceback" not in service.log.read_text(encoding="utf-8")
