"""Turn what is logged into one line an event, for people or as JSON; no line holds what somebody asked."""

import json
import logging
import re
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime

from service.settings import LogStyle
from service.trace import current_request_id

REQUEST_FIELDS = ("method", "route", "status", "milliseconds", "release_id", "verdict", "key")
"""What the line of a request has beside what all lines have."""

_TALKATIVE = ("service", "uvicorn")  # others say what they load
_TELLING = re.compile(r"[^\n(<]*")


def set_up_logs(style: LogStyle) -> None:
    """Send all that this process logs to the standard error, a line an event."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    # What no line shows need not be found out for each of them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class JsonLines(logging.Formatter):
    """One JSON object an event, with `time`, `level`, `event`, and what else there is of it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return json.dumps(_fields(record))


class TextLines(logging.Formatter):
    """The same as text: time, level and event, then what else there is as `name=value`, a traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and those of a traceback."""
        fields = _fields(record)
        told = [str(fields.pop(name)) for name in ("time", "level", "event")]
        below = fields.pop("traceback", None)
        line = " ".join([*told, *(f"{name}={value}" for name, value in fields.items())])
        return line if below is None else f"{line}\n{below}"


def _fields(record: logging.LogRecord) -> dict[str, str | int | float]:
    """Return the fields of an event; of what a record brings along only those that are known to tell nothing."""
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fields: dict[str, str | int | float] = {"time": moment, "level": record.levelname.lower(), "event": _event(record)}
    given = record.__dict__
    known = {"request_id": current_request_id()} | {name: given.get(name) for name in REQUEST_FIELDS}
    fields |= {name: value for name, value in known.items() if value is not None}
    if record.exc_info and record.exc_info[1] is not None:
        fields["traceback"] = "\n".join(_told(traceback.TracebackException.from_exception(record.exc_info[1])))
    return fields


def _event(record: logging.LogRecord) -> str:
    """Return the message in one line; of asyncio's only the beginning, as objects follow that may hold a question."""
    message = record.getMessage()
    if record.name == "asyncio":
        [message] = _TELLING.findall(message)[:1]
    return " ".join(message.split())


def _told(error: traceback.TracebackException) -> Iterator[str]:
    """Yield where an error happened and of what type it is, and the same of its causes first.

    Not its message: that of a bug may hold whatever the service was working on.
    """
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _told(cause)
        yield "which led to:"
    yield from "".join(error.stack.format()).splitlines()
    yield f"{error.exc_type.__module__}.{error.exc_type.__qualname__}" if error.exc_type else "an error"
    for one in error.exceptions or ():
        yield from _told(one)
