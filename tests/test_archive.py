"""An address that names a release gives the list of that release, whatever is current."""

import asyncio
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from indexer.encoder import Encoder
from indexer.release import Release, activate
from service import archive as archives
from service.app import create_app
from service.archive import Archive
from service.encoder_queue import EncoderQueue
from service.retriever import Retriever
from service.switching import Switch
from tests.fakes import PRACTICES, WordEncoder, small_source
from tests.test_build import build, tiny_spec
from tests.test_switching import OTHER_ENCODER, FolderReleases

QUESTION = "/api/v1/search?q=retired+masters+mentor+apprentices&top_k=10"


@pytest.fixture
def releases(tmp_path: Path) -> dict[str, Release]:
    """The current release without the first practice, the old one with it, and an old one of another encoder."""
    return {
        "other": build(tmp_path, small_source(PRACTICES[:2]), WordEncoder(OTHER_ENCODER)),
        "old": build(tmp_path, small_source(PRACTICES)),
        "current": build(tmp_path, small_source(PRACTICES[1:])),
    }


@pytest.fixture
def client(tmp_path: Path, releases: dict[str, Release]) -> Iterator[TestClient]:
    followed = FolderReleases(tmp_path / "releases")
    app = create_app(Retriever(releases["current"]), WordEncoder(tiny_spec()), queue_size=8, releases=followed)
    with TestClient(app) as running:
        yield running


def id_of(release: Release) -> str:
    return release.manifest.release_id


def ids(answer: dict) -> list[str]:
    return [hit["practice"]["id"] for hit in answer["hits"]]


@pytest.mark.parametrize("name", ["old", "other", "current"])
def test_an_answer_is_that_of_the_release_that_is_named(
    client: TestClient, releases: dict[str, Release], name: str
) -> None:
    found = client.get(f"{QUESTION}&release={id_of(releases[name])}").json()
    assert found["index"]["release_id"] == id_of(releases[name])
    assert ("mentors" in ids(found)) == (name != "current")
    assert client.get(QUESTION).json()["index"]["release_id"] == id_of(releases["current"])


def test_every_call_takes_the_release(client: TestClient, releases: dict[str, Release]) -> None:
    old = f"release={id_of(releases['old'])}"
    body = {"query": "retired masters", "top_k": 10}
    assert client.get(f"/api/v1/practices/mentors?{old}").json()["id"] == "mentors"
    assert client.get("/api/v1/practices/mentors").status_code == 404
    assert client.get(f"/api/v1/practices/mentors/related?{old}&top_k=1").json()["practice_id"] == "mentors"
    assert client.get(f"/api/v1/practices?{old}").json()["total"] == len(PRACTICES)
    assert client.get(f"/api/v1/facets?{old}&country=DE").json()["total"] == sum(
        one.country == "DE" for one in PRACTICES
    )
    assert client.get(f"/api/v1/index?{old}").json()["release_id"] == id_of(releases["old"])
    assert "mentors" in ids(client.post(f"/api/v1/search?{old}", json=body).json())
    assert ids(client.post(f"/api/v1/similar?{old}", json={"title": PRACTICES[0].title}).json())[0] == "mentors"


def test_the_same_list_comes_again_after_later_releases(client: TestClient, releases: dict[str, Release]) -> None:
    old = f"{QUESTION}&release={id_of(releases['old'])}"
    before = client.get(old).json()
    activate(releases["old"].folder.parent, id_of(releases["other"]))
    assert client.get(old).json()["hits"] == before["hits"]


@pytest.mark.parametrize("name", ["0123456789ab", "..", "current", "0123456789AB", "x" * 5_000, "a/../b"])
def test_a_release_that_is_not_there_is_not_found(client: TestClient, name: str) -> None:
    answer = client.get(QUESTION, params={"q": "masters", "release": name})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:practices:problem:unknown-release")


def test_a_damaged_release_is_not_found_and_no_path_is_told(client: TestClient, releases: dict[str, Release]) -> None:
    (releases["old"].folder / "sentences.npy").write_bytes(b"")
    answer = client.get(f"{QUESTION}&release={id_of(releases['old'])}")
    assert answer.status_code == 404
    assert str(releases["old"].folder.parent) not in answer.text


def test_a_page_of_an_older_release_leads_to_pages_of_that_release(
    client: TestClient, releases: dict[str, Release]
) -> None:
    old = f"release={id_of(releases['old'])}"
    page = client.get(f"/?q=retired+masters&{old}", headers={"Accept": "text/html"}).text
    assert f'href="/practices/mentors?{old}"' in page
    assert client.get(f"/practices/mentors?{old}").status_code == 200


@pytest.mark.parametrize("name", ["old", "current"])
def test_a_page_says_where_its_release_is_an_older_one(
    client: TestClient, releases: dict[str, Release], name: str
) -> None:
    page = client.get(f"/?q=retired+masters&release={id_of(releases[name])}").text
    assert ("older version of the catalogue" in page) == (name == "old")
    assert ('<a href="/?q=retired+masters">Go to the current one</a>' in page) == (name == "old")


class Opening(FolderReleases):
    """Counts how often each release was opened and how many encoders."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.opened: list[str] = []

    def release(self, release_id: str) -> Release:
        self.opened.append(release_id)
        return super().release(release_id)


def test_those_asked_last_stay_open_and_the_others_are_closed(
    tmp_path: Path, releases: dict[str, Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MOST_OPEN", 1)
    monkeypatch.setattr(archives, "_CLOSED_AFTER_SECONDS", 0.0)
    opening = Opening(tmp_path / "releases")
    queues: list[EncoderQueue] = []

    def queue(encoder: Encoder) -> EncoderQueue:
        queues.append(EncoderQueue(encoder, 8))
        return queues[-1]

    async def ask() -> list[bool]:
        async with Switch(Retriever(releases["current"]), WordEncoder(tiny_spec()), queue) as switch:
            archive = Archive(switch, opening, queue)
            for name in ("other", "other", "old", "current", "old"):
                answering = await archive.answering(id_of(releases[name]))
                assert answering.release_id == id_of(releases[name])
            for _ in range(20):
                await asyncio.sleep(0.01)
            running = [one.is_running for one in queues[1:]]
            await archive.close()
            return running

    assert asyncio.run(ask()) == [True, False]
    assert opening.opened == [id_of(releases["other"]), id_of(releases["old"])]


def test_a_release_that_was_removed_is_asked_as_long_as_it_is_open(
    client: TestClient, releases: dict[str, Release]
) -> None:
    old = f"{QUESTION}&release={id_of(releases['old'])}"
    before = client.get(old).json()["hits"]
    shutil.rmtree(releases["old"].folder)
    assert client.get(old).json()["hits"] == before


def test_a_release_is_opened_once_though_those_who_ask_hang_up(
    tmp_path: Path, releases: dict[str, Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    loaded = archives._loaded

    def slowly_loaded(followed, release_id, current):
        opened.append(release_id)
        time.sleep(0.2)
        return loaded(followed, release_id, current)

    monkeypatch.setattr(archives, "_loaded", slowly_loaded)
    old = id_of(releases["old"])

    async def scenario() -> str:
        encoder = WordEncoder(tiny_spec())
        switch = Switch(Retriever(releases["current"]), encoder, lambda one: EncoderQueue(one, 8))
        archive = Archive(switch, FolderReleases(tmp_path / "releases"), lambda one: EncoderQueue(one, 8))
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(archive.answering(old), 0.01)
        return (await archive.answering(old)).release_id

    assert asyncio.run(scenario()) == old
    assert opened == [old]
