"""The head of a request is bounded: a long question passes, one that never ends does not."""

import asyncio
import json
import socket
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from service.http_protocol import _Joined
from service.limits import MAX_HEAD_BYTES, MAX_URL_BYTES
from service.settings import Settings
from tests.test_patience import Server, answer_of, serving


async def length(request) -> PlainTextResponse:
    return PlainTextResponse(str(len(request.query_params["q"])))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(Starlette(routes=[Route("/", length, methods=["GET", "POST"])])) as server:
        yield server


@pytest.mark.parametrize("size", [10, 120_000, MAX_URL_BYTES])
def test_a_long_address_passes(server, size):
    connection = server.send(b"GET /?q=%s HTTP/1.1\r\nHost: a.example\r\n\r\n" % (b"x" * size))
    assert answer_of(connection)[::2] == (200, str(size).encode())


def test_a_head_counts_anew_with_each_request_of_a_connection(server):
    connection = server.send(b"")
    for _ in range(3):
        connection.sendall(b"GET /?q=%s HTTP/1.1\r\nHost: a.example\r\n\r\n" % (b"x" * 200_000))
        assert answer_of(connection)[0] == 200


def test_a_content_does_not_count_as_head(server):
    content = b"x" * (2 * MAX_HEAD_BYTES)
    head = b"POST /?q=a HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(content)
    assert server.ask(head + content)[0] == 200


@pytest.mark.parametrize("begun", [b"GET /?q=", b"GET /?q=a HTTP/1.1\r\nHost: a.example\r\nX-Long: "])
def test_a_head_that_does_not_end_is_refused(server, begun):
    connection = server.send(begun)
    for _ in range(2 * MAX_HEAD_BYTES // 2**16):
        try:
            connection.sendall(b"x" * 2**16)
        except OSError:  # it has been closed
            break
    status, headers, content = answer_of(connection)
    assert (status, headers["content-type"]) == (431, "application/problem+json")
    problem = json.loads(content)
    assert problem["status"] == 431
    assert str(MAX_HEAD_BYTES) in problem["detail"]


def test_workers_speak_it_and_believe_no_headers_themselves():
    from service.http_protocol import BoundedProtocol
    from service.workers import Workers

    with socket.create_server(("127.0.0.1", 0)) as listener:
        cfg = Workers(Settings(workers=2), listener).cfg
    assert cfg.worker_class.CONFIG_KWARGS["http"] is BoundedProtocol
    assert cfg.forwarded_allow_ips == []


class Wire:
    """A transport that keeps what is written to it, a write each; it has a number of its own."""

    number = 7

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        assert not self.is_closed
        self.written.append(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    ("steps", "written"),
    [
        ([[HEAD, b"content"]], [HEAD + b"content"]),
        ([[HEAD, b"part", b"part"], [b"part"]], [HEAD + b"part", b"part", b"part"]),
        ([[HEAD], [b"late"]], [HEAD, b"late"]),
        ([[HEAD, b""]], [HEAD]),
        ([[HEAD, HEAD, b"content"]], [HEAD + HEAD, b"content"]),
        ([[HEAD, b"content", HEAD, b"content"]], [HEAD + b"content", HEAD + b"content"]),
    ],
)
def test_a_head_is_sent_with_what_follows_it_in_the_same_step(steps, written):
    wire = Wire()

    async def send() -> None:
        joined = _Joined(wire)
        for step in steps:
            for data in step:
                joined.write(data)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    asyncio.run(send())
    assert wire.written == written


def test_what_is_kept_is_sent_before_the_end_and_never_after_it():
    wire, cut = Wire(), Wire()

    async def send() -> None:
        joined = _Joined(wire)
        joined.write(HEAD)
        joined.close()
        other = _Joined(cut)
        other.write(HEAD)
        cut.close()
        await asyncio.sleep(0.01)
        assert joined.number == 7

    asyncio.run(send())
    assert (wire.written, wire.is_closed, cut.written) == ([HEAD], True, [])
