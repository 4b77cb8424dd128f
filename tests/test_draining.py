"""A server that is told to end answers who has sent something, wherever it waits, and takes nobody new."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from service.draining import DrainingServer
from service.http_protocol import BoundedProtocol
from tests.test_patience import GET, answer_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NO LINUX: an end without losses was NOT tried")


class SlowServer(DrainingServer):
    """A server whose loop is held for a moment when it is told to end, so that who comes then waits in the queue."""

    is_held: threading.Event

    async def main_loop(self) -> None:
        await super().main_loop()
        self.is_held.set()
        time.sleep(0.5)


class Ending:
    """A server on this machine in a thread, which can be told to end."""

    def __init__(self, *, shares_listener: bool = False) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._address = self._listener.getsockname()
        self.connections = ExitStack()
        application = Starlette(routes=[Route("/", self._answer)])
        config = uvicorn.Config(application, log_config=None, access_log=False, http=BoundedProtocol)
        self._server = SlowServer(config, shares_listener=shares_listener)
        self._server.is_held = threading.Event()
        self.thread = threading.Thread(target=self._server.run, args=([self._listener],))
        self.thread.start()

    async def _answer(self, _request: Request) -> PlainTextResponse:
        return PlainTextResponse("answered")

    def share(self) -> socket.socket:
        """Return the listener as another process has it."""
        return self._listener.dup()

    def end_slowly(self) -> None:
        """Tell it to end, and wait until it accepts nobody for half a second."""
        self.end()
        assert self._server.is_held.wait(10)

    def end(self) -> None:
        self._server.should_exit = True

    def connect(self, timeout: float = 10) -> socket.socket:
        return self.connections.enter_context(socket.create_connection(self._address, timeout))

    def ask(self) -> socket.socket:
        connection = self.connect()
        connection.sendall(GET % b"/")
        return connection


@pytest.fixture
def ending() -> Iterator[Ending]:
    found = Ending()
    assert answer_of(found.ask())[2] == b"answered"
    with found.connections:
        yield found
    found.end()
    found.thread.join(10)
    assert not found.thread.is_alive()


def test_who_waits_in_the_queue_is_answered_and_told_that_the_connection_ends(ending: Ending) -> None:
    ending.end_slowly()
    for connection in [ending.ask() for _ in range(20)]:
        status, headers, content = answer_of(connection)
        assert (status, headers["connection"], content) == (200, "close", b"answered")
        assert connection.recv(1) == b""


def test_who_is_connected_and_asks_a_moment_later_is_answered(ending: Ending) -> None:
    early = [ending.connect() for _ in range(5)]
    ending.end_slowly()
    time.sleep(0.8)
    for connection in early:
        connection.sendall(GET % b"/")
    assert [answer_of(connection)[2] for connection in early] == [b"answered"] * 5


def test_who_is_connected_and_asks_nothing_is_waited_for_a_second(ending: Ending) -> None:
    silent = ending.connect()
    started = time.monotonic()
    ending.end()
    ending.thread.join(10)
    assert 1.4 < time.monotonic() - started < 5
    assert silent.recv(1) == b""


def test_nobody_new_gets_into_the_queue_and_who_tries_again_is_refused(ending: Ending) -> None:
    ending.connect()  # which keeps the server waiting
    ending.end_slowly()
    time.sleep(0.7)
    with pytest.raises(TimeoutError):
        ending.connect(timeout=0.2)
    with pytest.raises(ConnectionRefusedError):
        ending.connect()


def test_who_shares_a_listener_leaves_it_open_to_the_others() -> None:
    ending = Ending(shares_listener=True)
    with ending.connections, ending.share() as others:
        assert answer_of(ending.ask())[2] == b"answered"
        ending.end()
        ending.thread.join(10)
        ending.connect(timeout=1)
        others.accept()[0].close()


def test_without_filters_it_ends_as_well(ending: Ending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.draining._SO_ATTACH_FILTER", 9_999)
    ending.end()
    ending.thread.join(10)
    with pytest.raises(ConnectionRefusedError):
        ending.connect()
