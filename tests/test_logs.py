"""Log lines: one an event with the fields that are documented, tracebacks without what was worked on."""

import contextvars
import json
import logging
import subprocess
import sys

import pytest

from service.logs import JsonLines, TextLines
from service.trace import begin_trace

PLANTED = "Zuzanna"
REQUEST = {
    "method": "GET",
    "route": "/practices/{practice_id}",
    "status": 200,
    "milliseconds": 12.3,
    "release_id": "0123456789ab",
    "verdict": None,
    "key": None,
}


def record(message: str, *arguments: object, name: str = "service.x", **others: object) -> logging.LogRecord:
    fields = {"name": name, "levelname": "WARNING", "created": 1_800_000_000.25, "msg": message, "args": arguments}
    return logging.makeLogRecord(fields | others)


def failed(function) -> logging.LogRecord:
    try:
        function()
    except BaseException as error:  # noqa: BLE001
        return record("it failed", exc_info=(type(error), error, error.__traceback__))
    raise AssertionError("nothing was raised")


def read(one: logging.LogRecord) -> dict:
    return json.loads(JsonLines().format(one))


def test_an_event_has_time_level_and_what_happened():
    assert read(record("release %s answers now", "0123456789ab")) == {
        "time": "2027-01-15T08:00:00.250Z",
        "level": "warning",
        "event": "release 0123456789ab answers now",
    }


def test_the_line_of_a_request_leaves_out_what_there_is_not():
    found = read(record("request", **REQUEST, color_message=PLANTED, query=PLANTED))
    assert found == {
        "time": "2027-01-15T08:00:00.250Z",
        "level": "warning",
        "event": "request",
        "method": "GET",
        "route": "/practices/{practice_id}",
        "status": 200,
        "milliseconds": 12.3,
        "release_id": "0123456789ab",
    }
    assert read(record("request", **REQUEST | {"verdict": "weak", "key": "cms"})) == found | {
        "verdict": "weak",
        "key": "cms",
    }


def test_the_same_is_written_as_text():
    assert TextLines().format(record("request", **REQUEST)) == (
        "2027-01-15T08:00:00.250Z warning request method=GET route=/practices/{practice_id} status=200 "
        "milliseconds=12.3 release_id=0123456789ab"
    )


@pytest.mark.parametrize("lines", [JsonLines(), TextLines()])
def test_an_event_is_one_line(lines):
    assert lines.format(record("one\ntwo\r\n  three")).splitlines()[0].count("one two three") == 1


def test_events_of_a_request_have_its_id():
    def inside() -> dict:
        begin_trace("abc-1")
        return read(record("x"))

    assert contextvars.copy_context().run(inside)["request_id"] == "abc-1"
    assert "request_id" not in read(record("x"))


def test_a_traceback_says_where_and_what_type_but_not_what():
    def fail() -> None:
        try:
            raise ValueError(PLANTED)
        except ValueError as error:
            error.add_note(PLANTED)
            raise json.JSONDecodeError(PLANTED, PLANTED, 0) from error

    told = read(failed(fail))["traceback"]
    lines = told.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "builtins.ValueError",
        "which led to:",
        "json.decoder.JSONDecodeError",
    ]
    assert sum(f'File "{__file__}", line ' in line for line in lines) == 3
    assert "    raise ValueError(PLANTED)" in lines
    assert PLANTED not in told.replace("PLANTED", "")
    assert TextLines().format(failed(fail)).endswith("warning it failed\n" + told)


def test_all_errors_of_a_group_are_told_without_their_messages():
    def fail() -> None:
        raise ExceptionGroup(PLANTED, [KeyError(PLANTED), OSError(PLANTED)])

    told = read(failed(fail))["traceback"]
    assert told.splitlines()[-3:] == ["builtins.ExceptionGroup", "builtins.KeyError", "builtins.OSError"]
    assert PLANTED not in told.replace("PLANTED", "")


def test_a_cause_that_was_put_aside_is_not_told():
    def fail() -> None:
        try:
            raise KeyError
        except KeyError:
            raise OSError from None

    assert "KeyError" not in read(failed(fail))["traceback"].replace("except KeyError", "").replace(
        "raise KeyError", ""
    )


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (f"Task exception was never retrieved\nfuture: <Task {PLANTED}>", "Task exception was never retrieved"),
        (f"Exception in callback answer(<Future result='{PLANTED}'>)", "Exception in callback answer"),
        (f"Executing <Task {PLANTED}> took 0.2 seconds", "Executing"),
    ],
)
def test_of_the_event_loop_only_the_beginning_is_told(message, event):
    assert read(record(message, name="asyncio"))["event"] == event


CODE = """
import logging, warnings
from service.logs import set_up_logs
set_up_logs({style!r})
logging.getLogger("service.app").info("ours")
logging.getLogger("uvicorn.error").info("of uvicorn")
logging.getLogger("faiss.loader").info("of others")
logging.getLogger("faiss.loader").warning("of others, bad")
warnings.warn("old", stacklevel=1)
"""


def logged(style: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", CODE.format(style=style)], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_what_everybody_logs_is_written_to_the_standard_error_in_one_format():
    events = [json.loads(line)["event"] for line in logged("json")]
    assert events[:3] == ["ours", "of uvicorn", "of others, bad"]
    assert events[3].endswith("UserWarning: old")
    assert [line.split(" ", 2)[1:] for line in logged("text")[:3]] == [
        ["info", "ours"],
        ["info", "of uvicorn"],
        ["warning", "of others, bad"],
    ]
