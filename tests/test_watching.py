"""Every request has an id, is counted, and is one line of the log; what was asked and by whom is nowhere."""

import asyncio
import gc
import json
import logging
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from indexer.release import Release
from service.administration import Administration
from service.app import create_app
from service.journal import Journal
from service.keys import KeyStore
from service.logs import JsonLines
from service.retriever import Retriever
from tests.fakes import PRACTICES, WordEncoder, calibrated_source
from tests.scraped import changes, numbers
from tests.test_admin import NoBuilder
from tests.test_build import build, tiny_spec

PLANTED = "zuzanna"
ALWAYS = {"time", "level", "event", "request_id", "method", "route", "status", "milliseconds", "release_id"}
BROKEN = "quarrel"


class Breaking(WordEncoder):
    """Fails with what it was asked."""

    def encode_queries(self, texts):
        if BROKEN in texts[0]:
            raise ValueError(texts[0])
        return super().encode_queries(texts)


class Lines(logging.Handler):
    """Keeps what is logged, as it would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(self.format(record))

    def requests(self) -> list[dict]:
        return [found for found in map(json.loads, self.written) if found["event"] == "request"]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Lines]:
    caplog.set_level(logging.INFO, logger="service")
    handler = Lines()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def app_of(folder: Path, release: Release, encoder: WordEncoder, **options: object) -> FastAPI:
    keys, journal = KeyStore(folder / "state" / "keys.sqlite"), Journal(folder / "state" / "journal.sqlite")
    administration = Administration(keys, journal, NoBuilder(), lambda: release.manifest.release_id)
    return create_app(Retriever(release), encoder, queue_size=2, administration=administration, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("watching")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    app = app_of(folder, build(folder, calibrated_source()), Breaking(tiny_spec()))
    with TestClient(app, raise_server_exceptions=False) as running:
        yield running


def counted(client: TestClient, *asked: tuple[str, str]) -> dict[tuple[str, ...], float]:
    """Return what has changed by some requests; a look at the metrics is counted at the next one."""
    before = numbers(client.get("/metrics").text)
    for method, path in asked:
        client.request(method, path)
    found = changes(before, numbers(client.get("/metrics").text))
    found.pop(("practices_requests_total", "GET", "/metrics", "200"))
    found.pop(("practices_request_seconds_count", "/metrics"))
    return found


def test_a_question_changes_each_metric_by_one(client):
    stages = ("wait", "encode", "retrieve", "fuse", "explain")
    found = counted(client, ("GET", "/api/v1/search?q=retired masters mentor apprentices who think of quitting"))
    assert found == {
        ("practices_requests_total", "GET", "/api/v1/search", "200"): 1,
        ("practices_request_seconds_count", "/api/v1/search"): 1,
        ("practices_verdicts_total", "good"): 1,
        **{("practices_stage_seconds_count", stage): 1 for stage in stages},
    }


@pytest.mark.parametrize(
    ("method", "path", "label"),
    [
        ("GET", "/practices/mentors", ("GET", "/practices/{practice_id}", "200")),
        ("HEAD", "/practices/mentors", ("HEAD", "/practices/{practice_id}", "200")),
        ("GET", "/api/v1/practices/nobody", ("GET", "/api/v1/practices/{practice_id}", "404")),
        ("DELETE", "/api/v1/index", ("DELETE", "/api/v1/index", "405")),
        ("GET", "/static/style.css?v=1", ("GET", "/static", "200")),
        ("GET", "/static/nothing", ("GET", "/static", "404")),
        ("GET", "/api/v1/openapi.json", ("GET", "/api/v1/openapi.json", "200")),
        ("GET", "/nothing/at/all", ("GET", "none", "404")),
        ("BREW", "/practices", ("other", "/practices", "405")),
        ("GET", "/api/v1/search", ("GET", "/api/v1/search", "422")),
        ("PUT", "/api/v1/admin/practices/mentors", ("PUT", "/api/v1/admin/practices/{practice_id}", "401")),
        ("GET", f"/api/v1/search?q={BROKEN}", ("GET", "/api/v1/search", "500")),
    ],
)
def test_a_request_is_counted_and_logged_by_the_template_of_its_route(client, lines, method, path, label):
    found = counted(client, (method, path))
    assert {name: value for name, value in found.items() if name[0] != "practices_stage_seconds_count"} == {
        ("practices_requests_total", *label): 1,
        ("practices_request_seconds_count", label[1]): 1,
    }
    [line] = [one for one in lines.requests() if one["route"] != "/metrics"]
    assert (line["method"], line["route"], str(line["status"])) == label


def test_a_question_that_may_not_wait_is_counted_as_refused(client):
    from service.encoder_queue import BusyError, EncoderQueue
    from service.trace import begin_trace

    async def ask() -> int:
        async with EncoderQueue(WordEncoder(tiny_spec()), 1) as queue:
            trace = begin_trace("a")
            found = await asyncio.gather(*(queue.encode_queries([word]) for word in "abc"), return_exceptions=True)
            assert [isinstance(one, BusyError) for one in found] == [False, True, True]
        return trace.refused

    assert asyncio.run(ask()) == 2


def test_the_line_of_a_request_has_exactly_the_documented_fields(client, lines):
    client.get("/api/v1/facets")
    client.get("/?q=retired+masters+who+mentor+apprentices")
    secret = client.app.state.keys.create("cms", ["write"])
    client.get("/api/v1/admin/edits", headers={"Authorization": f"Bearer {secret}"})

    plain, question, admin = lines.requests()
    assert plain.keys() == ALWAYS
    assert question.keys() == ALWAYS | {"verdict"}
    assert admin.keys() == ALWAYS | {"key"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", plain["time"])
    assert plain["release_id"] == client.app.state.switch.answering.release_id
    assert 0 < plain["milliseconds"] < 60_000
    assert (plain["level"], question["verdict"], admin["key"]) == ("info", "good", "cms")
    assert secret not in "".join(lines.written)


def test_requests_are_not_logged_where_that_is_switched_off(tmp_path, release, lines):
    app = create_app(Retriever(release), WordEncoder(), queue_size=2, logs_requests=False)
    assert TestClient(app).get("/health/live").status_code == 200
    assert lines.requests() == []


@pytest.mark.parametrize("asked", ["a", "A-b_c.9", "x" * 64])
def test_a_plain_id_of_a_request_is_kept(client, lines, asked):
    answer = client.get("/api/v1/practices/nobody", headers={"X-Request-ID": asked})
    assert answer.headers.get_list("x-request-id") == [asked]
    assert answer.json()["instance"] == asked
    assert [line["request_id"] for line in lines.requests()] == [asked]


@pytest.mark.parametrize("asked", [None, "", "x" * 65, "a b", "a/b", "a\tb", '"a"', b"\xc3\xa9"])
def test_any_other_one_is_replaced(client, lines, asked):
    headers = {} if asked is None else {"X-Request-ID": asked}
    answers = [client.get("/nothing", headers=headers) for _ in range(2)]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert [str(uuid.UUID(one)) for one in ids] == ids
    assert ids[0] != ids[1]
    assert [answer.json()["instance"] for answer in answers] == ids
    assert [line["request_id"] for line in lines.requests()] == ids


def test_all_lines_of_a_request_have_its_id(client, lines):
    answer = client.get(f"/api/v1/search?q={BROKEN}", headers={"X-Request-ID": "abc-1"})
    assert (answer.status_code, answer.json()["instance"], answer.headers["x-request-id"]) == (500, "abc-1", "abc-1")
    events = [(line["event"], line["request_id"]) for line in map(json.loads, lines.written)]
    assert events == [("the service made a mistake", "abc-1"), ("request", "abc-1")]
    assert "builtins.ValueError" in json.loads(lines.written[0])["traceback"]


def test_what_was_asked_and_by_whom_is_nowhere(client, lines, folder, capfd):
    headers = {
        "User-Agent": PLANTED,
        "X-Request-ID": f"{PLANTED} nowak",
        "Authorization": f"Bearer {PLANTED}",
        "Referer": f"http://x/{PLANTED}",
        "Accept-Language": PLANTED,
        "Cookie": PLANTED,
        "If-Match": PLANTED,
        "X-Forwarded-For": PLANTED,
    }
    for path in (
        f"/?q={PLANTED}+mentors",
        f"/?q={PLANTED}+mentors&lang={PLANTED}&country={PLANTED}",
        f"/api/v1/search?q={PLANTED}+mentors&top_k={PLANTED}",
        f"/api/v1/search?q={PLANTED}+{BROKEN}",
        f"/api/v1/search?q=mentors&release={PLANTED}",
        f"/api/v1/practices/{PLANTED}",
        f"/api/v1/practices/{PLANTED}/related",
        f"/practices/{PLANTED}",
        f"/practices.atom?q={PLANTED}+mentors",
        f"/map?q={PLANTED}+mentors",
        f"/compare?pick={PLANTED}",
        f"/embed/related/{PLANTED}.json",
        f"/static/{PLANTED}",
        f"/{PLANTED}",
        f"/download/{PLANTED}",
    ):
        client.get(path, headers=headers)
    for path in ("/api/v1/search", "/api/v1/similar", "/embed/related.json", "/nothing"):
        for body in ({"query": f"{PLANTED} mentors"}, {"title": PLANTED}, {"text": PLANTED}, [PLANTED]):
            client.post(path, json=body, headers=headers)
        client.post(path, content=PLANTED, headers=headers)
    client.post("/api/v1/search", json={"query": f"{PLANTED} {BROKEN}"}, headers=headers)
    client.put(f"/api/v1/admin/practices/{PLANTED}", json={"id": PLANTED}, headers=headers)
    client.request(PLANTED.upper(), "/", headers=headers)
    gc.collect()

    assert len(lines.requests()) == 15 + 4 * 5 + 3
    assert sum("traceback" in json.loads(line) for line in lines.written) == 2
    out, err = capfd.readouterr()
    told = {"log": "".join(lines.written), "metrics": client.get("/metrics").text, "out": out, "err": err}
    files = {str(path): path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()}
    assert [name for name, text in (told | files).items() if PLANTED in text.lower()] == []
    assert len(files) > 10


def test_the_planted_name_would_be_found(client, lines):
    logging.getLogger("service.x").warning("asked for %s", PLANTED)
    assert PLANTED in "".join(lines.written)


def test_practices_of_the_catalogue_are_answered_as_ever(client):
    answer = client.get("/api/v1/practices/mentors")
    assert answer.json()["title"] == PRACTICES[0].title
