"""Start a server, ask it as many clients at once, and measure what it answers and what memory its processes take.

Nothing here knows what is served. Clients are those of wrk (https://github.com/wg/wrk), which is in Debian's packages.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path

HOST = "127.0.0.1"

_SCRIPT = Path(__file__).with_name("questions.lua")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_POLL_SECONDS = 0.02
_ANSWER_SECONDS = 60  # what one answer may take before it counts as none
_REST_SECONDS = 0.25
_IDLE_TICKS = 2  # of 10 ms: what an idle event loop may take meanwhile
_END_SECONDS = 10  # what a server may take to end before it is killed
_MEGABYTES_PER_KIB = 1024 / 1_000_000
_LAST_LINES = 15  # of a server's log, shown when it ends by itself


class LoadError(RuntimeError):
    """A server does not answer as it must, or wrk does not run."""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk measured: answers that are no errors, and milliseconds from question to answer.

    wrk is a closed loop: a client asks again once it is answered. It corrects latencies for what a stalled client
    would have asked meanwhile. `errors` are answers of status 400 or more, broken connections and answers that came
    too late. `repeated`: how many questions were not asked for the first time.
    """

    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int
    repeated: int

    @property
    def per_second(self) -> float:
        """Return the answers a second."""
        return self.answers / self.seconds


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a process and all below it, in MB of 10^6 bytes, one number a process, the oldest process first.

    RSS counts a page that several processes share once for each of them; PSS splits it among them.
    """

    rss: tuple[float, ...]
    pss: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was started, at `started` of `time.perf_counter`, and writes to `log`."""

    process: subprocess.Popen[bytes]
    port: int
    started: float
    log: Path


def distinct_questions(questions: Sequence[str]) -> Iterator[str]:
    """Yield the questions, then the same with a number in words added, and so on: no text ever comes twice."""
    seen = set()
    for times in count():
        for question in questions:
            text = f"{question} {number_words(times)}" if times else question
            if text not in seen:
                seen.add(text)
                yield text


def number_words(number: int) -> str:
    """Return the digits of a number as words: 'four two' for 42."""
    return " ".join(_DIGITS[int(digit)] for digit in str(number))


def run_wrk(port: int, paths: Sequence[str], *, clients: int, seconds: int, folder: Path) -> Load:
    """Ask for the paths one after the other, from the first again after the last. Raises LoadError if wrk fails."""
    file = folder / "paths.txt"
    file.write_text("\n".join(paths) + "\n", encoding="ascii")
    size = ["--threads", "1", "--connections", str(clients), "--duration", f"{seconds}s"]
    script = ["--timeout", f"{_ANSWER_SECONDS}s", "--script", str(_SCRIPT)]
    command = ["wrk", *size, *script, f"http://{HOST}:{port}", "--", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise LoadError(f"wrk ended with status {ended.returncode}: {ended.stderr.strip() or ended.stdout.strip()}")
    return parse_wrk(ended.stdout, len(paths))


def parse_wrk(output: str, questions: int) -> Load:
    """Return what the script printed among the output of wrk. Raises LoadError where it printed nothing."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise LoadError(
            f"wrk printed no measures, expected a line of JSON from {_SCRIPT.name}; found: {output.strip()}"
        )
    found = json.loads(lines[-1])
    return Load(
        answers=found["answers"] - found["refused"],
        seconds=found["microseconds"] / 1e6,
        p50_ms=found["p50"] / 1e3,
        p99_ms=found["p99"] / 1e3,
        errors=found["refused"] + found["broken"] + found["late"],
        repeated=max(0, found["asked"] - 1 - questions),  # wrk calls the script once before it asks anything
    )


def ask_all(port: int, paths: Sequence[str], *, clients: int) -> list[bytes]:
    """Return the answer to every path, in their order, asked by some clients at once. Raises LoadError."""

    def ask_some(first: int) -> list[bytes]:
        with closing(HTTPConnection(HOST, port, timeout=_ANSWER_SECONDS)) as connection:
            return [_ask(connection, path) for path in paths[first::clients]]

    answers = [b""] * len(paths)
    with ThreadPoolExecutor(clients) as pool:
        for first, some in enumerate(pool.map(ask_some, range(clients))):
            answers[first::clients] = some
    return answers


def _ask(connection: HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise LoadError(f"GET {path} answers {response.status}, expected 200: {body[:200]!r}")
    return body


@contextmanager
def serving(command: Callable[[int], Sequence[str]], environment: Mapping[str, str], log: Path) -> Iterator[Server]:
    """Start the command for a free port; when the block ends, however it does, it and all below it are ended."""
    port = free_port()
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command(port), env=dict(environment), stdout=output, stderr=subprocess.STDOUT)
        try:
            yield Server(process, port, started, log)
        finally:
            end(process)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with closing(socket.socket()) as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
        return port


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, kill it if it does not, and kill what it leaves behind below it."""
    below = process_tree(process.pid)[1:]
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in below:
        if _is_running(child):
            os.kill(child.pid, 9)


def seconds_to_first_answer(
    server: Server, path: str, is_right: Callable[[bytes], bool], *, limit_seconds: float = 600
) -> float:
    """Return the seconds from the start of the process to the first right answer, asked every 20 ms until it comes.

    Raises LoadError when the process ends, or when no answer is right within the limit.
    """
    last: object = "nothing"
    while time.perf_counter() - server.started < limit_seconds:
        if server.process.poll() is not None:
            lines = server.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
            raise LoadError(f"the server ended with status {server.process.returncode}:\n" + "\n".join(lines))
        try:
            with closing(HTTPConnection(HOST, server.port, timeout=_ANSWER_SECONDS)) as connection:
                last = _ask(connection, path)
            answered = time.perf_counter()
            if is_right(last):
                return answered - server.started
        except (OSError, HTTPException, LoadError) as error:  # it does not listen yet, or is not ready
            last = error
        time.sleep(_POLL_SECONDS)
    raise LoadError(f"no right answer to {path} within {limit_seconds:.0f} s; the last one: {str(last)[:500]}")


@dataclass(frozen=True, slots=True)
class _Process:
    """A process and the clock ticks that it has worked; `began` tells it from a later one with the same number."""

    pid: int
    parent: int
    ticks: int
    began: str


def process_tree(pid: int) -> list[_Process]:
    """Return a process and all below it, parents before their children; none where there is no such process."""
    known = [one for entry in Path("/proc").iterdir() if entry.name.isdigit() and (one := _process(int(entry.name)))]
    tree: list[_Process] = []
    generation = [one for one in known if one.pid == pid]
    while generation:
        tree += generation
        parents = {one.pid for one in generation}
        generation = sorted((one for one in known if one.parent in parents), key=lambda one: one.pid)
    return tree


def _process(pid: int) -> _Process | None:
    """Return what /proc/PID/stat says (proc_pid_stat(5)); None for a process that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    ticks = int(fields[11]) + int(fields[12])
    return None if fields[0] in "ZX" else _Process(pid, parent=int(fields[1]), ticks=ticks, began=fields[19])


def _is_running(process: _Process) -> bool:
    now = _process(process.pid)
    return now is not None and now.began == process.began


def wait_until_idle(pid: int) -> None:
    """Return once a process and all below it do nothing. Raises LoadError if they never rest.

    Clients that leave have asked questions that are still being answered, and that must not slow down the next engine.
    """
    before = -_IDLE_TICKS
    for _ in range(int(_ANSWER_SECONDS / _REST_SECONDS)):
        now = sum(one.ticks for one in process_tree(pid))
        if now - before < _IDLE_TICKS:
            return
        before = now
        time.sleep(_REST_SECONDS)
    raise LoadError(f"process {pid} is still working {_ANSWER_SECONDS} s after its last client has left")


def memory_of(pid: int) -> Memory:
    """Return the memory that a process and all below it have now."""
    pids = [one.pid for one in process_tree(pid)]
    return Memory(
        rss=tuple(_megabytes(one, "status", "VmRSS:") for one in pids),
        pss=tuple(_megabytes(one, "smaps_rollup", "Pss:") for one in pids),
    )


def _megabytes(pid: int, file: str, name: str) -> float:
    for line in Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * _MEGABYTES_PER_KIB
    raise LoadError(f"/proc/{pid}/{file} has no line '{name}'")
