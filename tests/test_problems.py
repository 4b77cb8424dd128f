"""Problem documents by themselves: what RFC 9457 asks for, and what is shown of a value that came in."""

import json
from http import HTTPStatus

import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from service.problems import MEDIA_TYPE, add_problem_handlers, problem_response
from service.schemas import ProblemError


class Numbers(BaseModel):
    one: int


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    add_problem_handlers(app)

    @app.get("/closed")
    async def closed() -> None:
        raise HTTPException(401, "the reason is ours alone", headers={"WWW-Authenticate": "Basic"})

    @app.post("/numbers")
    async def numbers(numbers: Numbers) -> int:
        return numbers.one

    return TestClient(app)


def a_request(path: str = "/api/v1/search", accept: str = "text/html") -> Request:
    headers = [(b"accept", accept.encode()), (b"host", b"practices.example")]
    return Request({"type": "http", "method": "GET", "path": path, "query_string": b"lang=de", "headers": headers})


def found(client, value) -> str:
    content = json.dumps({"one": value}).encode()
    answer = client.post("/numbers", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == "one"
    return error["found"]


def test_a_problem_has_the_five_members():
    error = ProblemError(field="top_k", found="0", expected="at least 1")
    answer = problem_response(
        a_request(), HTTPStatus.NOT_FOUND, "nothing here", kind="urn:x", errors=[error], headers={"Retry-After": "1"}
    )
    assert answer.status_code == 404
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["retry-after"] == "1"
    assert json.loads(answer.body) == {
        "type": "urn:x",
        "title": "Not Found",
        "status": 404,
        "detail": "nothing here",
        "errors": [{"field": "top_k", "found": "0", "expected": "at least 1"}],
    }


def test_a_problem_without_a_kind_is_about_blank():
    problem = json.loads(problem_response(a_request(), HTTPStatus.BAD_REQUEST, "no").body)
    assert (problem["type"], problem["errors"]) == ("about:blank", [])


def test_an_http_error_keeps_its_status_and_headers_and_not_its_text(client):
    answer = client.get("/closed")
    assert answer.status_code == answer.json()["status"] == 401
    assert answer.headers["www-authenticate"] == "Basic"
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert "ours" not in answer.text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x", '"x"'),
        (None, "null"),
        ({"a": [1.5]}, '{"a": [1.5]}'),
        ("é🎓", r'"\u00e9\ud83c\udf93"'),
        ("\ud800", r'"\ud800"'),
        ("<b>\x00", r'"<b>\u0000"'),
        ("x" * 78, f'"{"x" * 78}"'),
        ("x" * 79, f'"{"x" * 79}... (79 characters)'),
        (["y" * 100], f'["{"y" * 78}...'),
    ],
)
def test_what_was_found_is_shown_short_and_in_ascii(client, value, shown):
    assert found(client, value) == shown
