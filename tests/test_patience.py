"""A request is given up when its time is over, and when its client is gone; what has begun to answer is not."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse

from service.app import create_app
from service.http_protocol import BoundedProtocol
from service.patience import Patience
from service.problems import MEDIA_TYPE, add_problem_handlers
from tests.fakes import PRACTICES
from tests.test_api import built
from tests.test_encoder_queue import BlockingEncoder

GET = b"GET %s HTTP/1.1\r\nHost: a.example\r\n\r\n"
LONG_SECONDS = 30


@dataclass
class Server:
    """A real server on this machine, and the connections to it."""

    port: int
    connections: ExitStack

    def send(self, content: bytes) -> socket.socket:
        connection = self.connections.enter_context(socket.create_connection(("127.0.0.1", self.port), timeout=10))
        connection.sendall(content)
        return connection

    def ask(self, content: bytes) -> tuple[int, dict[str, str], bytes]:
        return answer_of(self.send(content))


@contextmanager
def serving(app) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as connections:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", http=BoundedProtocol, proxy_headers=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield Server(listener.getsockname()[1], connections)
        finally:
            connections.close()
            server.should_exit = True
            thread.join()


def answer_of(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and content of an answer that names its length or ends with the connection."""
    with connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        lines = iter(lambda: stream.readline().decode().strip(), "")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return status, headers, stream.read(int(headers.get("content-length", -1)))


class Service:
    """An application whose calls wait, and what became of them."""

    def __init__(self, seconds: float) -> None:
        self.cancelled = threading.Event()
        self.entered = threading.Event()
        self.app = FastAPI()
        self.app.add_middleware(Patience, seconds=seconds)
        add_problem_handlers(self.app)
        for path in ("/wait", "/download/catalogue.csv"):
            self.app.get(path)(self.wait)
        self.app.post("/wait")(self.read)
        self.app.get("/stream")(self.stream)
        self.app.get("/fast")(self.fast)
        self.app.get("/own")(self.own)

    async def wait(self, seconds: float) -> str:
        self.entered.set()
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return "done"

    async def read(self, request: Request) -> str:
        await request.body()
        return await self.wait(LONG_SECONDS)

    async def stream(self) -> StreamingResponse:
        async def slow():
            for _ in range(4):
                await asyncio.sleep(0.1)
                yield "part "

        return StreamingResponse(slow())

    async def fast(self) -> str:
        return "fast"

    async def own(self) -> None:
        raise TimeoutError("of something else")


def test_a_request_whose_time_is_over_is_told_to_come_again():
    service = Service(0.2)
    with serving(service.app) as server:
        status, headers, content = server.ask(GET % b"/wait?seconds=30")
    assert (status, headers["content-type"], headers["retry-after"]) == (503, MEDIA_TYPE, "5")
    problem = json.loads(content)
    assert problem["type"] == "urn:practices:problem:late"
    assert problem["detail"] == "no answer was found within 0.2 seconds; try again in a moment"
    assert service.cancelled.is_set()


def test_what_is_answered_in_time_is_answered_and_the_connection_goes_on():
    service = Service(LONG_SECONDS)
    with serving(service.app) as server:
        connection = server.send(GET % b"/fast")
        assert answer_of(connection)[::2] == (200, b'"fast"')
        connection.sendall(GET % b"/wait?seconds=0.2")  # long enough to be watched
        assert answer_of(connection)[::2] == (200, b'"done"')
        connection.sendall(b"GET /fast HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        assert answer_of(connection)[::2] == (200, b'"fast"')


def test_an_answer_that_has_begun_may_take_longer():
    with serving(Service(0.2).app) as server:
        connection = server.send(b"GET /stream HTTP/1.0\r\nHost: a.example\r\n\r\n")
        status, _, content = answer_of(connection)
    assert (status, content.count(b"part ")) == (200, 4)
    assert content.endswith(b"0\r\n\r\n")


def test_a_file_of_the_catalogue_may_take_longer_to_begin():
    with serving(Service(0.1).app) as server:
        assert server.ask(GET % b"/download/catalogue.csv?seconds=0.3")[::2] == (200, b'"done"')


def test_an_error_of_the_same_kind_is_a_mistake_like_any_other():
    with serving(Service(LONG_SECONDS).app) as server:
        assert server.ask(GET % b"/own")[0] == 500


@pytest.mark.parametrize(
    "request_",
    [
        GET % b"/wait?seconds=30",
        b"POST /wait HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /wait HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_a_request_whose_client_is_gone_is_dropped(request_):
    service = Service(LONG_SECONDS)
    with serving(service.app) as server:
        connection = server.send(request_)
        assert service.entered.wait(10)
        connection.close()
        assert service.cancelled.wait(10)


def test_a_question_whose_asker_is_gone_is_not_encoded(tmp_path):
    encoder = BlockingEncoder()
    encoder.released.set()
    app = create_app(built(tmp_path, PRACTICES, encoder), encoder, queue_size=8)
    encoder.batches.clear()
    encoder.entered.clear()
    encoder.released.clear()
    with serving(app) as server:
        first = server.send(GET % b"/api/v1/search?q=mentors")
        assert encoder.entered.wait(10)
        gone = server.send(GET % b"/api/v1/search?q=adults")
        last = server.send(GET % b"/api/v1/search?q=pupils")
        time.sleep(0.3)
        gone.close()
        time.sleep(0.3)
        encoder.released.set()
        assert [answer_of(one)[0] for one in (first, last)] == [200, 200]
    assert [texts for _, texts in encoder.batches] == [["mentors"], ["pupils"]]
