"""Headers that tell a browser what a page may do: nothing but what comes from here, and no inline script or style."""

from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.sharing import ANY_ORIGIN, EMBED_PREFIX

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'"
)
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""The URL of a page holds the question: it is told to no other site (Referrer-Policy)."""


class SecurityHeaders:
    """Middleware that adds the headers to every answer; what is made for it may be framed by sites of `origins`."""

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        self._app = app
        self._embedders = ANY_ORIGIN if ANY_ORIGIN in origins else " ".join(("'self'", *origins))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        ancestors = self._embedders if scope["path"].startswith(EMBED_PREFIX) else "'none'"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_ALWAYS)
                headers["Content-Security-Policy"] = f"{_POLICY}; frame-ancestors {ancestors}"
            await send(message)

        await self._app(scope, receive, send_with_headers)
