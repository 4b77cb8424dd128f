"""Ask a service ten times as often as it can answer, and print what became of the questions.

    python -m tests.benchmarks.overload [--seconds 120] [--times 10] [--workers 1]

An open loop: questions come at their times, whoever is still waiting, as people and robots do. First one client alone
shows the usual latency, then sixteen what can be answered a second; after the load one client shows whether it is over.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from pathlib import Path
from urllib.parse import quote

import numpy as np
import typer

from indexer.shipped import shipped_path
from service.problems import RETRY_AFTER_SECONDS
from tests.benchmarks.load import HOST, LoadError, distinct_questions, memory_of, serving

ALONE_SECONDS, TOGETHER_SECONDS, AFTER_SECONDS = 20, 10, 20
CLIENTS = 16
MOST_CONNECTIONS = 800
_LATE_SECONDS = 30.0
_KEPT_SECONDS = 2.0  # the server closes a connection after five in which nothing was asked
_START_SECONDS = 120.0


@dataclass
class Outcome:
    """What became of the questions: milliseconds of those answered and of those refused, and how many went wrong."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def take(self, status: int, content: bytes, milliseconds: float) -> None:
        """Count one answer; a refusal has to say when to come again."""
        if status == 200:
            is_right = "hits" in json.loads(content)
            self.counts["answered" if is_right else "wrong"] += 1
            self.answered.append(milliseconds)
        elif status in (429, 503):
            self.counts["refused"] += 1
            self.refused.append(milliseconds)
        else:
            self.counts[f"status {status}"] += 1

    def row(self, name: str, seconds: float) -> str:
        """Return a row of the table."""
        p50, p99 = (f"{np.percentile(self.answered, one):.0f}" if self.answered else "" for one in (50, 99))
        refused = f"{np.percentile(self.refused, 99):.0f}" if self.refused else ""
        others = sum(number for what, number in self.counts.items() if what not in ("answered", "refused"))
        rate = f"{self.counts['answered'] / seconds:.0f}"
        return f"| {name} | {rate} | {p50} | {p99} | {self.counts['refused']:,} | {refused} | {others} |"


class Connections:
    """Connections that are kept and used again; more are opened while all are busy, up to a bound."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._opened = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Give a connection; one on which something failed is not used again."""
        reader, writer = await self._connection()
        try:
            yield reader, writer
        except BaseException:
            self._opened -= 1
            writer.close()
            raise
        self._free.append((time.perf_counter(), reader, writer))

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return the one used last, unless the server may be about to close it, or a new one."""
        while self._free:
            used, reader, writer = self._free.pop()
            if time.perf_counter() - used < _KEPT_SECONDS:
                return reader, writer
            self._opened -= 1
            writer.close()
        if self._opened >= MOST_CONNECTIONS:
            raise ConnectionError("all connections are busy")
        self._opened += 1
        return await asyncio.open_connection(HOST, self._port)


async def ask(connections: Connections, question: str, outcome: Outcome) -> None:
    """Ask a question and count what became of it."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(_LATE_SECONDS), connections.one() as (reader, writer):
            head = (
                f"GET /api/v1/search?q={quote(question)} HTTP/1.1\r\nHost: {HOST}\r\nAccept: application/json\r\n\r\n"
            )
            writer.write(head.encode())
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
            length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
            content = await reader.readexactly(length)
    except TimeoutError:
        outcome.counts["late"] += 1
    except (OSError, asyncio.IncompleteReadError) as error:
        outcome.counts[f"lost: {type(error).__name__}"] += 1
    else:
        outcome.take(int(lines[0].split()[1]), content, 1_000 * (time.perf_counter() - started))


async def closed_loop(port: int, questions: Sequence[str], seconds: float, clients: int) -> Outcome:
    """Let some clients ask one question after the other; who is refused comes again after a second, as it is told."""
    connections, outcome, numbers = Connections(port), Outcome(), count()
    ended = time.perf_counter() + seconds

    async def client() -> None:
        while time.perf_counter() < ended:
            refused = outcome.counts["refused"]
            await ask(connections, questions[next(numbers) % len(questions)], outcome)
            await asyncio.sleep(RETRY_AFTER_SECONDS if outcome.counts["refused"] > refused else 0)

    await asyncio.gather(*(client() for _ in range(clients)))
    return outcome


async def open_loop(port: int, questions: Sequence[str], seconds: float, rate: float) -> Outcome:
    """Ask at random moments, `rate` times a second on average (a Poisson process, seeded)."""
    connections, outcome = Connections(port), Outcome()
    chance, started, tasks = np.random.default_rng(5), time.perf_counter(), set[asyncio.Task[None]]()
    due = 0.0
    for number in count():
        due += float(chance.exponential(1 / rate))
        if due > seconds:
            break
        await asyncio.sleep(max(0.0, started + due - time.perf_counter()))
        task = asyncio.create_task(ask(connections, questions[number % len(questions)], outcome))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return outcome


def wait_until_ready(port: int) -> None:
    """Wait until the service answers."""
    ended = time.perf_counter() + _START_SECONDS
    while time.perf_counter() < ended:
        with suppress(OSError), urllib.request.urlopen(f"http://{HOST}:{port}/health/ready") as answer:
            if answer.status == HTTPStatus.OK:
                return
        time.sleep(0.05)
    raise LoadError(f"no answer within {_START_SECONDS:.0f} s")


def main(seconds: float = 120, times: float = 10, workers: int = 1) -> None:
    """Measure and print a table."""
    text = shipped_path("data/qrels/queries.jsonl").read_text(encoding="utf-8")
    distinct = distinct_questions([json.loads(line)["text"] for line in text.splitlines()])
    questions = [next(distinct) for _ in range(100_000)]

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "service", "serve", "--port", str(port), "--workers", str(workers)]

    with tempfile.TemporaryDirectory() as folder, serving(command, os.environ, Path(folder) / "log") as server:
        wait_until_ready(server.port)
        alone = asyncio.run(closed_loop(server.port, questions, ALONE_SECONDS, 1))
        together = asyncio.run(closed_loop(server.port, questions[20_000:], TOGETHER_SECONDS, CLIENTS))
        before = sum(memory_of(server.process.pid).rss)
        rate = times * together.counts["answered"] / TOGETHER_SECONDS
        loaded = asyncio.run(open_loop(server.port, questions[40_000:], seconds, rate))
        after = sum(memory_of(server.process.pid).rss)
        later = asyncio.run(closed_loop(server.port, questions[10_000:], AFTER_SECONDS, 1))
    print("| | answered a second | p50, ms | p99, ms | refused | p99 of a refusal, ms | lost, late, wrong |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    print(alone.row("one client", ALONE_SECONDS))
    print(together.row(f"{CLIENTS} clients", TOGETHER_SECONDS))
    print(loaded.row(f"{rate:.0f} questions a second for {seconds:.0f} s", seconds))
    print(later.row("one client afterwards", AFTER_SECONDS))
    ratio = np.percentile(loaded.answered, 99) / np.percentile(alone.answered, 99)
    print(f"\np99 under load / alone: {ratio:.1f}; memory {before:.0f} MB before, {after:.0f} MB after")
    print({what: number for what, number in loaded.counts.items() if what not in ("answered", "refused")})


if __name__ == "__main__":
    typer.run(main)
