"""Give a request up when its time is over, and at once when nobody waits for its answer any more."""

import asyncio
from http import HTTPStatus

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import problem_response

RETRY_AFTER_SECONDS = 5
WATCHED_AFTER_SECONDS = 0.05  # most requests are answered before, and cost no watching

# What is made while it is sent may take as long as it does, and a change that is being written is not given up halfway.
_UNBOUNDED = ("/download/catalogue.", "/api/v1/admin/")
_EMPTY_BODY: Message = {"type": "http.request", "body": b"", "more_body": False}


class Patience:
    """Middleware that answers 503 after `seconds`, unless an answer has begun, and drops what nobody waits for.

    A question that waits for the encoder leaves the queue then. Starlette ends no request by itself.
    """

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"].startswith(_UNBOUNDED):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds) as deadline:
                attended = _Attended(receive, send, deadline, has_body=_has_body(scope))
                try:
                    await self._app(scope, attended.receive, attended.send)
                finally:
                    attended.stop()
        except TimeoutError:
            if not deadline.expired():
                raise
            if not (attended.is_gone or attended.is_answered):
                detail = f"no answer was found within {self._seconds:g} seconds; try again in a moment"
                headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
                late = problem_response(
                    Request(scope),
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    detail,
                    kind="urn:practices:problem:late",
                    headers=headers,
                )
                await late(scope, receive, send)


class _Attended:
    """One request; when its client is gone before an answer has begun, its deadline is now."""

    def __init__(self, receive: Receive, send: Send, deadline: asyncio.Timeout, *, has_body: bool) -> None:
        self._receive = receive
        self._send = send
        self._deadline = deadline
        self._is_untold = not has_body  # that there is no body
        self._is_whole = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(WATCHED_AFTER_SECONDS, self._start)
        self.is_answered = False
        self.is_gone = False
        if not has_body:
            self._is_whole.set()

    async def receive(self) -> Message:
        """Return the next part of the body, or that the client is gone."""
        if self._is_untold:  # the watcher may have taken it from the server
            self._is_untold = False
            return _EMPTY_BODY
        message = await self._receive()
        if not message.get("more_body"):
            self._is_whole.set()
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer; the first one has ended the waiting."""
        if not self.is_answered:
            self.is_answered = True
            self.stop()
            if not self._deadline.expired():
                self._deadline.reschedule(None)
        await self._send(message)

    def stop(self) -> None:
        """Stop watching."""
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()

    def _start(self) -> None:
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        await self._is_whole.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.is_gone = True
        if not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time())


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )
