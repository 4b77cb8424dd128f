"""Several processes answer on one address, share what was loaded, and are replaced when they die."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.registry import DEFAULT_ENCODER
from service.loading import load_encoder
from service.settings import Settings
from tests.benchmarks.load import free_port
from tests.fakes import calibrated_source

PATIENCE_SECONDS = 60
QUESTION = "retired%20masters%20who%20mentor%20apprentices"


def children(process: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def ids(port: int) -> list[str]:
    """Return the hits of a question, asked on a connection of its own; waits until somebody answers."""
    ended = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/search?top_k=2&q={QUESTION}") as answer:
                return [hit["practice"]["id"] for hit in json.loads(answer.read())["hits"]]
        except OSError:
            if time.monotonic() > ended:
                raise
            time.sleep(0.1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Give the process and the port of a service with two workers."""
    folder = tmp_path_factory.mktemp("workers")
    encoder = load_encoder(DEFAULT_ENCODER, Settings())
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, encoder.spec.dim)
    build_release(calibrated_source(), encoder, releases=folder / "releases", cache=cache, progress=lambda *_: None)
    port = free_port()
    command = [sys.executable, "-m", "service", "serve", "--port", str(port), "--workers", "2"]
    process = subprocess.Popen(command, env=os.environ | {"PRACTICES_RELEASES": str(folder / "releases")})
    try:
        ids(port)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


@pytest.mark.model
def test_each_of_several_processes_gives_the_same_answer(server: tuple[int, int]) -> None:
    process, port = server
    assert len(children(process)) == 2
    assert [ids(port) for _ in range(12)] == [["mentors", "street-work"]] * 12


@pytest.mark.model
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_dies_is_replaced(server: tuple[int, int], number: signal.Signals) -> None:
    process, port = server
    before = children(process)
    os.kill(before[0], number)
    ended = time.monotonic() + PATIENCE_SECONDS
    while (now := children(process)) == before or len(now) < 2:
        assert time.monotonic() < ended
        time.sleep(0.1)
    assert before[1] in now
    assert [ids(port) for _ in range(12)] == [["mentors", "street-work"]] * 12
