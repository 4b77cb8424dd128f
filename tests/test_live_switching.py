"""A service of two processes changes its release under load: no connection is lost, no answer fails, none is mixed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import cycle
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.registry import DEFAULT_ENCODER
from indexer.release import Release, activate, load_release
from indexer.releases import roll_back
from service.app import create_app
from service.loading import load_encoder
from service.release_encoder import load_release_encoder
from service.retriever import Retriever
from service.settings import Settings
from tests.benchmarks.load import HOST, free_port
from tests.fakes import PRACTICES, calibrated_source
from tests.test_workers import children

SWITCHES = 50
PATIENCE_SECONDS = 60
SWITCH_SECONDS = 10  # a service looks every second, and loads a small release in a part of one
IN_A_ROW = 6  # looks on new connections, so that both processes are among those asked
KEEPING, ASKING_ANEW = 3, 2  # clients that keep their connection, and that open one for each question
QUESTIONS = [
    f"/api/v1/search?top_k=4&q={quote(text)}"
    for text in ("retired masters who mentor apprentices", "adults who return to school", "pupils are often away")
]


def answer_of(connection: HTTPConnection, path: str) -> tuple[int, dict[str, Any]]:
    """Return status and content of an answer; one that is not whole raises HTTPException or ValueError."""
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def asked_anew(port: int, path: str) -> tuple[int, dict[str, Any]]:
    with closing(HTTPConnection(HOST, port, timeout=PATIENCE_SECONDS)) as connection:
        return answer_of(connection, path)


def without_time(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in answer if name != "took_ms"}


@dataclass(frozen=True)
class Load:
    """What the clients have seen: how often each release answered right, and what was not right."""

    port: int
    expected: Mapping[tuple[str, str], dict[str, Any]]
    """(release id, path) -> the answer of that release alone."""
    is_over: threading.Event = field(default_factory=threading.Event)
    right: Counter[str] = field(default_factory=Counter)
    wrong: list[object] = field(default_factory=list)

    def keep_asking(self) -> None:
        """Ask on one connection until it is over; one that is lost is a fault, and another one is opened."""
        paths = cycle(QUESTIONS)
        while not self.is_over.is_set():
            with closing(HTTPConnection(HOST, self.port, timeout=PATIENCE_SECONDS)) as connection:
                connection.connect()
                connection.auto_open = 0
                while not self.is_over.is_set() and self._is_answered(connection, next(paths)):
                    pass

    def ask_anew(self) -> None:
        """Ask on a new connection each time until it is over."""
        paths = cycle(QUESTIONS)
        while not self.is_over.is_set():
            with closing(HTTPConnection(HOST, self.port, timeout=PATIENCE_SECONDS)) as connection:
                self._is_answered(connection, next(paths))

    def _is_answered(self, connection: HTTPConnection, path: str) -> bool:
        try:
            status, answer = answer_of(connection, path)
        except (OSError, HTTPException, ValueError) as error:
            self.wrong.append(repr(error))
            return False
        release_id: str = answer["index"]["release_id"] if status == 200 else "none"
        if without_time(answer) == self.expected.get((release_id, path)):
            self.right[release_id] += 1
        else:
            self.wrong.append((status, path, answer))
        return True


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Release, Release]:
    """Two releases of which each has one practice that the other lacks; the second is current."""
    folder = tmp_path_factory.mktemp("switching")
    encoder = load_encoder(DEFAULT_ENCODER, Settings())
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, encoder.spec.dim)

    def built(*practices: Any) -> Release:
        source = calibrated_source(practices)
        return build_release(source, encoder, releases=folder / "releases", cache=cache, progress=lambda *_: None)

    return built(*PRACTICES[:3]), built(PRACTICES[0], *PRACTICES[2:])


@pytest.fixture(scope="module")
def expected(releases: tuple[Release, Release]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the answer of each release to each question, from an application that serves it alone."""
    answers = {}
    for release in releases:
        app = create_app(
            Retriever(load_release(release.folder)), load_release_encoder(release.folder, Settings()), queue_size=4
        )
        with TestClient(app) as client:
            for path in QUESTIONS:
                answers[release.manifest.release_id, path] = without_time(client.get(path).json())
    return answers


@pytest.fixture
def service(releases: tuple[Release, Release]) -> Iterator[tuple[int, int]]:
    """Give the process and the port of a service with two workers that encodes every question anew."""
    port = free_port()
    command = [sys.executable, "-m", "service", "serve", "--port", str(port), "--workers", "2"]
    settings = {"PRACTICES_RELEASES": str(releases[0].folder.parent), "PRACTICES_REMEMBERED": "0"}
    settings["PRACTICES_MOST_WAIT"] = "60"  # nobody is refused: every question has to be answered
    process = subprocess.Popen(command, env=os.environ | settings)
    try:
        until_ready(port, releases[1].manifest.release_id, PATIENCE_SECONDS)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def until_ready(port: int, release_id: str, seconds: float) -> None:
    """Wait until new connections have met the release some times in a row."""
    ended, met = time.monotonic() + seconds, 0
    while met < IN_A_ROW:
        try:
            _, found = asked_anew(port, "/health/ready")
        except ConnectionRefusedError:
            found = {}
        met = met + 1 if found.get("release") == release_id and found["fault"] is None else 0
        assert time.monotonic() < ended, f"{release_id} does not answer, but {found}"
        time.sleep(0.02)


def served_by(process: int, port: int, worker: int) -> str:
    """Return the id of the release that one worker answers by: the others are stopped while it is asked."""
    others = [one for one in children(process) if one != worker]
    for one in others:
        os.kill(one, signal.SIGSTOP)
    try:
        release_id: str = asked_anew(port, QUESTIONS[0])[1]["index"]["release_id"]
    finally:
        for one in others:
            os.kill(one, signal.SIGCONT)
    return release_id


@pytest.mark.model
def test_no_connection_is_lost_and_no_answer_is_wrong_while_two_workers_change_their_release(
    service: tuple[int, int], releases: tuple[Release, Release], expected: dict[tuple[str, str], dict[str, Any]]
) -> None:
    process, port = service
    folder, ids = releases[0].folder.parent, [release.manifest.release_id for release in releases]
    for path in QUESTIONS:
        assert expected[ids[0], path]["hits"] != expected[ids[1], path]["hits"]
    workers = children(process)
    load = Load(port, expected)
    threads = [threading.Thread(target=load.keep_asking) for _ in range(KEEPING)]
    threads += [threading.Thread(target=load.ask_anew) for _ in range(ASKING_ANEW)]
    for thread in threads:
        thread.start()
    try:
        for number in range(SWITCHES):
            wanted = ids[number % 2]
            if number % 4 < 2:
                activate(folder, wanted)
            else:
                assert roll_back(folder) == wanted
            until_ready(port, wanted, SWITCH_SECONDS)
    finally:
        load.is_over.set()
        for thread in threads:
            thread.join()
    assert load.wrong == []
    assert set(load.right) == set(ids)
    assert min(load.right.values()) > SWITCHES
    assert children(process) == workers
    assert len(workers) == 2
    assert [served_by(process, port, worker) for worker in workers] == [ids[(SWITCHES - 1) % 2]] * 2
