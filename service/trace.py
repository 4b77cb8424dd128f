"""Gather what happens while a request is answered, wherever in the code it happens."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

Stage = Literal["wait", "encode", "retrieve", "fuse", "explain"]
"""`wait`: in the queue of the encoder. A request goes through a stage as often as it has parts to answer."""


@dataclass(slots=True)
class Trace:
    """What is known of one request; nothing of it can tell what was asked, or by whom but the name of a key.

    `seconds` are those of each stage, all its passes together; `refused` counts questions that could not wait.
    """

    request_id: str
    seconds: dict[Stage, float] = field(default_factory=dict)
    refused: int = 0
    verdict: str | None = None
    release_id: str | None = None
    key_name: str | None = None

    def spend(self, stage: Stage, seconds: float) -> None:
        """Add to the time of a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds


_CURRENT: ContextVar[Trace | None] = ContextVar("trace", default=None)


def begin_trace(request_id: str) -> Trace:
    """Return the trace of a request that begins; it is the current one of all that is done for it."""
    trace = Trace(request_id)
    _CURRENT.set(trace)
    return trace


def current_trace() -> Trace:
    """Return the trace of the request that is being answered, outside of any one that nobody looks at."""
    return _CURRENT.get() or Trace("")


def current_request_id() -> str | None:
    """Return the id of the request that is being answered, None outside of any."""
    trace = _CURRENT.get()
    return None if trace is None else trace.request_id


@contextmanager
def stage(name: Stage) -> Iterator[None]:
    """Measure what is done inside as a pass of a stage."""
    started = time.perf_counter()
    yield
    current_trace().spend(name, time.perf_counter() - started)
