"""Turn what happens into the numbers that Prometheus reads; with several processes they are those of all of them."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service.trace import Trace

_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_STAGE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double all, and processes cannot share them

_OWN = CollectorRegistry()
_REQUESTS = Counter("practices_requests", "Requests that were answered.", ["method", "route", "status"], registry=_OWN)
_REQUEST_SECONDS = Histogram(
    "practices_request_seconds",
    "Seconds from a request to the end of its answer.",
    ["route"],
    buckets=_REQUEST_BUCKETS,
    registry=_OWN,
)
_STAGE_SECONDS = Histogram(
    "practices_stage_seconds",
    "Seconds of each stage of a request.",
    ["stage"],
    buckets=_STAGE_BUCKETS,
    registry=_OWN,
)
_VERDICTS = Counter("practices_verdicts", "Answers to questions.", ["verdict"], registry=_OWN)
_REFUSED = Counter("practices_refused", "Questions refused because too many were waiting.", registry=_OWN)
WAITING = Gauge("practices_waiting", "Questions that wait for the encoder.", registry=_OWN, multiprocess_mode="livesum")
FAULTS = Gauge(
    "practices_release_fault",
    "Whether a release that should answer does not.",
    registry=_OWN,
    multiprocess_mode="livemax",
)


def count_request(trace: Trace, method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that was answered; `route` is the template of its path."""
    _REQUESTS.labels(method, route, str(status)).inc()
    _REQUEST_SECONDS.labels(route).observe(seconds)
    for stage, spent in trace.seconds.items():
        _STAGE_SECONDS.labels(stage).observe(spent)
    if trace.verdict is not None:
        _VERDICTS.labels(trace.verdict).inc()
    if trace.refused:
        _REFUSED.inc(trace.refused)


def exposition(state: Collector) -> bytes:
    """Return all metrics as text, with those of `state`, which are known only when they are asked for."""
    registry = CollectorRegistry()
    registry.register(state)
    if values.ValueClass is values.MutexValue:
        registry.register(_OWN)
        ProcessCollector(registry=registry)
    else:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        registry.register(_Processes(_family()))
    return generate_latest(registry)


def _family() -> list[int]:
    """Return the process that all others that answer were forked from, and these."""
    parent = os.getppid()
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
    return [parent, *map(int, children.split())]


class _Processes(Collector):
    """The metrics of several processes as if they were one: sums, and when the first of them started."""

    def __init__(self, processes: Sequence[int]) -> None:
        self._processes = processes

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; a process that has just ended has none."""
        found: dict[str, list[Metric]] = {}
        for process in self._processes:
            for metric in _metrics_of(process):
                found.setdefault(metric.name, []).append(metric)
        for name, metrics in found.items():
            whole = min if name == "process_start_time_seconds" else sum
            [sample] = metrics[0].samples
            metrics[0].samples = [sample._replace(value=whole([one.samples[0].value for one in metrics]))]
            yield metrics[0]


def _metrics_of(process: int) -> Iterable[Metric]:
    return ProcessCollector(pid=lambda: process, registry=None).collect()
