"""Who may write: a request with a valid key of scope 'write', and nobody else."""

import asyncio
import logging
import threading

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from service.access import WriterDependency, key_of
from service.keys import KeyStore
from service.problems import MEDIA_TYPE, add_problem_handlers
from tests.test_keys import NOON, Clock

REALM = 'Bearer realm="practices"'
INVALID = f'{REALM}, error="invalid_token"'


@pytest.fixture
def store(tmp_path) -> KeyStore:
    return KeyStore(tmp_path / "keys.sqlite")


@pytest.fixture
def client(store) -> TestClient:
    app = FastAPI()
    add_problem_handlers(app)
    app.state.keys = store

    @app.post("/written")
    async def written(key: WriterDependency) -> str:
        return key.name

    return TestClient(app)


def write(client, authorization: str | None = None):
    headers = {} if authorization is None else {"Authorization": authorization}
    return client.post("/written", headers=headers)


def assert_denied(answer, status: int, title: str, challenge: str, detail: str) -> None:
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["www-authenticate"] == challenge
    assert answer.json() == {"type": "about:blank", "title": title, "status": status, "detail": detail, "errors": []}
    assert answer.status_code == status


def assert_invalid(answer) -> None:
    detail = "the key is unknown, expired or revoked; ask those who run this service for one that is valid"
    assert_denied(answer, 401, "Unauthorized", INVALID, detail)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_a_key_with_the_scope_may_write_however_bearer_is_spelt(client, store, scheme):
    secret = store.create("job-portal", ["read", "write"])

    answer = write(client, f"{scheme} {secret}")
    assert (answer.status_code, answer.json()) == (200, "job-portal")


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic {secret}", "{secret}", "Key {secret}"])
def test_without_a_bearer_token_the_answer_says_what_is_expected(client, store, authorization):
    secret = store.create("job-portal", ["write"])

    answer = write(client, authorization and authorization.format(secret=secret))
    detail = "no key found, expected the header 'Authorization: Bearer SECRET'"
    assert_denied(answer, 401, "Unauthorized", REALM, detail)


def test_a_key_is_taken_from_the_header_only(client, store):
    secret = store.create("job-portal", ["write"])

    assert client.post("/written", params={"access_token": secret}).status_code == 401
    assert client.post("/written", data={"access_token": secret}).status_code == 401
    assert client.post("/written", headers={"Cookie": f"access_token={secret}"}).status_code == 401


@pytest.mark.parametrize("changed", ["{wrong}", "{secret}x", "x", "{secret} {secret}", "\xe9"])
def test_an_unknown_key_is_refused(client, store, changed):
    secret = store.create("job-portal", ["write"])
    wrong = secret[:-2] + ("AA" if secret[-2:] != "AA" else "BA")

    assert_invalid(write(client, f"Bearer {changed.format(secret=secret, wrong=wrong)}".encode("latin-1")))


def test_where_there_are_no_keys_nobody_may_write(client, tmp_path):
    assert_invalid(write(client, "Bearer practices_x"))
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_is_revoked_while_the_service_runs_is_refused_at_once(client, store):
    secret = store.create("job-portal", ["write"])
    assert write(client, f"Bearer {secret}").status_code == 200

    store.revoke("job-portal")
    assert_invalid(write(client, f"Bearer {secret}"))


def test_a_key_that_expires_while_the_service_runs_is_refused_at_once(client, store, monkeypatch):
    monkeypatch.setattr("service.keys.datetime", Clock)
    monkeypatch.setattr(Clock, "time", NOON)
    end = NOON.replace(hour=13)
    secret = store.create("job-portal", ["write"], end)
    assert write(client, f"Bearer {secret}").status_code == 200

    monkeypatch.setattr(Clock, "time", end)
    assert_invalid(write(client, f"Bearer {secret}"))


def test_a_key_without_the_scope_may_not_write(client, store):
    secret = store.create("reader", ["read"])

    challenge = f'{REALM}, error="insufficient_scope", scope="write"'
    detail = "key 'reader' has the scope read, expected write; ask those who run this service for a key with it"
    assert_denied(write(client, f"Bearer {secret}"), 403, "Forbidden", challenge, detail)


def test_no_answer_and_no_log_has_a_secret(client, store, caplog):
    caplog.set_level(logging.DEBUG)
    secrets = [store.create(name, [scope]) for name, scope in (("a", "read"), ("b", "write"))] + ["practices_wrong"]
    for secret in secrets:
        answer = write(client, f"Bearer {secret}")
        assert secret not in answer.text + str(answer.headers)
        assert secret not in caplog.text


def test_keys_that_cannot_be_read_allow_nobody(client, store, tmp_path, caplog):
    secret = store.create("job-portal", ["write"])
    (tmp_path / "keys.sqlite").write_text("no database " * 100)

    answer = TestClient(client.app, raise_server_exceptions=False).post(
        "/written", headers={"Authorization": f"Bearer {secret}"}
    )
    assert (answer.status_code, answer.json()["detail"]) == (500, "the service made a mistake; it has been logged")
    assert "file is not a database" in caplog.text
    assert secret not in caplog.text


def test_keys_are_looked_up_beside_the_event_loop(client, store, monkeypatch):
    threads = {}

    @client.app.get("/loop")
    async def loop() -> None:
        threads["loop"] = threading.get_ident()

    def find(_secret: str) -> None:
        threads["keys"] = threading.get_ident()

    monkeypatch.setattr(store, "find", find)
    with client:
        client.get("/loop")
        write(client, "Bearer practices_x")
    assert threads["keys"] != threads["loop"]


def test_the_description_of_the_api_names_the_key(client):
    described = client.get("/openapi.json").json()

    (name,) = described["paths"]["/written"]["post"]["security"][0]
    assert described["components"]["securitySchemes"][name]["type"] == "http"
    assert described["components"]["securitySchemes"][name]["scheme"] == "bearer"


@pytest.mark.parametrize(
    ("authorization", "name"),
    [
        ("Bearer {secret}", "reader"),
        ("bearer {secret}", "reader"),
        ("Basic {secret}", None),
        ("Bearer x", None),
        ("", None),
    ],
)
def test_the_key_of_a_request_is_found_where_none_is_needed(store, authorization, name):
    headers = [(b"authorization", authorization.format(secret=store.create("reader", ["read"])).encode())]
    key = asyncio.run(key_of(Request({"type": "http", "headers": headers}), store))
    assert (key.name if key else None) == name
