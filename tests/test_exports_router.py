"""The whole catalogue over HTTP: named by its release, kept until there is another, with its licence in the headers."""

import csv
import io
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from indexer.description import Description
from indexer.practice import Practice
from service.exports import formats, router
from service.exports.kinds import MEDIA_TYPES, Kind
from service.exports.router import router as exports_router
from service.retriever import Retriever
from service.switching import Answering
from tests.exported import CATALOGUE, LICENCE_URL, told_source
from tests.fakes import PRACTICES, WordEncoder, fake_spec
from tests.test_api import INVALID, assert_problem, built, built_of, retriever_of, running

HOME = "http://practices.example"
ADDRESSES = ("catalogue.jsonl", "catalogue.csv", "catalogue.xlsx", "catalogue.jsonld", "dictionary.json")
METADATA = "catalogue.csv-metadata.json"
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def words() -> WordEncoder:
    return WordEncoder(fake_spec(dim=512))


@pytest.fixture(scope="module")
def client(tmp_path_factory, words) -> Iterator[TestClient]:
    with running(built_of(tmp_path_factory.mktemp("told"), told_source(), words), words, base_url=HOME) as told:
        yield told


@pytest.fixture(scope="module")
def nameless(tmp_path_factory, words) -> Iterator[TestClient]:
    """A service over a catalogue that says nothing of itself."""
    with running(built(tmp_path_factory.mktemp("small"), PRACTICES, words), words, base_url=HOME) as small:
        yield small


def release_id(client: TestClient) -> str:
    return retriever_of(client).release.manifest.release_id


@pytest.mark.parametrize("kind", list(Kind))
def test_a_file_is_saved_under_the_name_of_its_release(client, kind: Kind) -> None:
    answer = client.get(f"/download/catalogue.{kind}")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == MEDIA_TYPES[kind]
    name = f"catalogue-{release_id(client)}.{kind}"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_each_file_has_all_practices(client) -> None:
    ids = [practice.id for practice in CATALOGUE]
    lines = client.get("/download/catalogue.jsonl").text.splitlines()
    rows = csv.DictReader(io.StringIO(client.get("/download/catalogue.csv").content.decode("utf-8-sig"), newline=""))
    parts = client.get("/download/catalogue.jsonld").json()["hasPart"]

    assert [json.loads(line)["id"] for line in lines] == ids
    assert [row["id"] for row in rows] == ids
    assert [part["@id"] for part in parts] == [f"{HOME}/practices/{one}" for one in ids]


@pytest.mark.parametrize("address", [*ADDRESSES, METADATA])
def test_a_file_that_a_client_has_is_not_sent_again_until_another_release_answers(client, address: str) -> None:
    tag = client.get(f"/download/{address}").headers["etag"]
    again = client.get(f"/download/{address}", headers={"If-None-Match": f'"other", {tag}'})
    other = client.get(f"/download/{address}", headers={"If-None-Match": 'W/"other"'})

    assert tag == f'W/"{release_id(client)}"'
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert other.status_code == 200


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_licence_stands_in_a_header_where_it_is_known(client, nameless, address: str) -> None:
    assert f'<{LICENCE_URL}>; rel="license"' in client.get(f"/download/{address}").headers["link"]
    assert "license" not in nameless.get(f"/download/{address}").headers.get("link", "")


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("https://licence.example/ä?a=1&b=%20", '<https://licence.example/%C3%A4?a=1&b=%20>; rel="license"'),
        ("https://licence.example/>; rel=x", None),
        ("javascript:alert(1)", None),
    ],
)
def test_only_an_address_becomes_a_link(tmp_path: Path, words, address: str, link: str | None) -> None:
    source = told_source(Description(licence_url=address))
    with running(built_of(tmp_path, source, words), words) as told:
        assert told.get("/download/catalogue.jsonl").headers.get("link") == link


def test_the_table_and_what_describes_it_name_each_other(client) -> None:
    assert f'<{METADATA}>; rel="describedby"' in client.get("/download/catalogue.csv").headers["link"]
    metadata = client.get(f"/download/{METADATA}")

    assert metadata.headers["content-type"] == "application/csvm+json"
    assert metadata.json()["url"] == "catalogue.csv"


def test_the_dictionary_has_the_fields_of_the_release_that_answers(client) -> None:
    found = client.get("/download/dictionary.json").json()

    assert (found["release_id"], found["licence"]) == (release_id(client), "CC-BY-4.0")
    title = next(row for row in found["fields"] if row["field"] == "title")
    assert title == {
        "field": "title",
        "type": "text",
        "is_required": True,
        "values": [],
        "description": "Title, in the language of the record.",
    }


def test_a_file_is_made_by_another_thread_than_the_one_that_answers(client, monkeypatch) -> None:
    makers: list[threading.Thread] = []
    whole = formats.content

    def watched(*arguments: object) -> Iterator[bytes]:
        for block in whole(*arguments):
            makers.append(threading.current_thread())
            yield block

    async def answering_thread() -> threading.Thread:
        return threading.current_thread()

    monkeypatch.setattr(router, "content", watched)
    client.get("/download/catalogue.csv")

    assert makers
    assert client.portal.call(answering_thread) not in makers


def test_a_file_is_of_one_release_though_another_one_answers_meanwhile(client, words, tmp_path, monkeypatch) -> None:
    switch = client.app.state.switch
    former = switch.answering
    other = built(tmp_path, (Practice(id="other", title="Another one"),), words)
    whole = formats.content

    def switched(*arguments: object) -> Iterator[bytes]:
        switch.answering = Answering(Retriever(other.release), former.encoder)
        yield from whole(*arguments)

    monkeypatch.setattr(router, "content", switched)
    try:
        answer = client.get("/download/catalogue.jsonl")
    finally:
        switch.answering = former

    assert answer.headers["etag"] == f'W/"{former.retriever.release.manifest.release_id}"'
    assert [json.loads(line)["id"] for line in answer.text.splitlines()] == [one.id for one in CATALOGUE]


def test_a_kind_that_there_is_not_is_refused(client) -> None:
    assert_problem(client.get("/download/catalogue.pdf"), 422, INVALID)


def test_every_call_is_documented() -> None:
    assert [one.path for one in exports_router.routes if f"`GET {one.path}`" not in README] == []


def test_the_page_about_the_service_has_the_files_and_their_licence(client, nameless) -> None:
    page = client.get("/about", headers={"Accept-Language": "en"}).text

    assert re.findall('href="/download/([^"]+)"', page) == list(ADDRESSES)
    assert f'<a href="{LICENCE_URL}" rel="license">CC-BY-4.0</a>' in page
    assert "<dt>Licence</dt><dd>Not known</dd>" in nameless.get("/about", headers={"Accept-Language": "en"}).text
