"""A running service follows the current release: no request fails, no answer mixes two, a broken one is refused."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from indexer.encoder import Encoder
from indexer.release import Release, activate, linked_id, load_release
from indexer.release_files import CURRENT
from service import switching
from service.app import create_app
from service.retriever import Retriever
from tests.fakes import PRACTICES, WordEncoder, fake_spec, small_source
from tests.test_build import DIM, build, tiny_spec

QUESTION = "/api/v1/search?q=retired+masters+mentor+apprentices&top_k=10"
OTHER_ENCODER = fake_spec("other", dim=DIM)
SWITCHES = 50


class FolderReleases:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def current_id(self) -> str | None:
        return linked_id(self.folder, CURRENT)

    def release(self, release_id: str) -> Release:
        return load_release(self.folder / release_id)

    def encoder(self, release: Release) -> Encoder:
        return WordEncoder(OTHER_ENCODER if release.manifest.encoder.name == "other" else tiny_spec())


@pytest.fixture
def releases(tmp_path: Path) -> dict[str, Release]:
    """Two releases of which each has one practice that the other lacks, one of another encoder; `first` is current."""
    return {
        "other": build(tmp_path, small_source(PRACTICES[:2]), WordEncoder(OTHER_ENCODER)),
        "second": build(tmp_path, small_source((PRACTICES[0], *PRACTICES[2:]))),
        "first": build(tmp_path, small_source(PRACTICES[:3])),
    }


@pytest.fixture
def client(tmp_path: Path, releases: dict[str, Release], monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(switching.Switch.follow, "__defaults__", (0.01,))
    followed = FolderReleases(tmp_path / "releases")
    app = create_app(Retriever(releases["first"]), WordEncoder(tiny_spec()), queue_size=64, releases=followed)
    with TestClient(app) as running:
        yield running


def until(is_so: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come true within ten seconds")


def ready(client: TestClient) -> dict[str, object]:
    return client.get("/health/ready").json()


def switch_to(client: TestClient, release: Release) -> None:
    activate(release.folder.parent, release.manifest.release_id)
    until(lambda: ready(client)["release"] == release.manifest.release_id)


def ids_of(answer: dict) -> set[str]:
    return {hit["practice"]["id"] for hit in answer["hits"]}


@pytest.mark.parametrize("name", ["second", "other"])
def test_a_release_that_becomes_current_answers_and_the_former_one_after_it(
    client: TestClient, releases: dict[str, Release], name: str
) -> None:
    for release in (releases[name], releases["first"], releases[name]):
        switch_to(client, release)
        answer = client.get(QUESTION).json()
        assert answer["index"]["release_id"] == release.manifest.release_id
        assert answer["index"]["encoder"] == release.manifest.encoder.identity
        assert ids_of(answer) == {practice.id for practice in release.parts.practices}
        assert client.get("/api/v1/index").json()["release_id"] == release.manifest.release_id


def test_a_broken_release_leaves_the_old_one_answering_and_says_why(
    client: TestClient, releases: dict[str, Release], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = releases["first"], releases["second"]
    (second.folder / "contexts.npy").write_bytes(b"")
    activate(second.folder.parent, second.manifest.release_id)
    until(lambda: ready(client)["fault"] is not None)
    found = ready(client)
    assert (found["status"], found["release"]) == ("ok", first.manifest.release_id)
    assert f"release {second.manifest.release_id} does not answer: " in str(found["fault"])
    assert "contexts.npy" in str(found["fault"])
    assert "contexts.npy" in caplog.text
    assert client.get(QUESTION).json()["index"]["release_id"] == first.manifest.release_id
    switch_to(client, first)
    until(lambda: ready(client)["fault"] is None)


def test_a_release_that_is_repaired_answers_after_all(client: TestClient, releases: dict[str, Release]) -> None:
    second = releases["second"]
    whole = (second.folder / "contexts.npy").read_bytes()
    (second.folder / "contexts.npy").write_bytes(b"")
    activate(second.folder.parent, second.manifest.release_id)
    until(lambda: ready(client)["fault"] is not None)
    (second.folder / "contexts.npy").write_bytes(whole)
    until(lambda: ready(client)["release"] == second.manifest.release_id)
    assert ready(client)["fault"] is None


def test_a_release_that_is_gone_leaves_the_old_one_answering(client: TestClient, releases: dict[str, Release]) -> None:
    second = releases["second"]
    shutil.rmtree(second.folder)
    activate(second.folder.parent, second.manifest.release_id)
    until(lambda: ready(client)["fault"] is not None)
    assert client.get(QUESTION).status_code == 200


def test_no_answer_fails_and_none_is_mixed_while_releases_change(
    client: TestClient, releases: dict[str, Release]
) -> None:
    expected = {
        release.manifest.release_id: {practice.id for practice in release.parts.practices}
        for release in releases.values()
    }
    is_over, answers = threading.Event(), []

    def ask() -> None:
        while not is_over.is_set():
            answers.append(client.get(QUESTION))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(SWITCHES):
        switch_to(client, releases[("second", "other", "first")[number % 3]])
    is_over.set()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {200}
    seen = set()
    for answer in (one.json() for one in answers):
        seen.add(answer["index"]["release_id"])
        assert ids_of(answer) == expected[answer["index"]["release_id"]]
    assert seen == set(expected)
