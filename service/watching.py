"""Give each request an id, count it, and write one line about it; never what was asked or who asked."""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.metrics import count_request
from service.trace import Trace, begin_trace

ASKED_METHOD = "practices.asked_method"
"""Member of a scope that says which method was asked for, where another one answers."""

NO_ROUTE = "none"
"""Template of all paths that nothing answers at."""

_HEADER = "X-Request-ID"
_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

_LOG = logging.getLogger(__name__)


class Watching:
    """Middleware around all of the application; `logs_requests` says whether each request is a line of the log."""

    def __init__(self, app: ASGIApp, *, logs_requests: bool) -> None:
        self._app = app
        self._logs_requests = logs_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope).get(_HEADER, "")
        trace = begin_trace(asked if _PLAIN_ID.fullmatch(asked) else str(uuid.uuid4()))
        started, status = time.perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[_HEADER] = trace.request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            self._tell(scope, trace, status, time.perf_counter() - started)

    def _tell(self, scope: Scope, trace: Trace, status: int, seconds: float) -> None:
        asked_method = scope.get(ASKED_METHOD, scope["method"])
        method = asked_method if asked_method in _METHODS else "other"
        route = _route(scope)
        count_request(trace, method, route, status, seconds)
        if self._logs_requests:
            fields = {
                "method": method,
                "route": route,
                "status": status,
                "milliseconds": round(seconds * 1000, 1),
                "release_id": trace.release_id or scope["app"].state.switch.answering.release_id,
                "verdict": trace.verdict,
                "key": trace.key_name,
            }
            _LOG.info("request", extra=fields)


def _route(scope: Scope) -> str:
    """Return the template of a request's path, which has none of what was asked in it."""
    if route := scope.get("route"):
        return str(route.path)
    if mount := scope["root_path"].removeprefix(scope.get("app_root_path", scope["root_path"])):
        return str(mount)
    is_constant = "endpoint" in scope and not scope.get("path_params")
    return str(scope["path"]) if is_constant else NO_ROUTE
