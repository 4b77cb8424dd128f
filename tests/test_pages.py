"""The pages for people: every one is whole, in the reader's language, and as harmless as its texts are hostile."""

import json
import re
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from indexer.practice import Practice, Result, Source
from service.encoder_queue import BusyError, EncoderQueue
from service.pages import about, picture
from service.pages.about import Quality
from service.pages.page_state import MOST_PICKED
from service.pages.rendering import asset_url
from service.pages.router import EXAMPLES, page_numbers
from service.wording import LANGUAGES
from tests.fakes import WordEncoder, calibrated_source, fake_spec
from tests.markup import Element, Markup
from tests.site import CATALOGUE, HOSTILE
from tests.test_api import PROBLEM, QUESTION, assert_problem, built, built_of, retriever_of, running

HOME = "http://practices.example"
MOST_FOLLOWED = 400
ENGLISH = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "en-GB,en;q=0.9"}
BREAKING = Practice(
    id="breaking",
    title="</script><script>alert(1)</script>",
    original_title="</bdi></h1><b>",
    summary='" onmouseover="alert(1)" x="',
    description="</title></textarea><svg onload=alert(1)>",
    language="fr",
    country="IT",
    region='"><b>',
    organisation="'><i>",
    evidence_level=4,
    results=(
        Result(text="<b>9 of 10</b>", source="javascript:alert(1)"),
        Result(text="x", source="https://r.example/"),
    ),
    sources=(Source(url="javascript:alert(1)", note="<b>"), Source(url="https://s.example/?a=1&b=2")),
    is_verified=False,
    note="<i>gone</i>",
    status="renamed",
    succeeded_by="bare",
)
BARE = Practice(id="bare", title="Bare")
SITE = (*CATALOGUE, BREAKING, BARE)
PICKS = f"pick={quote(HOSTILE[0].id)}&pick=breaking"
PAGES = {
    "start": "/",
    "start with a shortlist": f"/?{PICKS}",
    "answer": f"/?q={quote(QUESTION)}",
    "answer with filters and a shortlist": f"/?q=pupils&country=DE&country=NL&{PICKS}",
    "answer of hostile practices": "/?q=alert+onmouseover+hostile+pupils",
    "all answers": "/?q=pupils&top_k=100",
    "problem": f"/?q={quote(PROBLEM)}",
    "white space": "/?q=%20%0A",
    "too long": f"/?q={'x' * 20_001}",
    "no practice passes": "/?q=pupils&country=GR&approaches=outreach&lang=en",
    "no practice has the value": "/?q=pupils&country=%3Cb%3E",
    "listing": "/practices",
    "listing, last page": "/practices?page=2&sort=newest",
    "listing, page behind the last": "/practices?page=99",
    "listing, filtered": "/practices?country=DE&sort=evidence&pick=mentors",
    "listing of nothing": "/practices?country=GR&approaches=outreach",
    "listing of nothing at all": "/practices?region=%3Cb%3E&country=GR&status=ended",
    **{f"practice {one.id}": f"/practices/{quote(one.id, safe='')}" for one in SITE},
    "practice, other mode": "/practices/mentors?mode=other-country&pick=mentors",
    "practice without others of its kind": "/practices/bare?mode=same-approach",
    "practice, page of a listing": "/practices/mentors?page=1001",
    "map": "/map",
    "map by country": f"/map?colour=country&{PICKS}",
    "map of an answer": f"/map?q={quote(QUESTION)}",
    "map of a long question": f"/map?q={'x' * 20_001}",
    "compare nothing": "/compare",
    "compare one": "/compare?pick=bare",
    "compare hostile ones": f"/compare?{PICKS}&pick=bare",
    "compare too many": "/compare?" + "&".join(f"pick={one.id}" for one in CATALOGUE[:4]) + "&pick=bare",
    "about": "/about",
    "widget": "/widget",
}
ERRORS = {
    "/nothing": 404,
    "/practices/nobody": 404,
    "/?pick=nobody": 404,
    "/?top_k=0": 422,
    "/download/practices.csv": 422,
}


@pytest.fixture(scope="module")
def words() -> WordEncoder:
    return WordEncoder(fake_spec(dim=512))


@pytest.fixture(scope="module")
def client(tmp_path_factory, words) -> Iterator[TestClient]:
    release = built_of(tmp_path_factory.mktemp("site"), calibrated_source(SITE), words)
    with running(release, words, base_url=HOME, headers=ENGLISH) as site:
        yield site


@pytest.fixture(scope="module")
def listing(tmp_path_factory, words) -> Iterator[TestClient]:
    """A service over 100 practices, on nine pages."""
    practices = [Practice(id=f"p{number:02}", title=f"Plan {number:02}") for number in range(100)]
    release = built(tmp_path_factory.mktemp("many"), practices, words)
    with running(release, words, base_url=HOME, headers=ENGLISH) as many:
        yield many


def page(client: TestClient, url: str, status: int = 200, **headers: str) -> Markup:
    answer = client.get(url, headers=headers)
    assert answer.status_code == status, url
    return Markup(answer.text)


def internal_targets(markup: Markup) -> list[str]:
    """Return where a page leads within the site and what it loads, in their order and without fragments."""
    names = ("href", "src", "action", "data-url")
    found = [element[name] for element in markup.elements for name in names if name in element.attributes]
    return [urlsplit(target)._replace(fragment="").geturl() for target in found if target.startswith("/")]


def hits(markup: Markup) -> list[str]:
    headings = [element for element in markup.elements if element.tag in ("h2", "h3") and "article" in element.parents]
    return [element.text for element in headings]


def hidden(markup: Markup, name: str) -> set[str]:
    """Return the values of a parameter that the forms of a page keep."""
    return {one["value"] for one in markup.all("input", type="hidden", name=name)}


def is_pick(element: Element) -> bool:
    """Say whether a link changes the shortlist."""
    return not {"tick", "remove"}.isdisjoint(element.attributes.get("class", "").split())


def described(element: Element, name: str) -> list[str]:
    """Return the values of a parameter in the target of a link."""
    return parse_qs(urlsplit(element["href"]).query).get(name, [])


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_html_in_the_language_of_the_reader_under_a_strict_policy(client, name) -> None:
    answer = client.get(PAGES[name], headers={"Accept-Language": "ja, mt;q=0.5"})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    asked = parse_qs(urlsplit(PAGES[name]).query).get("lang", ["mt"])[0]
    assert answer.headers["content-language"] == asked
    assert "Accept-Language" in answer.headers["vary"]
    assert Markup(answer.text).one("html")["lang"] == asked
    assert answer.headers["content-security-policy"].endswith("frame-ancestors 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_well_formed_with_one_heading_above_all_and_ids_that_are_there(client, name) -> None:
    assert page(client, PAGES[name]).faults() == []


@pytest.mark.parametrize("url", ERRORS)
def test_pages_of_errors_are_well_formed_too(client, url) -> None:
    assert page(client, url, ERRORS[url]).faults() == []


def test_what_is_wrong_with_a_page_would_be_found() -> None:
    broken = Markup(
        '<h2 id="a" id="b">x</h2><p id="b"><div></div></p><label for="c">x</label><a href="#d"><button></button></a>'
        '<i aria-labelledby="d b"></i><h4>y</h4><input form="b"><label for="b"></label><u>'
    )

    assert broken.faults() == [
        "<h2> has id twice",
        "<div> within <p>",
        "<button> within ('a',)",
        "<u> is never closed",
        "id 'b' is there 2 times",
        "<label for='c'> names nothing",
        "#d leads nowhere",
        "<i aria-labelledby='d'> names nothing",
        "<input form='b'> belongs to no form",
        "a label names <p>",
        "headings are [2, 4]",
        "h4 follows h2",
    ]


@pytest.mark.parametrize("name", PAGES)
def test_no_text_of_a_catalogue_or_a_url_becomes_markup(client, name) -> None:
    markup = page(client, PAGES[name])

    assert [
        one for tag in ("img", "b", "iframe") for one in markup.all(tag) if one.attributes.get("src") != "/embed/demo"
    ] == []
    scripts = [one.attributes.get("src") or one["type"] for one in markup.all("script")]
    assert set(scripts) <= {asset_url("page.js"), "application/ld+json", "/widget.js"}
    assert [(one.tag, key) for one in markup.elements for key in one.attributes if key.startswith("on")] == []
    targets = [one[key] for one in markup.elements for key in ("href", "src", "action") if key in one.attributes]
    assert [one for one in targets if not re.match(r"[/#]|https://", one) or one.startswith("//")] == []


def test_hostile_texts_stand_in_texts_and_attributes_as_they_are(client) -> None:
    one = page(client, "/practices/breaking?pick=breaking")

    assert one.one("title").text == f"{BREAKING.title} · Practices against early leaving"
    assert one.one("meta", name="description")["content"] == BREAKING.summary
    assert one.one("h1").text == BREAKING.title
    assert one.one("h1")["lang"] == "fr"
    assert BREAKING.description in [element.text for element in one.all("p")]
    assert [element.text for element in one.all("a", rel="noopener")] == ["Source", "https://s.example/?a=1&b=2"]
    assert '"><b>' in [element.text for element in one.all("bdi")]
    assert one.one("p", class_="warning").text.endswith("<i>gone</i>")
    mapped = page(client, "/map")
    assert BREAKING.title in [element["aria-label"] for element in mapped.all("a", class_="dot")]
    assert BREAKING.title in [element.text.removesuffix(" (Italy)") for element in mapped.all("title")]


def test_a_hostile_question_filter_or_pick_stands_in_its_field(client) -> None:
    question = "</textarea><script>alert(1)</script> \" ' & {{ 7*7 }} %(count)s pupils"
    parameters = {"q": question, "country": "<b>\"'", "pick": HOSTILE[0].id}
    asked = Markup(client.get("/", params=parameters).text)

    assert asked.one("textarea").text == question
    assert asked.one("title").text.startswith("</textarea><script>alert(1)</script>")
    assert hidden(asked, "q") == {question}
    assert hidden(asked, "pick") == {HOSTILE[0].id}
    assert asked.one("input", type="checkbox", name="country", value="<b>\"'").attributes["checked"] == ""
    assert "Remove the filter Country: <b>\"' ×" in [element.text for element in asked.all("a")]
    mapped = Markup(client.get("/map", params=parameters).text)
    assert mapped.one("input", id="q")["value"] == question
    assert hidden(mapped, "country") == {"<b>\"'"}


@pytest.mark.parametrize("practice", SITE, ids=lambda one: one.id)
def test_structured_data_is_json_that_names_the_page_and_stays_in_its_script(client, practice) -> None:
    url = f"{HOME}/practices/{quote(practice.id, safe='')}"
    script = page(client, url).one("script", type="application/ld+json")
    found = json.loads("".join(script.texts))

    assert (found["@id"], found["name"], found.get("description")) == (url, practice.title, practice.summary)
    assert "<" not in script.text


def test_a_question_finds_on_its_page_what_the_api_finds(client) -> None:
    found = client.get("/api/v1/search", params={"q": QUESTION, "country": ["DE", "NL"]}).json()["hits"]

    assert hits(page(client, f"/?q={quote(QUESTION)}&country=DE&country=NL")) == [
        one["practice"]["title"] for one in found
    ]
    assert found[0]["practice"]["id"] == "mentors"


def test_the_start_page_has_examples_and_the_size_of_the_catalogue_but_no_filters(client) -> None:
    start = page(client, "/?lang=en&pick=mentors")
    examples = [element for element in start.all("a") if element.text in EXAMPLES]

    assert [element.text for element in examples] == list(EXAMPLES)
    for element in examples:
        assert (described(element, "q"), described(element, "lang"), described(element, "pick")) == (
            [element.text],
            ["en"],
            ["mentors"],
        )
    assert start.one("p", class_="reach").text.startswith("15 practices from 8 countries.")
    assert start.all("details", class_="filters") == []


def test_more_hits_are_offered_until_all_are_there(client) -> None:
    def more(url: str) -> list[list[str]]:
        return [described(element, "top_k") for element in page(client, url).all("a") if element.text == "Show more"]

    assert more("/?q=pupils") == [["20"]]
    assert more("/?q=pupils&top_k=15") == []
    assert more("/?q=pupils&top_k=100") == []
    assert len(hits(page(client, "/?q=pupils"))) == 10


def test_a_text_that_is_too_long_stays_in_the_box_and_is_not_searched(client, words) -> None:
    text = f"apprentices{' quit' * 3_998}"
    assert len(text) == 20_001
    encoded = len(words.encoded)
    refused = Markup(client.get("/", params={"q": text}).text)

    assert refused.one("textarea").text == text
    assert refused.one("textarea")["aria-describedby"] == "q-error"
    assert refused.one("p", id="q-error").text.startswith(
        "This text is too long by 1 characters: at most 20,000 are read."
    )
    assert hits(refused) == []
    assert len(words.encoded) == encoded
    assert hits(Markup(client.get("/", params={"q": text[:-1]}).text)) != []
    assert len(words.encoded) > encoded


@pytest.mark.parametrize("path", ["/", "/map"])
def test_a_full_queue_is_a_page_for_people_and_a_problem_for_programs(client, monkeypatch, path) -> None:
    async def refuse(*_: object) -> None:
        raise BusyError("2 questions are waiting already; try again in a moment")

    monkeypatch.setattr(EncoderQueue, "encode_queries", refuse)
    answer = client.get(path, params={"q": QUESTION, "lang": "en"})
    problem = client.get("/api/v1/search", params={"q": QUESTION})

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert Markup(answer.text).one("h1").text == "Many people are asking right now"
    assert_problem(problem, 503, "urn:practices:problem:busy")
    assert answer.headers["retry-after"] == problem.headers["retry-after"] == "1"
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        *("top_k=0", "top_k=101", "top_k=many", "page=0", "page=x", "sort=best", "mode=x", "colour=red"),
        "&".join(["pick=mentors"] * (MOST_PICKED + 1)),
    ],
)
@pytest.mark.parametrize("path", ["/", "/practices", "/practices/mentors", "/compare"])
def test_an_address_that_cannot_be_read_is_a_422_page_that_names_the_fault(client, path, query) -> None:
    markup = page(client, f"{path}?{query}&lang=en", 422)

    assert markup.one("h1").text == "This address cannot be read"
    assert [element.text.split(":")[0] for element in markup.all("li") if "main" in element.parents] == [
        query.split("=")[0]
    ]


@pytest.mark.parametrize("path", ["/", "/practices", "/practices/mentors", "/map", "/compare", "/about"])
def test_a_pick_that_is_not_in_the_catalogue_is_a_404_page(client, path) -> None:
    markup = page(client, f"{path}?pick=mentors&pick=nobody", 404)

    assert markup.one("h1").text == "There is no such page"
    assert [one["href"] for one in markup.all("a") if "nobody" in one["href"]] == []


PAGES_AND_ANSWERS = "/(?!api/|embed/|download/catalogue|download/dictionary)"


def is_of_the_list_alone(link) -> bool:
    """Say whether a link leads to an answer as a file, as a feed or for good, which has no shortlist."""
    return any(part in link["href"] for part in ("/download/", "/practices.atom", "release="))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/?q={quote(QUESTION)}&country=DE", 200),
        ("/?q=pupils&country=GR&approaches=outreach", 200),
        ("/practices?page=2", 200),
        ("/practices/breaking?mode=other-country", 200),
        (f"/map?q={quote(QUESTION)}", 200),
        ("/compare?sort=title", 200),
        ("/about?x=y", 200),
        ("/widget?x=y", 200),
        ("/nothing?x=y", 404),
    ],
)
def test_links_and_forms_keep_the_language_and_the_shortlist(client, path, status) -> None:
    markup = page(client, f"{path}&lang=de&pick=mentors&pick=bare", status)
    to_pages = [one for one in markup.all("a") if re.match(PAGES_AND_ANSWERS, one["href"])]

    assert len(to_pages) > 5
    assert [one["href"] for one in to_pages if described(one, "lang") != ["de"]] == []
    if status == 404:  # whatever is wrong with the address is not carried on
        assert [one["href"] for one in to_pages if described(one, "pick")] == []
        return
    picks = {tuple(described(one, "pick")) for one in to_pages if not is_pick(one) and not is_of_the_list_alone(one)}
    assert picks == {("mentors", "bare")}
    for form in markup.all("form"):
        assert form["method"] == "get"
    assert hidden(markup, "pick") == {"mentors", "bare"}
    if markup.all("form", **{"data-swap": ""}):
        assert hidden(markup, "lang") == {"de"}


def test_the_language_of_the_browser_alone_is_not_put_into_links(client) -> None:
    markup = page(client, "/practices", **{"Accept-Language": "de"})

    assert markup.one("html")["lang"] == "de"
    assert [one["href"] for one in markup.all("a") if described(one, "lang")] == []
    assert hidden(markup, "lang") == set()


@pytest.mark.parametrize("url", ["/?q=a+b&country=DE", "/practices/breaking?lang=fr&pick=bare", "/practices?page=2"])
def test_every_page_is_offered_in_all_languages_and_stays_the_same(client, url) -> None:
    markup = page(client, url)
    path, state = urlsplit(url).path, parse_qsl(urlsplit(url).query)

    buttons = markup.all("button", name="lang")
    assert sorted(one["value"] for one in buttons) == list(LANGUAGES)
    assert [one.text for one in buttons if one["value"] in ("de", "el")] == ["Deutsch", "Ελληνικά"]
    assert [one["value"] for one in buttons if "aria-current" in one.attributes] == [dict(state).get("lang", "en")]
    (form,) = [one for one in markup.all("form") if "details" in one.parents]
    assert form["action"] == path
    kept = [(one["name"], one["value"]) for one in markup.all("input", type="hidden") if "details" in one.parents]
    assert sorted(kept) == sorted(pair for pair in state if pair[0] != "lang")


@pytest.mark.parametrize("url", ["/practices/breaking?lang=fr&pick=bare", "/practices?page=2", "/"])
def test_the_head_names_the_page_in_all_languages_but_not_one_with_a_question(client, url) -> None:
    links = in_languages(client, url)

    assert sorted(one["hreflang"] for one in links) == list(LANGUAGES)
    for one in links:
        assert urlsplit(one["href"]).path == urlsplit(url).path
        state = dict(parse_qsl(urlsplit(url).query)) | {"lang": one["hreflang"]}
        assert dict(parse_qsl(urlsplit(one["href"]).query)) == state
    assert in_languages(client, "/?q=pupils") == []
    [feed] = page(client, url).all("link", type="application/atom+xml")
    assert urlsplit(feed["href"]).path == "/practices.atom"


def in_languages(client, url):
    return [one for one in page(client, url).all("link", rel="alternate") if "hreflang" in one.attributes]


def test_a_language_that_there_is_not_is_passed_over_and_not_kept(client) -> None:
    answer = client.get("/practices?lang=ja")

    assert answer.headers["content-language"] == "en"
    assert [one for one in internal_targets(Markup(answer.text)) if "lang=ja" in one] == []


def test_every_internal_link_of_the_site_can_be_followed(client) -> None:
    """Each path once without parameters, and each kind of page once for each set of parameters."""
    waiting, seen, followed = deque(["/"]), set(), set()
    while waiting and len(seen) < MOST_FOLLOWED:
        url = waiting.popleft()
        parts = urlsplit(url)
        parameters = parse_qs(parts.query)
        place = (
            str(PurePosixPath(parts.path).parent) if parameters and parts.path.startswith("/practices/") else parts.path
        )
        kind = (place, frozenset(parameters), min(len(parameters.get("pick", [])), 2))
        if kind in seen:
            continue
        seen.add(kind)
        answer = client.get(url)
        assert answer.status_code == 200, url
        followed.add(parts.path)
        if answer.headers["content-type"].startswith("text/html"):
            waiting += internal_targets(Markup(answer.text))

    assert len(seen) < MOST_FOLLOWED
    assert {f"/practices/{quote(one.id, safe='')}" for one in SITE} <= followed
    assert {"/", "/practices", "/map", "/compare", "/about", "/widget", "/embed/demo", "/api/v1/docs"} <= followed
    assert {f"/download/practices.{kind}" for kind in ("csv", "xlsx", "docx")} <= followed
    assert {"/static/page.js", "/static/style.css", "/widget.js", "/api/v1/openapi.json"} <= followed


def test_links_that_change_nothing_to_read_are_not_followed_by_robots(client) -> None:
    answer = page(client, f"/?q={quote(QUESTION)}&pick=mentors&pick=bare")

    assert {one["rel"] for one in answer.all("a", class_="tick")} == {"nofollow"}
    assert {one["rel"] for one in answer.all("a") if one["href"].startswith("/download/")} == {"nofollow"}
    assert answer.all("meta", name="robots") == []
    for path in ("/embed/demo", "/embed/related/mentors"):
        assert page(client, path).one("meta", name="robots")["content"] == "noindex"


def test_a_tick_puts_a_practice_on_the_shortlist_and_a_second_one_takes_it_off(client) -> None:
    first = page(client, "/practices/bare?pick=mentors&mode=diverse").one("a", id="tick-bare")
    second = page(client, first["href"]).one("a", id="tick-bare")

    assert (first.text, first["href"]) == (
        "Add to shortlist Bare",
        "/practices/bare?mode=diverse&pick=mentors&pick=bare",
    )
    assert (second.text, second["href"]) == ("On your shortlist Bare", "/practices/bare?mode=diverse&pick=mentors")


def test_the_shortlist_names_its_practices_and_can_be_compared_from_two_on(client) -> None:
    one = page(client, "/about?pick=breaking")
    two = page(client, f"/practices?{PICKS}")

    assert [element.text for element in one.all("li") if "section" in element.parents] == [
        f"{BREAKING.title} ×Remove from shortlist {BREAKING.title}"
    ]
    assert not [element for element in one.all("a") if element["href"].startswith("/compare")]
    (compare,) = [element for element in two.all("a") if element["href"].startswith("/compare")]
    assert described(compare, "pick") == [HOSTILE[0].id, "breaking"]


def test_only_the_first_four_of_a_shortlist_are_compared(client) -> None:
    markup = page(client, PAGES["compare too many"])

    assert [one.text for one in markup.all("th", scope="col")] == [one.title for one in CATALOGUE[:4]]
    assert "Your shortlist is longer: its first 4 are shown." in markup.one("p", class_="lead").text
    assert page(client, "/compare").all("table") == []


def test_the_listing_says_which_of_how_many_it_shows_and_links_to_the_pages_around(listing) -> None:
    markup = page(listing, "/practices?page=5&lang=en")

    assert markup.one("p", class_="displaying").text == "Displaying results 49 - 60 of 100"
    assert hits(markup) == [f"Plan {number:02}" for number in range(48, 60)]
    assert markup.one("ol", class_="listed")["start"] == "49"
    assert described(markup.one("a", rel="prev"), "page") == ["4"]
    assert described(markup.one("a", rel="next"), "page") == ["6"]
    numbers = [
        one.text for one in markup.all("li") if one.parents[-2:] == ("nav", "ul") and one.text.strip("…").isdigit()
    ]
    assert numbers == ["1", "3", "4", "5", "6", "7", "9"]
    assert markup.one("a", **{"aria-current": "page", "aria-label": "Page 5"}).text == "5"


@pytest.mark.parametrize("number", [10, 99, 10**30])
def test_behind_the_last_page_there_are_ways_back(listing, number) -> None:
    markup = page(listing, f"/practices?page={number}")

    assert hits(markup) == []
    (first,) = [one for one in markup.all("a") if one.text == "There is no such page. Go to the first one."]
    assert described(first, "page") == []
    assert described(markup.one("a", rel="prev"), "page") == ["9"]
    assert markup.all("a", rel="next") == []


def test_on_the_first_and_the_last_page_there_is_one_way(listing) -> None:
    first, last = page(listing, "/practices"), page(listing, "/practices?page=9")

    assert first.all("a", rel="prev") == last.all("a", rel="next") == []
    assert hits(last) == [f"Plan {number}" for number in range(96, 100)]


@pytest.mark.parametrize(
    ("number", "pages", "expected"),
    [
        (1, 0, []),
        (1, 1, [1]),
        (1, 2, [1, 2]),
        (1, 9, [1, 2, 3, 0, 9]),
        (4, 9, [1, 2, 3, 4, 5, 6, 0, 9]),
        (5, 9, [1, 0, 3, 4, 5, 6, 7, 0, 9]),
        (9, 9, [1, 0, 7, 8, 9]),
        (50, 3, [1, 0, 3]),
    ],
)
def test_pages_to_link_to_are_the_first_the_last_and_those_around(number, pages, expected) -> None:
    assert page_numbers(number, pages) == expected


@given(number=st.integers(1, 200), pages=st.integers(0, 150))
def test_gaps_stand_where_pages_are_left_out_and_nowhere_else(number, pages) -> None:
    found = page_numbers(number, pages)

    shown = [one for one in found if one]
    assert shown == sorted(set(shown) & set(range(1, pages + 1)))
    assert {one for one in range(number - 2, number + 3) if 1 <= one <= pages} <= set(shown)
    gaps = {above + 1 for above, below in pairwise(shown) if below > above + 1}
    assert found.count(0) == len(gaps)
    assert len(found) <= 9


def test_related_practices_are_those_of_the_mode_and_never_those_of_another_page(client) -> None:
    def related(url: str) -> list[str]:
        return [one.text for one in page(client, url).all("h3") if "section" in one.parents]

    expected = client.get("/api/v1/practices/mentors/related", params={"mode": "other-country", "top_k": 4}).json()
    assert related("/practices/mentors?mode=other-country") == [one["practice"]["title"] for one in expected["hits"]]
    assert related("/practices/mentors?mode=other-country&page=3") == related("/practices/mentors?mode=other-country")
    assert related("/practices/bare?mode=same-approach") == []


def test_a_practice_of_which_little_is_known_says_so(client) -> None:
    bare = page(client, "/practices/bare")

    unknown = [one.text for one in bare.elements if "unknown" in one.attributes.get("class", "").split()]
    assert unknown[:2] == ["This catalogue has no description of it.", "No source is named."]
    assert set(unknown[2:]) == {"Not known"}
    assert bare.all("p", class_="meta")[0].text == "Status not known"
    assert bare.all("span", class_="badge")[0].text == "Evidence not known"


def test_a_practice_that_goes_on_under_another_name_leads_to_it(client) -> None:
    (successor,) = [one for one in page(client, "/practices/breaking").all("p") if one.text.startswith("Continued as:")]

    assert successor.text == "Continued as: Bare"


def test_the_map_has_a_dot_a_practice_and_a_table_that_reads_the_same(client) -> None:
    markup = page(client, f"/map?q={quote(QUESTION)}")
    dots, rows = markup.all("a", class_="dot"), markup.all("th", scope="row")

    assert sorted(one["aria-label"] for one in dots) == sorted(one.title for one in SITE)
    ranked = [one["aria-label"] for one in dots if "data-rank" in one.attributes]
    found = client.get("/api/v1/search", params={"q": QUESTION}).json()["hits"]
    assert ranked == [one["practice"]["title"] for one in found]
    assert [one.text for one in rows][: len(ranked)] == [" ".join(title.split()) for title in ranked]
    assert len(rows) == len(SITE)


def test_a_map_of_a_sample_says_so(client, monkeypatch) -> None:
    assert "are drawn" not in page(client, "/map").one("figcaption").text
    monkeypatch.setattr(picture, "MOST_DRAWN", 5)

    assert "5 of 15 practices are drawn: an even sample" in page(client, "/map").one("figcaption").text


def test_the_page_about_the_service_tells_quality_only_where_it_was_measured(client, monkeypatch) -> None:
    assert "How good the answers are" not in [one.text for one in page(client, "/about").all("h2")]
    quality = Quality(
        questions=210, languages=24, refused=0.01575, traps_called_good=0.0, called_good=0.4488, ndcg=0.47302
    )
    monkeypatch.setattr(about, "_quality", lambda *_: quality)
    markup = page(client, "/about")

    assert "How good the answers are" in [one.text for one in markup.all("h2")]
    figures = [one.text for one in markup.all("dd")]
    assert [one for one in figures if re.fullmatch(r"[\d.]+%?", one)] == ["1.6%", "0%", "44.9%", "0.473"]
    assert markup.faults() == []


def test_files_are_kept_for_good_only_under_the_name_of_their_content(client) -> None:
    for name in ("page.js", "style.css", "icon.svg"):
        named = client.get(asset_url(name))
        assert named.status_code == 200
        assert named.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert "cache-control" not in client.get(f"/static/{name}").headers
        assert "cache-control" not in client.get(f"/static/{name}?version=1").headers
    assert "cache-control" not in client.get("/").headers
    missing = client.get("/static/nothing.js?v=1")
    assert (missing.status_code, missing.headers.get("cache-control")) == (404, None)


def test_the_page_of_the_api_is_drawn_from_own_files(client) -> None:
    markup = page(client, "/api/v1/docs")

    assert markup.one("html")["lang"] == "en"
    assert [one.attributes.get("data-url") for one in markup.all("script")] == [None, "/api/v1/openapi.json"]
    for element in (*markup.all("script"), *markup.all("link")):
        target = element.attributes.get("src") or element["href"]
        assert target.startswith("/")
        assert client.get(target).status_code == 200


def test_no_page_is_in_the_description_of_the_api(client) -> None:
    assert {path.split("/")[1] for path in client.get("/api/v1/openapi.json").json()["paths"]} == {
        "api",
        "health",
        "metrics",
    }


@pytest.mark.parametrize("path", ["/", "/practices/mentors", "/api/v1/practices", "/health/live", "/widget.js"])
def test_head_is_answered_like_get_but_for_the_content(client, path) -> None:
    head, get = client.head(path), client.get(path)

    assert (head.status_code, head.headers["content-type"]) == (200, get.headers["content-type"])


def test_a_full_shortlist_takes_no_more_practices(listing) -> None:
    ids = [practice.id for practice in retriever_of(listing).release.parts.practices][:MOST_PICKED]

    def offered(picks: list[str]) -> int:
        shortlist = "&".join(f"pick={quote(one)}" for one in picks)
        ticks = page(listing, f"/practices?{shortlist}&page=5").all("a", class_="tick")
        return sum("Add to shortlist" in tick.text for tick in ticks)

    assert offered(ids[:-1]) > 0
    assert offered(ids) == 0


def test_search_services_are_told_what_to_leave_alone(client) -> None:
    rules = client.get("/robots.txt")

    assert rules.headers["content-type"].startswith("text/plain")
    assert rules.text.splitlines()[0] == "User-agent: *"
    assert "Disallow: /download/" in rules.text


def test_a_question_is_encoded_once_for_its_page_its_filters_its_map_its_downloads_and_programs(client, words):
    encoder = WordEncoder(words.spec)
    asked = f"q={quote(QUESTION)}"
    with running(retriever_of(client), encoder, remembered=8, base_url=HOME, headers=ENGLISH) as remembering:
        encoder.encoded.clear()
        for path in ("/?", "/?country=DE&", "/?top_k=20&", "/map?", "/download/practices.csv?", "/api/v1/search?"):
            answer = remembering.get(f"{path}{asked}")
            assert answer.status_code == 200
            if path.startswith("/?"):
                assert answer.text == client.get(f"{path}{asked}").text
    assert encoder.encoded == [QUESTION]
