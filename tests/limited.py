"""A process of its own for what may hang, crash or take all memory: it is stopped, and the test is told."""

import multiprocessing
import resource
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

MEMORY = 2**31
"""Bytes of address space that a call may take beside what the process has already."""


class Limited:
    """Calls one function after the other in a child process with a limit of memory and of seconds."""

    def __init__(self, *, seconds: float, memory: int = MEMORY) -> None:
        self._seconds = seconds
        self._memory = memory
        self._pool: ProcessPoolExecutor | None = None

    def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Return what the function returns. Raises AssertionError where the process dies or takes too long."""
        if self._pool is None:
            fork = multiprocessing.get_context("fork")
            self._pool = ProcessPoolExecutor(1, mp_context=fork, initializer=_limit, initargs=(self._memory,))
        answer = self._pool.submit(function, *arguments)
        try:
            return answer.result(self._seconds)
        except (BrokenProcessPool, TimeoutError) as error:
            what = "took too long" if isinstance(error, TimeoutError) else "ended the process"
            self.close()
            raise AssertionError(f"{function.__name__}{arguments} {what}") from error

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            for process in list(self._pool._processes.values()):
                process.kill()
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> "Limited":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _limit(memory: int) -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")  # as in a service; here they are errors
