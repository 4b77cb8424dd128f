"""Refuse a request that is larger than any that can be answered, before it is read."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.limits import MAX_QUESTION_BYTES, MAX_RECORD_BYTES, MAX_UPLOAD_BYTES, MAX_URL_BYTES
from service.problems import ToldError, problem_response

_UPLOAD_PATH = "/api/v1/admin/practices"
_ADMIN_PREFIX = "/api/v1/admin/"


class RequestBounds:
    """Middleware that answers 414 where an address is too long and 413 where a content is too large.

    A content that does not say its length is counted while it comes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = most_bytes(scope["path"])
        refusal = _refusal(scope, most)
        if refusal is not None:
            status, detail = refusal
            await problem_response(Request(scope), status, detail)(scope, receive, send)
            return
        received = 0

        async def receive_at_most() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise ToldError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(f"more than {most}", most))
            return message

        await self._app(scope, receive_at_most, send)


def most_bytes(path: str) -> int:
    """Return how many bytes the content of a request may have."""
    if path == _UPLOAD_PATH:
        return MAX_UPLOAD_BYTES
    return MAX_RECORD_BYTES if path.startswith(_ADMIN_PREFIX) else MAX_QUESTION_BYTES


def _refusal(scope: Scope, most: int) -> tuple[HTTPStatus, str] | None:
    address_bytes = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    if address_bytes > MAX_URL_BYTES:
        detail = f"found an address of {address_bytes} bytes, expected at most {MAX_URL_BYTES}; send the text by POST"
        return HTTPStatus.REQUEST_URI_TOO_LONG, detail
    length = Headers(scope=scope).get("content-length", "")
    if length.isdecimal() and int(length) > most:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(length, most)
    return None


def _too_large(found: str, most: int) -> str:
    return f"found a content of {found} bytes, expected at most {most} bytes"
