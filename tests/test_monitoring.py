"""The call for the metrics: who may read them, and what they say of releases and changes."""

import asyncio

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from indexer.edits import Edit
from indexer.release import Release
from service import monitoring
from service.monitoring import note_faults
from tests.fakes import PRACTICES, WordEncoder
from tests.scraped import changes, numbers
from tests.test_build import build, tiny_spec
from tests.test_watching import app_of


def read(client: TestClient):
    return numbers(client.get("/metrics").text)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return build(tmp_path_factory.mktemp("monitoring"))


@pytest.fixture
def app(tmp_path, release) -> FastAPI:
    return app_of(tmp_path, release, WordEncoder(tiny_spec()))


def test_everyone_may_read_them_by_default(app):
    with TestClient(app) as client:
        answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_nobody_reads_them_where_they_are_off(tmp_path, release):
    with TestClient(app_of(tmp_path, release, WordEncoder(tiny_spec()), metrics="off")) as client:
        answer = client.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("scope", ["read", "write"])
def test_a_key_of_any_scope_reads_them_where_one_is_asked_for(tmp_path, release, scope):
    app = app_of(tmp_path, release, WordEncoder(tiny_spec()), metrics="key")
    with TestClient(app) as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"Authorization": "Bearer practices_x"}).status_code == 401
        headers = {"Authorization": f"Bearer {app.state.keys.create('prometheus', [scope])}"}
        assert "practices_requests_total" in client.get("/metrics", headers=headers).text
        app.state.keys.revoke("prometheus")
        assert client.get("/metrics", headers=headers).status_code == 401


def test_the_release_that_answers_is_named(app):
    with TestClient(app) as client:
        named = {name: value for name, value in read(client).items() if name[0] == "practices_release_info"}
    assert named == {("practices_release_info", app.state.switch.answering.release_id): 1}


def test_a_release_that_should_answer_and_does_not_is_a_fault(app):
    with TestClient(app) as client:
        assert read(client)["practices_release_fault",] == 0
        app.state.switch.fault = "it is broken"
        assert read(client)["practices_release_fault",] == 1
        app.state.switch.fault = None
        assert read(client)["practices_release_fault",] == 0


def test_a_process_that_is_not_asked_tells_its_fault_too(app, monkeypatch):
    monkeypatch.setattr(monitoring, "SECONDS", 0.001)
    app.state.switch.fault = "it is broken"
    monkeypatch.setattr(monitoring.FAULTS, "set", (told := []).append)

    async def watch() -> None:
        task = asyncio.create_task(note_faults(app.state.switch))
        await asyncio.sleep(0.05)
        app.state.switch.fault = None
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(watch())
    assert sorted(set(told)) == [False, True]
    assert told == sorted(told, reverse=True)


def test_edits_that_wait_are_counted_and_whether_they_cannot_get_into_a_release(app):
    journal = app.state.administration.journal
    with TestClient(app) as client:
        before = read(client)
        assert (before["practices_pending_edits",], before["practices_build_fault",]) == (0, 0)
        with journal.writing() as writer:
            for practice in PRACTICES[:2]:
                writer.append(Edit(practice.id, None), None, "cms")
        assert changes(before, read(client))["practices_pending_edits",] == 2
        with journal.writing() as writer:
            writer.fail("no room")
        assert read(client)["practices_build_fault",] == 1
        with journal.writing() as writer:
            writer.release(writer.pending(), "0123456789ab")
        after = read(client)
        assert (after["practices_pending_edits",], after["practices_build_fault",]) == (0, 0)


def test_a_journal_that_cannot_be_read_is_a_fault_and_logged(app, tmp_path, caplog):
    with app.state.administration.journal.writing():
        pass
    (tmp_path / "state" / "journal.sqlite").write_text("no database " * 100)
    with TestClient(app) as client:
        found = read(client)
    assert found["practices_build_fault",] == 1
    assert ("practices_pending_edits",) not in found
    assert "file is not a database" in caplog.text
