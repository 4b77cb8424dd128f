"""With several processes the numbers are those of all of them, also of one that has died, and no file is left."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.registry import DEFAULT_ENCODER
from service.loading import load_encoder
from service.settings import Settings
from service.shared_metrics import shared_metrics
from tests.benchmarks.load import free_port
from tests.fakes import calibrated_source
from tests.scraped import Numbers, numbers
from tests.test_workers import PATIENCE_SECONDS, children, ids

ASKED = 12
PLANTED = "zuzanna"
FIELDS = {"time", "level", "event", "request_id", "method", "route", "status", "milliseconds", "release_id", "verdict"}


def test_the_folder_is_there_inside_and_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with shared_metrics():
        [folder] = tmp_path.iterdir()
        assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(folder)
        (folder / "counter_1.db").write_bytes(b"1")
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_did_not_make_the_folder_leaves_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with shared_metrics():
        monkeypatch.setattr("os.getpid", lambda: 1)
    assert len(list(tmp_path.iterdir())) == 1


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    asked: int = 0  # questions, of which none comes twice: one that is remembered is not ranked again

    def read(self) -> Numbers:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            return numbers(answer.read().decode())

    def ask(self, times: int) -> None:
        for _ in range(times):
            self.asked += 1
            path = f"/api/v1/search?q={PLANTED}%20who%20mentors%20apprentices%20{self.asked}"
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
                assert answer.status == 200

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in (self.folder / "stderr").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service with two workers, stopped when all tests but the last are done."""
    folder = tmp_path_factory.mktemp("shared")
    encoder = load_encoder(DEFAULT_ENCODER, Settings())
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, encoder.spec.dim)
    build_release(calibrated_source(), encoder, releases=folder / "releases", cache=cache, progress=lambda *_: None)
    (folder / "temporary").mkdir()
    port = free_port()
    command = [sys.executable, "-m", "service", "serve", "--port", str(port), "--workers", "2"]
    settings = {
        "PRACTICES_RELEASES": str(folder / "releases"),
        "PRACTICES_STATE": str(folder / "state"),
        "PRACTICES_LOG": "json",
        "TMPDIR": str(folder / "temporary"),
    }
    with (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(command, env=os.environ | settings, stderr=errors)
    try:
        ids(port)
        yield Server(process, port, folder)
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


QUESTIONS = ("practices_requests_total", "GET", "/api/v1/search", "200")


@pytest.mark.model
def test_every_process_tells_the_sum_of_all_also_when_one_has_died(server: Server) -> None:
    before = server.read()
    server.ask(ASKED)
    answered = set()
    for _ in range(8):
        found = server.read()
        answered.add(found["practices_request_seconds_count", "/metrics"])
        assert found[QUESTIONS] - before[QUESTIONS] == ASKED
        assert found["practices_stage_seconds_count", "fuse"] - before["practices_stage_seconds_count", "fuse"] == ASKED
        assert (found["practices_waiting",], found["practices_release_fault",]) == (0, 0)
    assert len(answered) == 8

    [folder] = (server.folder / "temporary").glob("practices-metrics-*")
    workers = children(server.process.pid)
    assert all((folder / f"counter_{worker}.db").exists() for worker in workers)
    os.kill(workers[0], signal.SIGKILL)
    ended = time.monotonic() + PATIENCE_SECONDS
    while workers[0] in (now := children(server.process.pid)) or len(now) < 2:
        assert time.monotonic() < ended
        time.sleep(0.1)
    server.ask(ASKED)
    assert server.read()[QUESTIONS] - before[QUESTIONS] == 2 * ASKED
    assert not list(folder.glob(f"gauge_live*_{workers[0]}.db"))


@pytest.mark.model
def test_the_processes_are_measured_as_one(server: Server) -> None:
    pids = [server.process.pid, *children(server.process.pid)]
    resident = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") for pid in pids]
    assert server.read()["process_resident_memory_bytes",] == pytest.approx(sum(resident), rel=0.1)


@pytest.mark.model
def test_when_it_ends_its_log_is_json_without_what_was_asked_and_no_file_is_left(server: Server) -> None:
    assert len(list((server.folder / "temporary").glob("practices-metrics-*"))) == 1
    server.process.terminate()
    assert server.process.wait(PATIENCE_SECONDS) == 0
    requests = [line for line in server.lines() if line["event"] == "request"]
    assert len([line for line in requests if line["route"] == "/api/v1/search"]) == 2 * ASKED + 1
    assert all(line.keys() - {"verdict"} == FIELDS - {"verdict"} for line in requests)
    assert any(line["event"].startswith("Worker (pid:") for line in server.lines())  # gunicorn's own line
    assert list((server.folder / "temporary").glob("practices-metrics-*")) == []
    files = [path for path in server.folder.rglob("*") if path.is_file()]
    assert [path for path in files if PLANTED.encode() in path.read_bytes()] == []
