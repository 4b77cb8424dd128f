"""Ask a service for a long time, change it all the while, and print whether it grows: memory, descriptors, threads.

    python -m tests.benchmarks.soak [--minutes 30] [--workers 1]

Questions in 24 languages, pages, related practices, files and a feed by some clients, of which one in twenty hangs up
before it is answered; a change by API every ten seconds, which makes another release and a switch to it.
"""

import json
import random
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import quote

import typer

from indexer.shipped import shipped_path
from indexer.source import read_source
from tests.benchmarks.load import HOST, distinct_questions, memory_of
from tests.live import Service, new_service

CLIENTS = 4
CHANGE_SECONDS = 10.0
_HANGS_UP = 0.05  # of the requests


@dataclass(frozen=True, slots=True)
class Size:
    """What the processes of a service hold, all together."""

    megabytes: float
    descriptors: int
    threads: int


def size_of(service: Service) -> Size:
    """Return what the first process holds; that which builds releases, and workers, are its children."""
    folder = Path("/proc") / str(service.pid)
    return Size(memory_of(service.pid).rss[0], len([*(folder / "fd").iterdir()]), len([*(folder / "task").iterdir()]))


def paths(seed: int) -> Iterator[str]:
    """Yield what one client asks for, without an end."""
    chance = random.Random(seed)
    text = shipped_path("data/qrels/queries.jsonl").read_text(encoding="utf-8")
    questions = distinct_questions([json.loads(line)["text"] for line in text.splitlines()][seed::CLIENTS])
    others = ("/practices", "/about", "/map", "/practices.atom", "/download/catalogue.csv", "/api/v1/facets?country=DE")
    for question in questions:
        asked = quote(question)
        yield f"/api/v1/search?q={asked}"
        yield f"/?q={asked}"
        yield chance.choice(others)
        if chance.random() < _HANGS_UP:
            yield f"/download/practices.xlsx?q={asked}"


class Soak:
    """Clients and a writer over a service, until they are told to stop; what became of each request is counted."""

    def __init__(self, service: Service) -> None:
        self.counts: Counter[str] = Counter()
        self._service = service
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(seed,)) for seed in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._change))

    def __enter__(self) -> "Soak":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, seed: int) -> None:
        chance = random.Random(seed)
        connection = HTTPConnection(HOST, self._service.port, timeout=60)
        for path in paths(seed):
            if self._is_over.is_set():
                break
            if chance.random() < _HANGS_UP:
                self._hang_up(path)
                continue
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                self.counts[str(answer.status)] += 1
            except (OSError, HTTPException):
                self.counts["lost"] += 1
                connection.close()
        connection.close()

    def _hang_up(self, path: str) -> None:
        with suppress(OSError), socket.create_connection((HOST, self._service.port), 10) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            client.settimeout(0.01)
            client.recv(1)
        self.counts["hung up"] += 1

    def _change(self) -> None:
        number = 0
        while not self._is_over.wait(CHANGE_SECONDS):
            number += 1
            record = {"id": f"soak-{number % 20}", "title": f"A programme that is changed for the {number}th time"}
            status, _ = self._service.ask("PUT", f"/api/v1/admin/practices/{record['id']}", record, If_Match="*")
            if status == 412:  # it is not there yet
                status, _ = self._service.ask("PUT", f"/api/v1/admin/practices/{record['id']}", record)
            self.counts[f"change {status}"] += 1


def main(minutes: float = 30, workers: int = 1) -> None:
    """Measure and print a table."""
    print("| minutes | MB | descriptors | threads | answers |\n|---:|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as folder:
        service = new_service(Path(folder), workers=workers, KEPT_RELEASES="5")
        service.build(read_source(shipped_path("data/catalogue/practices.jsonl")))
        try:
            service.start()
            with Soak(service) as soak:
                for number in range(11):
                    time.sleep(0 if number == 0 else 60 * minutes / 10)
                    size = size_of(service)
                    counted = ", ".join(f"{what}: {count:,}" for what, count in sorted(soak.counts.items()))
                    figures = f"{size.megabytes:.0f} | {size.descriptors} | {size.threads}"
                    print(f"| {number * minutes / 10:.1f} | {figures} | {counted} |", flush=True)
        finally:
            service.kill()


if __name__ == "__main__":
    typer.run(main)
