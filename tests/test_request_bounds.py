"""What is larger than anything that can be answered is refused before it is read, by its length or while it comes."""

import asyncio
import json
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from service.limits import (
    MAX_QUERY_CHARACTERS,
    MAX_QUESTION_BYTES,
    MAX_RECORD_BYTES,
    MAX_UPLOAD_BYTES,
    MAX_URL_BYTES,
)
from service.problems import MEDIA_TYPE, ToldError, add_problem_handlers
from service.request_bounds import RequestBounds, most_bytes


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.add_middleware(RequestBounds)
    add_problem_handlers(app)
    app.state.read = 0

    @app.post("/{path:path}")
    async def read(request: Request) -> int:
        async for part in request.stream():
            app.state.read += len(part)
        return app.state.read

    return TestClient(app)


def parts(size: int, part: int = 2**16):
    for start in range(0, size, part):
        yield b"x" * min(part, size - start)


def assert_problem(answer, status: int, detail: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    assert answer.json()["detail"] == detail


def test_a_content_that_says_it_is_too_large_is_not_read(client):
    answer = client.post("/embed/related.json", content=b"x" * (MAX_QUESTION_BYTES + 1))
    assert_problem(answer, 413, "found a content of 524289 bytes, expected at most 524288 bytes")
    assert client.app.state.read == 0


def test_a_content_that_does_not_say_its_length_is_refused_as_soon_as_it_is_too_large(client):
    answer = client.post("/api/v1/search", content=parts(4 * MAX_QUESTION_BYTES))
    assert_problem(answer, 413, "found a content of more than 524288 bytes, expected at most 524288 bytes")


def test_no_more_is_read_than_what_is_too_much():
    sent = [{"type": "http.request", "body": part, "more_body": True} for part in parts(2 * MAX_QUESTION_BYTES)]
    waiting = iter(sent)
    read = []

    async def receive():
        return next(waiting)

    async def app(_scope, receive, _send):
        while True:
            read.append(await receive())

    with pytest.raises(ToldError):
        asyncio.run(RequestBounds(app)(scope_of(b""), receive, None))
    assert read == sent[: MAX_QUESTION_BYTES // 2**16]
    assert next(waiting) == sent[MAX_QUESTION_BYTES // 2**16 + 1]


def test_the_largest_content_passes(client):
    assert client.post("/api/v1/search", content=b"x" * MAX_QUESTION_BYTES).json() == MAX_QUESTION_BYTES
    assert client.post("/api/v1/search", content=parts(MAX_QUESTION_BYTES)).json() == 2 * MAX_QUESTION_BYTES


def test_records_and_uploads_may_be_larger():
    assert most_bytes("/api/v1/admin/practices") == MAX_UPLOAD_BYTES
    assert most_bytes("/api/v1/admin/practices/mentors") == MAX_RECORD_BYTES
    assert most_bytes("/api/v1/practices") == MAX_QUESTION_BYTES


def scope_of(query: bytes) -> dict:
    return {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": query,
        "headers": [],
        "server": ("a.example", 80),
    }


def answers_to(query: bytes) -> list[dict]:
    """Return what is sent for an address; the clients of these tests send none that is as long."""
    sent = []

    async def send(message):
        sent.append(message)

    async def app(_scope, _receive, send):
        await send("passed")

    asyncio.run(RequestBounds(app)(scope_of(query), None, send))
    return sent


@pytest.mark.parametrize("sign", ["α", "語", "🎓"])
def test_the_longest_query_passes_in_an_address_and_in_json_whatever_its_script(client, sign):
    query = sign * MAX_QUERY_CHARACTERS
    assert answers_to(urlencode({"q": query}).encode()) == ["passed"]
    assert client.post("/", content=json.dumps({"query": query})).status_code == 200


def test_an_address_that_is_too_long_is_refused():
    assert answers_to(b"x" * (MAX_URL_BYTES - 1)) == ["passed"]
    start, body = answers_to(b"x" * MAX_URL_BYTES)
    assert start["status"] == 414
    detail = "found an address of 262145 bytes, expected at most 262144; send the text by POST"
    assert json.loads(body["body"])["detail"] == detail
