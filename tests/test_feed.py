"""The feed tells of new and changed practices, the latest first; with a question it is about that theme."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from starlette.testclient import TestClient

from indexer import build as building
from indexer.practice import Practice
from service import feed as feeds
from service.retriever import Retriever
from tests.fakes import PRACTICES, WordEncoder, small_source
from tests.test_api import HOSTILE, running
from tests.test_build import build, tiny_spec

ATOM = "{http://www.w3.org/2005/Atom}"
FEED = "/practices.atom"
ADDED = Practice(id="night-bus", title="Night bus", summary="A bus takes trainees home at night.", language="en")


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Give a service whose first practice was changed last, a hostile one before, a new one before that."""
    first = [*PRACTICES[:5]]
    for moment, practices in (
        (0, first),
        (86_400, [*first, ADDED]),
        (2 * 86_400, [*first, ADDED, HOSTILE]),
        (3 * 86_400, [first[0].model_copy(update={"region": "Bremen"}), *first[1:], ADDED, HOSTILE]),
    ):
        monkeypatch.setattr(building.time, "time", lambda moment=moment: moment)
        release = build(tmp_path, small_source(practices))
    with running(Retriever(release), WordEncoder(tiny_spec())) as running_client:
        yield running_client


def read(client: TestClient, address: str) -> ElementTree.Element:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/atom+xml"
    return ElementTree.fromstring(answer.content)


def titles(feed: ElementTree.Element) -> list[str | None]:
    return [one.findtext(f"{ATOM}title") for one in feed.iterfind(f"{ATOM}entry")]


def test_what_was_changed_last_comes_first(client: TestClient) -> None:
    feed = read(client, FEED)
    rest = sorted(PRACTICES[1:5], key=lambda one: one.id)
    assert titles(feed) == [PRACTICES[0].title, HOSTILE.title, "Night bus", *(one.title for one in rest)]
    assert feed.findtext(f"{ATOM}updated") == "1970-01-04T00:00:00+00:00"
    assert [one.findtext(f"{ATOM}updated") for one in feed.iterfind(f"{ATOM}entry")][1:3] == [
        "1970-01-03T00:00:00+00:00",
        "1970-01-02T00:00:00+00:00",
    ]


def test_it_has_what_atom_demands(client: TestClient) -> None:
    feed = read(client, f"{FEED}?country=DE&lang=de")
    links = {one.get("rel"): one.get("href") for one in feed.iterfind(f"{ATOM}link")}
    assert links == {
        "self": "http://testserver/practices.atom?country=DE&lang=de",
        "alternate": "http://testserver/practices?country=DE&lang=de",
    }
    assert feed.findtext(f"{ATOM}id") == links["self"]
    assert feed.findtext(f"{ATOM}author/{ATOM}name")
    assert feed.get("{http://www.w3.org/XML/1998/namespace}lang") == "de"
    for entry in feed.iterfind(f"{ATOM}entry"):
        link = entry.find(f"{ATOM}link")
        assert link is not None
        assert entry.findtext(f"{ATOM}id") == link.get("href")
        category = entry.find(f"{ATOM}category")
        assert category is not None
        assert (category.get("term"), category.get("label")) == ("DE", "Deutschland")


def test_a_theme_can_be_watched(client: TestClient) -> None:
    feed = read(client, f"{FEED}?q=bus+for+trainees+at+night&top_k=1")
    assert titles(feed) == ["Night bus"]
    assert feed.findtext(f"{ATOM}title", "").startswith("bus for trainees at night")
    both = read(client, f"{FEED}?q=bus+trainees+night+retired+masters+mentor+apprentices&top_k=2")
    assert titles(both) == [PRACTICES[0].title, "Night bus"]


def test_texts_are_texts_and_what_xml_cannot_hold_is_replaced(client: TestClient) -> None:
    entry = next(
        one for one in read(client, FEED).iterfind(f"{ATOM}entry") if one.findtext(f"{ATOM}title") == HOSTILE.title
    )
    assert entry.findtext(f"{ATOM}content") == "Line one\u2028line two\ufffd ' OR 1=1; --"
    assert (
        entry.findtext(f"{ATOM}id")
        == "http://testserver/practices/%3Cimg%3E%26%22%27%2B%3B%5Bbold%5D%C3%A9%F0%9F%8E%93"
    )


def test_a_feed_is_bounded(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "MOST_ENTRIES", 2)
    assert titles(read(client, FEED)) == [PRACTICES[0].title, HOSTILE.title]
    monkeypatch.setattr(feeds, "MOST_ENTRIES", 4)
    first_by_id = min(PRACTICES[1:5], key=lambda one: one.id)
    assert titles(read(client, FEED)) == [PRACTICES[0].title, HOSTILE.title, "Night bus", first_by_id.title]


def test_a_feed_without_entries_is_one(client: TestClient) -> None:
    feed = read(client, f"{FEED}?country=FI")
    assert titles(feed) == []
    assert feed.findtext(f"{ATOM}updated")


def test_a_question_that_is_too_long_is_refused(client: TestClient) -> None:
    assert client.get(FEED, params={"q": "x" * 20_001}).status_code == 422
