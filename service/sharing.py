"""Let the pages of other sites read what is made for them, and nothing else (CORS, without credentials)."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import problem_response

EMBED_PREFIX = "/embed/"
WIDGET_PATH = "/widget.js"
ANY_ORIGIN = "*"

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "86400",
}
_FOREIGN = "pages of this origin may not ask; whoever runs this service can put it into PRACTICES_WIDGET_ORIGINS"
_FOREIGN_KIND = "urn:practices:problem:foreign-origin"


class Sharing:
    """Middleware for the widget and `/embed/`; starlette's own one would open every path.

    The header stands in every answer, not only where a request names its origin: caches keep answers for others.
    What the page of an origin that is not on the list sends is refused before anything is computed.
    """

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not (scope["path"] == WIDGET_PATH or scope["path"].startswith(EMBED_PREFIX)):
            await self._app(scope, receive, send)
            return
        origin = Headers(scope=scope).get("origin")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._allow(origin, MutableHeaders(scope=message))
            await send(message)

        app = self._app
        if scope["method"] == "OPTIONS":
            app = Response(status_code=HTTPStatus.NO_CONTENT, headers=_PREFLIGHT)
        elif scope["method"] == "POST" and origin is not None and not self._is_shared_with(origin, Request(scope)):
            app = problem_response(Request(scope), HTTPStatus.FORBIDDEN, _FOREIGN, kind=_FOREIGN_KIND)
        await app(scope, receive, send_with_headers)

    def _is_shared_with(self, origin: str, request: Request) -> bool:
        return (
            ANY_ORIGIN in self._origins
            or origin in self._origins
            or origin == f"{request.url.scheme}://{request.url.netloc}"
        )

    def _allow(self, origin: str | None, headers: MutableHeaders) -> None:
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if ANY_ORIGIN in self._origins:
            headers["Access-Control-Allow-Origin"] = ANY_ORIGIN
            return
        headers.add_vary_header("Origin")
        if origin is not None and origin in self._origins:
            headers["Access-Control-Allow-Origin"] = origin
