"""Metrics by themselves: each number changes by what happened, and nothing else does."""

import pytest
from prometheus_client.registry import Collector

from service.metrics import FAULTS, WAITING, _Processes, count_request, exposition
from service.trace import Trace
from tests.scraped import changes, numbers


class Nothing(Collector):
    def collect(self):
        return []


def read():
    return numbers(exposition(Nothing()).decode())


def test_a_request_is_counted_by_method_route_and_status_and_its_stages_once_each():
    before = read()
    trace = Trace("a", {"wait": 0.25, "encode": 0.5}, verdict="good")
    count_request(trace, "GET", "/a/{b}", 200, 0.75)
    count_request(Trace("b"), "POST", "/a/{b}", 422, 0.25)
    after = read()

    assert changes(before, after) == {
        ("practices_requests_total", "GET", "/a/{b}", "200"): 1,
        ("practices_requests_total", "POST", "/a/{b}", "422"): 1,
        ("practices_request_seconds_count", "/a/{b}"): 2,
        ("practices_stage_seconds_count", "wait"): 1,
        ("practices_stage_seconds_count", "encode"): 1,
        ("practices_verdicts_total", "good"): 1,
    }
    assert after["practices_request_seconds_sum", "/a/{b}"] == 1.0
    for stage, seconds in trace.seconds.items():
        name = ("practices_stage_seconds_sum", stage)
        assert after[name] - before.get(name, 0) == pytest.approx(seconds)


def test_refused_questions_are_counted():
    before = read()
    count_request(Trace("a", refused=1), "GET", "/refused", 503, 0.001)
    assert changes(before, read())["practices_refused_total",] == 1


def test_questions_that_wait_and_faults_are_as_they_were_told():
    before = read()
    WAITING.inc(3)
    WAITING.inc(-1)
    FAULTS.set(1)
    assert changes(before, read()) == {("practices_waiting",): 2, ("practices_release_fault",): 1}
    WAITING.inc(-2)
    FAULTS.set(0)
    assert changes(before, read()) == {}


def test_the_process_is_measured():
    found = read()
    assert 10_000_000 < found["process_resident_memory_bytes",] < 10_000_000_000
    assert found["process_open_fds",] >= 3
    assert found["process_start_time_seconds",] > 1_700_000_000


def test_several_processes_are_measured_as_one(monkeypatch):
    found = {
        1: {"process_open_fds": 5.0, "process_start_time_seconds": 200.0},
        2: {"process_open_fds": 7.0, "process_start_time_seconds": 100.0},
        3: {},
    }
    from prometheus_client.metrics_core import GaugeMetricFamily

    monkeypatch.setattr(
        "service.metrics._metrics_of",
        lambda process: [GaugeMetricFamily(name, "", value=value) for name, value in found[process].items()],
    )
    whole = {metric.name: metric.samples[0].value for metric in _Processes([1, 2, 3]).collect()}
    assert whole == {"process_open_fds": 12.0, "process_start_time_seconds": 100.0}
