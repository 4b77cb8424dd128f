"""A running service with workers: a change by API is found within seconds, and a kill after the answer loses none."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.registry import DEFAULT_ENCODER
from service.keys import KeyStore
from service.loading import load_encoder
from service.settings import Settings
from tests.benchmarks.load import free_port
from tests.fakes import calibrated_source

pytestmark = pytest.mark.model
PATIENCE_SECONDS = 90
QUESTION = "night+bus+for+trainees+who+live+far+away"


@dataclass
class Service:
    """A service in processes of its own, which can be killed and started again."""

    folder: Path
    port: int
    secret: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "service", "serve", "--port", str(self.port), "--workers", "2"]
        names = {"RELEASES": "releases", "STATE": "state", "CACHE": "cache"}
        environment = {f"PRACTICES_{name}": str(self.folder / part) for name, part in names.items()}
        self.process = subprocess.Popen(command, env=os.environ | environment, start_new_session=True)
        self.until(lambda: self.ask("GET", "/health/ready")[0] == 200)

    def kill(self) -> None:
        """End all of its processes at once, so that none can put anything in order."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE_SECONDS)

    def ask(self, method: str, path: str, record: object = None) -> tuple[int, dict]:
        """Return status and content, on a connection of its own; status 0 where nobody answers."""
        body = None if record is None else json.dumps(record).encode()
        headers = {"Authorization": f"Bearer {self.secret}"} | ({"If-Match": "*"} if method == "DELETE" else {})
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())
        except OSError:
            return 0, {}

    def found(self) -> list[str]:
        _, answer = self.ask("GET", f"/api/v1/search?q={QUESTION}&top_k=3")
        return [hit["practice"]["id"] for hit in answer.get("hits", [])]

    def until(self, is_so: Callable[[], bool]) -> float:
        """Wait until something is so several times in a row, for there are several workers; return the seconds."""
        started, times = time.monotonic(), 0
        while times < 6:
            times = times + 1 if is_so() else 0
            assert time.monotonic() - started < PATIENCE_SECONDS
            time.sleep(0.05)
        return time.monotonic() - started


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("live")
    encoder = load_encoder(DEFAULT_ENCODER, Settings())
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, encoder.spec.dim)
    build_release(calibrated_source(), encoder, releases=folder / "releases", cache=cache, progress=lambda *_: None)
    (folder / "state").mkdir()
    secret = KeyStore(folder / "state" / "keys.sqlite").create("cms", ["write"])
    found = Service(folder, free_port(), secret)
    found.start()
    try:
        yield found
    finally:
        found.kill()


def bus(name: str) -> dict[str, str]:
    return {
        "id": name,
        "title": f"Night bus {name} for trainees",
        "description": "A bus takes trainees who live far away home after the late shift.",
        "language": "en",
    }


def test_what_is_written_is_found_in_every_worker_and_what_is_removed_is_not(service: Service) -> None:
    assert "bus-1" not in service.found()
    assert service.ask("PUT", "/api/v1/admin/practices/bus-1", bus("bus-1"))[0] == 201
    service.until(lambda: "bus-1" in service.found())
    assert service.ask("DELETE", "/api/v1/admin/practices/bus-1")[0] == 200
    service.until(lambda: "bus-1" not in service.found())
    assert service.ask("GET", "/api/v1/admin/edits")[1] | {"release": ""} == {
        "pending": 0,
        "last_edit": 2,
        "release": "",
        "fault": None,
    }


def test_a_change_that_was_answered_for_outlives_the_death_of_all_processes(service: Service) -> None:
    names = [f"late-{number}" for number in range(5)]
    for name in names:
        assert service.ask("PUT", f"/api/v1/admin/practices/{name}", bus(name))[0] == 201
        service.kill()
        assert service.ask("GET", "/health/live")[0] == 0
        service.start()
        assert service.ask("GET", f"/api/v1/admin/practices/{name}")[1]["title"] == bus(name)["title"]
    service.until(lambda: service.ask("GET", "/api/v1/admin/edits")[1].get("pending") == 0)
    for name in names:
        service.until(lambda name=name: service.ask("GET", f"/api/v1/practices/{name}")[0] == 200)


def test_the_process_that_builds_is_started_again_when_it_dies(service: Service) -> None:
    service.until(lambda: len(builders(service)) == 1)
    [former] = builders(service)
    os.kill(former, signal.SIGKILL)
    service.until(lambda: len(builders(service)) == 1 and builders(service) != [former])
    assert service.ask("PUT", "/api/v1/admin/practices/again", bus("again"))[0] == 201
    service.until(lambda: service.ask("GET", "/api/v1/practices/again")[0] == 200)


def builders(service: Service) -> list[int]:
    """Return the processes of the service's group that build."""
    assert service.process is not None
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes()
            group = (folder / "stat").read_text().rpartition(")")[2].split()[2]
        except OSError:
            continue
        if b"apply-edits" in command and group == str(service.process.pid):
            found.append(int(folder.name))
    return found
