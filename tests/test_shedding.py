"""What would wait for too long is refused before anything is done for it; what needs no encoder is not."""

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.encoder_queue import BusyError, EncoderQueue
from service.retriever import Retriever
from service.shedding import needs_encoder
from tests.fakes import WordEncoder


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/api/v1/search", b""),
        ("/api/v1/similar", b""),
        ("/embed/related.json", b""),
        ("/", b"q=mentors"),
        ("/", b"lang=de&q=mentors"),
        ("/map", b"q=mentors"),
        ("/practices.atom", b"q=mentors"),
        ("/download/practices.csv", b"q=mentors"),
    ],
)
def test_a_question_or_a_text_needs_the_encoder(path: str, parameters: bytes) -> None:
    assert needs_encoder({"path": path, "query_string": parameters})


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/", b""),
        ("/", b"faq=mentors"),
        ("/practices", b"q=mentors"),
        ("/practices/q=", b""),
        ("/api/v1/practices", b""),
        ("/api/v1/search/more", b""),
        ("/embed/related/mentors.json", b""),
        ("/download/catalogue.csv", b"q=1"),
    ],
)
def test_what_brings_no_text_needs_none(path: str, parameters: bytes) -> None:
    assert not needs_encoder({"path": path, "query_string": parameters})


@pytest.fixture
def busy(retriever: Retriever, encoder: WordEncoder, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    def refuse(_: EncoderQueue) -> None:
        raise BusyError("7 questions are waiting already; try again in a moment")

    monkeypatch.setattr(EncoderQueue, "admit", refuse)
    return TestClient(create_app(retriever, encoder, queue_size=8))


def test_it_is_refused_as_a_problem_or_a_page_with_all_headers(busy: TestClient) -> None:
    answer = busy.get("/api/v1/search?q=mentors")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:practices:problem:busy")
    assert answer.json()["detail"] == "7 questions are waiting already; try again in a moment"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    page = busy.get("/?q=mentors", headers={"Accept": "text/html"})
    assert page.status_code == 503
    assert "Many people are asking right now" in page.text


def test_a_request_that_is_not_even_valid_is_refused_first(busy: TestClient) -> None:
    assert busy.post("/api/v1/search", content=b"{").status_code == 503


def test_everything_else_is_answered(busy: TestClient) -> None:
    for path in ("/", "/practices", "/practices/mentors", "/api/v1/practices/mentors/related", "/health/live"):
        assert busy.get(path).status_code == 200
