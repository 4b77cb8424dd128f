"""Find out who asks, and by which name of the service, where proxies stand before it."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from typing import cast

from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import problem_response

Headers = Iterable[tuple[bytes, bytes]]

_HOST, _FORWARDED_HOST = b"host", b"x-forwarded-host"
_HEALTH_PREFIX = "/health/"


class TrustedProxies:
    """Middleware that believes X-Forwarded-For, -Proto and -Host, but only where one of the `proxies` sends them.

    The client is then the last address of X-Forwarded-For that is none of them.
    """

    def __init__(self, app: ASGIApp, *, proxies: Sequence[str]) -> None:
        from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware  # noqa: PLC0415  heavy, and seldom needed

        self._forwarded = ProxyHeadersMiddleware(app, list(proxies))  # type: ignore[arg-type]  # its own names of ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope.get("client"):
            # Changed as it is, not copied: what is found out about a request on its way is read outside.
            host, port = scope["client"]
            scope["client"] = (plain_address(host), port)
            if scope["client"][0] in self._forwarded.trusted_hosts:
                scope["headers"] = _with_forwarded_host(scope["headers"])
        await cast(ASGIApp, self._forwarded)(scope, receive, send)


class KnownHosts:
    """Middleware that answers 400 where a request names another host than these; health calls may name any.

    A host is a name, or `*.` and a name for all below it.
    """

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str]) -> None:
        self._app = app
        self._known = TrustedHostMiddleware(_pass, allowed_hosts=hosts, www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and not scope["path"].startswith(_HEALTH_PREFIX):
            refusals: list[Message] = []

            async def refuse(message: Message) -> None:
                refusals.append(message)

            await self._known(scope, receive, refuse)
            if refusals:
                detail = "the header Host names a host that this service does not answer for"
                kind = "urn:practices:problem:unknown-host"
                unknown = problem_response(Request(scope), HTTPStatus.BAD_REQUEST, detail, kind=kind)
                await unknown(scope, receive, send)
                return
        await self._app(scope, receive, send)


def plain_address(host: str) -> str:
    """Return an IPv4 address as such where a socket of both kinds gives it as one of IPv6; any other as it is."""
    if not host.startswith("::ffff:"):
        return host
    address = ip_address(host)
    return str(address.ipv4_mapped or address) if isinstance(address, IPv6Address) else host


async def _pass(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Answer nothing: whatever is sent before it comes to this is a refusal."""


def _with_forwarded_host(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return the headers with the host that the nearest proxy names last."""
    named = [value.rpartition(b",")[2].strip() for name, value in headers if name == _FORWARDED_HOST]
    if not named or not named[-1]:
        return list(headers)
    return [(_HOST, named[-1]), *((name, value) for name, value in headers if name != _HOST)]
