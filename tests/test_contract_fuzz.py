"""Whatever is sent to the calls of the API, the answer is one that its OpenAPI document describes, and never a fault.

FUZZ_EXAMPLES says how many requests are made for each call, of each kind; FUZZ_REQUESTS how many of no kind at all.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from service.problems import MEDIA_TYPE
from tests.benchmarks.requests_fuzz import fault_of, fuzz, fuzzed_app

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "20"))
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "400"))
CALLS = (
    *("POST /api/v1/search", "GET /api/v1/search", "POST /api/v1/similar", "GET /api/v1/practices"),
    *("GET /api/v1/practices/{practice_id}", "GET /api/v1/practices/{practice_id}/related", "GET /api/v1/facets"),
    *("GET /api/v1/index", "GET /health/live", "GET /health/ready", "GET /metrics"),
    *("GET /api/v1/admin/practices/{practice_id}", "PUT /api/v1/admin/practices/{practice_id}"),
    *("DELETE /api/v1/admin/practices/{practice_id}", "GET /api/v1/admin/edits"),
    "POST /api/v1/admin/practices",
)
WITHOUT_PARAMETERS = ("GET /health/live", "GET /health/ready", "GET /metrics")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PASSED_ON = {"method": "method", "url": "url", "params": "params", "json": "json", "data": "content"}
"""Arguments of requests -> those of the client of the tests."""


@schemathesis.serializer("application/x-ndjson")
def _lines(_: object, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Any]]:
    """The application with a key, and its schema."""
    app, key = fuzzed_app(tmp_path_factory.mktemp("fuzz"))
    with TestClient(app, raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        schema = schemathesis.openapi.from_dict(client.get("/api/v1/openapi.json").json())
        yield client, {one.ok().label: one.ok() for one in schema.get_all_operations()}


def test_every_call_of_the_document_is_tried(served: tuple[TestClient, Any]) -> None:
    assert set(served[1]) == set(CALLS)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize("call", CALLS)
def test_an_answer_is_one_that_the_document_describes(
    served: tuple[TestClient, Any], call: str, mode: GenerationMode
) -> None:
    client, operations = served
    if mode is GenerationMode.NEGATIVE and call in WITHOUT_PARAMETERS:
        pytest.skip("there is nothing to be wrong in it")

    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(
        case=operations[call].as_strategy(generation_mode=mode),
        practice_id=st.sampled_from([None, "mentors", "street-work"]),
    )
    def ask(case: Any, practice_id: str | None) -> None:
        if practice_id and case.path_parameters:
            case.path_parameters["practice_id"] = practice_id
        request = case.as_transport_kwargs(base_url="http://testserver")
        kept = {new: request[name] for name, new in PASSED_ON.items() if name in request}
        kept["headers"] = {**request["headers"], "Authorization": client.headers["Authorization"]}
        case.validate_response(client.request(**kept), checks=CHECKS)

    ask()


def test_no_request_at_all_is_answered_with_a_fault(tmp_path: Path) -> None:
    counts = fuzz(*fuzzed_app(tmp_path), REQUESTS)
    assert counts.faults == {}
    assert counts.statuses.total() >= REQUESTS * 0.9
    assert {200, 401, 404, 405, 422} <= set(counts.statuses)


@pytest.mark.parametrize(
    ("status", "headers", "content", "fault"),
    [
        (200, {}, b"", ""),
        (503, {"retry-after": "1"}, b"", ""),
        (503, {}, b"", "status 503"),
        (500, {}, b"", "status 500"),
        (404, {"content-type": MEDIA_TYPE}, b'{"status": 404}', ""),
        (404, {"content-type": MEDIA_TYPE}, b'{"status": 422}', "a problem of another status"),
        (200, {"link": "a\r\nb"}, b"", "a header of two lines"),
    ],
)
def test_a_fault_is_told_from_an_answer(status: int, headers: dict[str, str], content: bytes, fault: str) -> None:
    assert fault_of(status, headers, content) == fault


def test_an_application_that_raises_or_answers_nothing_right_is_found_out() -> None:
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/about")
    async def about() -> None:
        raise ZeroDivisionError

    assert set(fuzz(app, "key", 300).faults) == {"ZeroDivisionError: "}
