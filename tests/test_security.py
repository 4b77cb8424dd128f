"""The headers that tell a browser what a page may do."""

from collections.abc import Sequence

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient

from service.security import SecurityHeaders

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
)


async def _answer(_) -> PlainTextResponse:
    return PlainTextResponse("ok", headers={"Content-Security-Policy": "default-src *", "X-Frame-Options": "kept"})


async def _greet(websocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


def client(*origins: str) -> TestClient:
    app = Starlette(routes=[WebSocketRoute("/socket", _greet), Route("/{path:path}", _answer)])
    return TestClient(SecurityHeaders(app, origins=origins))


def test_every_answer_says_the_same_and_replaces_a_looser_policy() -> None:
    for path in ("/", "/practices/a", "/static/nothing.js", "/api/v1/search"):
        headers = client("*").get(path).headers
        assert headers.get_list("content-security-policy") == [f"{POLICY}'none'"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["permissions-policy"] == "camera=(), geolocation=(), microphone=()"
        assert headers["x-frame-options"] == "kept"


def test_the_policy_allows_nothing_unsafe_and_no_other_host() -> None:
    policy = client("https://a.example").get("/").headers["content-security-policy"]

    assert "unsafe" not in policy
    assert "*" not in policy
    assert "//" not in policy


@pytest.mark.parametrize(
    ("origins", "embedders"),
    [
        (("*",), "*"),
        (("https://a.example", "*"), "*"),
        (("https://a.example", "http://b.example:8080"), "'self' https://a.example http://b.example:8080"),
        ((), "'self'"),
    ],
)
def test_only_what_is_made_for_other_sites_may_be_framed_by_them(origins: Sequence[str], embedders: str) -> None:
    service = client(*origins)

    def policy(path: str) -> str:
        return service.get(path).headers["content-security-policy"]

    assert policy("/embed/related/a") == policy("/embed/") == POLICY + embedders
    for path in ("/", "/embed", "/embedded/x", "/practices/embed/", "/x?y=/embed/", "/widget"):
        assert policy(path) == f"{POLICY}'none'"


def test_what_is_no_http_is_passed_on_as_it_is() -> None:
    with client("*").websocket_connect("/socket") as socket:
        assert socket.receive_text() == "hello"
