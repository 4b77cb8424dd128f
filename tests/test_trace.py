"""Traces: what happens is kept with the request that it happens for, and with no other."""

import asyncio
import time

import pytest

from service.trace import Trace, begin_trace, current_request_id, current_trace, stage


def test_the_passes_of_a_stage_are_added_up(monkeypatch):
    moments = iter([1.0, 1.5, 2.0, 2.25, 5.0, 6.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(moments))

    async def answer() -> Trace:
        trace = begin_trace("a")
        for name in ("retrieve", "retrieve", "fuse"):
            with stage(name):
                pass
        return trace

    assert asyncio.run(answer()).seconds == {"retrieve": 0.75, "fuse": 1.0}


def test_each_of_several_requests_at_once_has_its_own_trace():
    async def answer(name: str) -> tuple[str | None, str | None]:
        begin_trace(name)
        await asyncio.sleep(0)
        await asyncio.to_thread(lambda: setattr(current_trace(), "verdict", name.upper()))
        return current_request_id(), current_trace().verdict

    async def all_of_them() -> list[tuple[str | None, str | None]]:
        return await asyncio.gather(*map(answer, "abc"))

    assert asyncio.run(all_of_them()) == [("a", "A"), ("b", "B"), ("c", "C")]


def test_outside_of_requests_nothing_is_kept():
    current_trace().spend("fuse", 1.0)
    assert current_request_id() is None
    assert current_trace() == Trace("")


def test_a_stage_that_fails_is_not_counted():
    async def answer() -> Trace:
        trace = begin_trace("a")
        with pytest.raises(ValueError, match="no"), stage("fuse"):
            raise ValueError("no")
        return trace

    assert asyncio.run(answer()).seconds == {}
