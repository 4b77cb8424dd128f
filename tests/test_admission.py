"""What the settings say is done to requests: keys for reading, rates, proxies, hosts, time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient

from service.administration import Administration
from service.admission import Admission
from service.app import create_app
from service.journal import Journal
from service.keys import KeyStore
from service.limits import MAX_QUESTION_BYTES, MOST_FILTER_VALUES
from service.problems import MEDIA_TYPE
from service.retriever import Retriever
from service.settings import Settings
from tests.fakes import PRACTICES, WordEncoder, fake_spec
from tests.test_admin import NoBuilder
from tests.test_api import built

SEARCH = "/api/v1/search?q=mentors"


@pytest.fixture(scope="module")
def words() -> WordEncoder:
    return WordEncoder(fake_spec(dim=512))


@pytest.fixture(scope="module")
def retriever(tmp_path_factory, words) -> Retriever:
    return built(tmp_path_factory.mktemp("small"), PRACTICES, words)


@pytest.fixture
def keys(tmp_path) -> KeyStore:
    return KeyStore(tmp_path / "keys.sqlite")


@pytest.fixture
def running(retriever, words, keys, tmp_path):
    @contextmanager
    def running(client=("192.0.2.1", 1), **admission) -> Iterator[TestClient]:
        administration = Administration(keys, Journal(tmp_path / "journal.sqlite"), NoBuilder(), lambda: None)
        app = create_app(
            retriever, words, queue_size=8, administration=administration, admission=Admission(**admission)
        )
        with TestClient(app, base_url="http://direct.example", client=client) as running:
            yield running

    return running


def test_the_settings_become_an_admission(monkeypatch):
    for name, value in {
        "READING": "key",
        "RATE": "120/minute",
        "KEY_RATE": "1000/hour",
        "WORKERS": "3",
        "TRUSTED_PROXIES": '["10.0.0.0/8", "192.0.2.9"]',
        "HOSTS": '["practices.example"]',
        "TIMEOUT": "2.5",
    }.items():
        monkeypatch.setenv(f"PRACTICES_{name}", value)
    assert Admission.of(Settings()) == Admission(
        needs_key=True,
        rate="120/minute",
        key_rate="1000/hour",
        workers=3,
        proxies=("10.0.0.0/8", "192.0.2.9/32"),
        hosts=("practices.example",),
        seconds=2.5,
    )


def test_without_settings_everybody_may_ask(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PRACTICES_{name.upper()}", raising=False)
    assert Admission.of(Settings()) == Admission()


@pytest.mark.parametrize("path", [SEARCH, "/api/v1/practices", "/api/v1/practices/mentors", "/api/v1/index"])
def test_where_reading_needs_a_key_the_api_refuses_who_has_none(running, keys, path):
    secrets = [keys.create(scope, [scope]) for scope in ("read", "write")]
    with running(needs_key=True) as client:
        refused = client.get(path)
        assert (refused.status_code, refused.headers["content-type"]) == (401, MEDIA_TYPE)
        assert refused.headers["www-authenticate"] == 'Bearer realm="practices"'
        assert client.get(path, headers={"Authorization": "Bearer practices_x"}).status_code == 401
        answers = [client.get(path, headers={"Authorization": f"Bearer {secret}"}).status_code for secret in secrets]
        assert answers == [200, 200]
        keys.revoke("read")
        assert client.get(path, headers={"Authorization": f"Bearer {secrets[0]}"}).status_code == 401


@pytest.mark.parametrize(
    "path", ["/", "/?q=mentors", "/practices", "/widget.js", "/embed/related/mentors.json", "/health/ready"]
)
def test_pages_the_widget_and_health_need_no_key(running, path):
    with running(needs_key=True) as client:
        assert client.get(path).status_code == 200


def test_the_description_of_the_api_says_that_reading_needs_a_key(running):
    with running(needs_key=True) as client:
        described = client.get("/api/v1/openapi.json").json()["paths"]["/api/v1/search"]["get"]
        assert "401" in described["responses"]
        assert described["security"]
    with running() as client:
        assert "security" not in client.get("/api/v1/openapi.json").json()["paths"]["/api/v1/search"]["get"]


def test_a_refusal_of_the_widget_can_be_read_by_its_site(running):
    with running(rate="1/minute") as client:
        path, headers = "/embed/related/mentors.json", {"Origin": "https://a.example"}
        assert client.get(path, headers=headers).headers["ratelimit"].startswith('"address";r=0;')
        refused = client.get(path, headers=headers)
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (429, "*")
        assert refused.headers["x-content-type-options"] == "nosniff"


def test_a_spoofed_address_has_no_rate_of_its_own(running):
    with running(rate="1/minute") as client:
        answers = [client.get(SEARCH, headers={"X-Forwarded-For": f"198.51.100.{one}"}).status_code for one in (1, 2)]
        assert answers == [200, 429]
    with running(rate="1/minute", proxies=["192.0.2.1"]) as client:
        answers = [
            client.get(SEARCH, headers={"X-Forwarded-For": f"10.{one}.0.1, 198.51.100.{address}"}).status_code
            for one, address in ((1, 1), (2, 1), (3, 2))
        ]
        assert answers == [200, 429, 200]


def test_links_name_the_host_of_a_trusted_proxy_only(running):
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "practices.example"}
    with running() as client:
        assert "practices.example" not in client.get("/practices.atom", headers=headers).text
    with running(proxies=["192.0.2.0/24"]) as client:
        feed = client.get("/practices.atom", headers=headers).text
        assert "https://practices.example/practices/mentors" in feed
        assert "direct.example" not in feed


def test_a_foreign_host_gets_no_feed(running):
    with running(hosts=["direct.example"]) as client:
        assert client.get("/practices.atom").status_code == 200
        refused = client.get("/practices.atom", headers={"Host": "evil.example"})
        assert (refused.status_code, "evil.example" in refused.text) == (400, False)
        assert client.get("/health/live", headers={"Host": "evil.example"}).status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/search", "/api/v1/similar", "/embed/related.json"])
def test_a_content_that_is_too_large_is_refused_by_each_call(running, path):
    with running() as client:
        content = json.dumps({"query": "x" * MAX_QUESTION_BYTES}).encode()
        for sent in (content, iter([content])):
            answer = client.post(path, content=sent, headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.headers["content-type"]) == (413, MEDIA_TYPE)


@pytest.mark.parametrize("depth", [150, 10_000, 200_000])
@pytest.mark.parametrize("path", ["/api/v1/search", "/api/v1/similar", "/embed/related.json"])
def test_json_of_any_depth_is_refused(running, path, depth):
    with running() as client:
        content = b'{"query":' + b"[" * depth + b"]" * depth + b"}"
        answer = client.post(path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422)
        assert answer.headers["content-type"] == MEDIA_TYPE


def test_a_filter_has_a_greatest_number_of_values(running):
    with running() as client:
        values = [f"c{number}" for number in range(MOST_FILTER_VALUES + 1)]
        most = {"query": "mentors", "filters": {"country": values[1:]}}
        assert client.post("/api/v1/search", json=most).status_code == 200
        for answer in (
            client.post("/api/v1/search", json={"query": "mentors", "filters": {"country": values}}),
            client.get("/api/v1/search", params={"q": "mentors", "country": values}),
            client.get("/practices", params={"country": values}),
        ):
            assert answer.status_code == 422
            assert {one["field"] for one in answer.json()["errors"]} <= {"country", "filters.country"}


def test_nothing_of_rates_is_imported_or_done_where_there_is_none(running):
    with running() as client:
        assert "ratelimit" not in client.get(SEARCH).headers
        assert [one.cls.__name__ for one in client.app.user_middleware if "service" in one.cls.__module__] == [
            "HeadAsGet",
            "Watching",
            "SecurityHeaders",
            "Sharing",
            "Shedding",
            "Patience",
            "RequestBounds",
        ]
