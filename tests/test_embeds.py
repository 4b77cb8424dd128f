"""What other sites show of ours: the widget's script, its data, plain HTML, and who may read them."""

import gzip
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from indexer.practice import Practice
from service.embeds.links import RelatedLinks
from service.embeds.widget import widget_script
from service.wording import LANGUAGES
from tests.fakes import PRACTICES, WordEncoder, calibrated_source, fake_spec
from tests.test_api import HOSTILE, INVALID, QUESTION, UNKNOWN, assert_problem, built, built_of, running

HOME = "http://practices.example"
JSON_PATH = "/embed/related/mentors.json"
HTML_PATH = "/embed/related/mentors"
TEXT_PATH = "/embed/related.json"
MARKED_UP = Practice(
    id="marked-up",
    title="</a></li><script>alert(1)</script>" + "W" * 10_000,
    summary="</p><img src=x onerror=alert(1)> mentoring {{ 7*7 }}",
    country="DE",
    approaches=("mentoring",),
)


@pytest.fixture(scope="module")
def words() -> WordEncoder:
    return WordEncoder(fake_spec(dim=512))


@pytest.fixture(scope="module")
def client(tmp_path_factory, words) -> Iterator[TestClient]:
    with running(built(tmp_path_factory.mktemp("small"), PRACTICES, words), words, base_url=HOME) as small:
        yield small


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, words) -> Iterator[TestClient]:
    practices = [HOSTILE, MARKED_UP, *PRACTICES]
    with running(built(tmp_path_factory.mktemp("hostile"), practices, words), words, base_url=HOME) as bad:
        yield bad


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory, words) -> Iterator[TestClient]:
    with running(built_of(tmp_path_factory.mktemp("calibrated"), calibrated_source(), words), words) as judged:
        yield judged


class Outline(HTMLParser):
    """The elements of a page with their attributes, and its text without markup."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_links_are_one_small_object_in_the_language_that_was_asked_for(client):
    answer = client.get(JSON_PATH, params={"lang": "de", "top_k": 2, "mode": "same-approach"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-language"] == "de"
    assert answer.json() == {
        "lang": "de",
        "heading": answer.json()["heading"],
        "links": [
            {
                "id": "street-work",
                "title": "Street work",
                "path": "/practices/street-work?lang=de",
                "summary": "Youth workers look for young people without work or school.",
                "country": "Deutschland",
                "reason": answer.json()["links"][0]["reason"],
            }
        ],
        "all": {"title": answer.json()["all"]["title"], "path": "/practices?lang=de"},
    }


def test_the_reason_names_what_both_have_but_not_the_country_which_is_shown_anyway(client):
    [link] = client.get(JSON_PATH, params={"lang": "en", "mode": "same-approach"}).json()["links"]
    assert (link["country"], link["reason"]) == ("Germany", "Shares: Mentoring")


def test_what_has_nothing_in_common_has_no_reason(client):
    links = client.get("/embed/related/second-school.json", params={"lang": "en"}).json()["links"]
    assert sorted(link["id"] for link in links) == ["absence-call", "mentors", "street-work"]
    assert {link["reason"] for link in links} == {None}


def test_without_a_language_that_of_the_browser_is_taken_and_caches_are_told(client):
    answer = client.get(JSON_PATH, params={"lang": "xx"}, headers={"Accept-Language": "pt-BR, de;q=0.5"})
    assert answer.json()["lang"] == "pt"
    assert "Accept-Language" in answer.headers["vary"]
    assert answer.headers["cache-control"] == "public, max-age=300"


@pytest.mark.parametrize("value", [0, 11, "many"])
def test_links_are_1_to_10(client, value):
    problem = assert_problem(client.get(JSON_PATH, params={"top_k": value}), 422, INVALID)
    assert [error["field"] for error in problem["errors"]] == ["top_k"]


def test_parameters_that_other_sites_add_are_ignored(client):
    assert client.get(JSON_PATH, params={"utm_source": "x"}).json() == client.get(JSON_PATH).json()


def test_an_unknown_practice_is_a_404_in_the_format_asked_for(client):
    assert_problem(client.get("/embed/related/nobody.json"), 404, UNKNOWN)
    for part, tag in (("false", "html"), ("true", "p")):
        answer = client.get("/embed/related/nobody", params={"part": part, "lang": "en"})
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        outline = Outline(answer.text)
        assert outline.elements[0][0] == tag
        assert [link["href"] for link in outline.all("a")] == [f"{HOME}/practices?lang=en"]


@pytest.mark.parametrize("content_type", ["text/plain;charset=UTF-8", "application/json", None])
def test_a_text_is_answered_like_a_question_whatever_its_content_type(client, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    body = json.dumps({"text": f" {QUESTION} ", "top_k": 2, "lang": "fr"})
    answer = client.post(TEXT_PATH, content=body, headers=headers)
    assert answer.status_code == 200
    found = client.get("/api/v1/search", params={"q": QUESTION, "top_k": 2}).json()["hits"]
    assert [link["id"] for link in answer.json()["links"]] == [hit["practice"]["id"] for hit in found]
    assert answer.json()["links"][0]["id"] == "mentors"
    assert answer.json()["links"][0]["country"] == "Allemagne"
    assert answer.json()["lang"] == answer.headers["content-language"] == "fr"


def test_a_text_that_nothing_fits_gives_no_links(calibrated, monkeypatch):
    monkeypatch.setattr("service.confidence.NONE_BELOW", 0.4)  # whatever limit the shipped catalogue has
    text = "Fry the onions slowly and bake a cake with butter."
    verdict = calibrated.get("/api/v1/search", params={"q": text}).json()["verdict"]
    answer = calibrated.post(TEXT_PATH, json={"text": text}).json()
    assert (verdict, answer["links"]) == ("none", [])
    assert answer["all"]["path"] == "/practices?lang=en"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"text": "  "}', "text"),
        (b"{}", "text"),
        (json.dumps({"text": "x" * 20_001}).encode(), "text"),
        (b'{"text": "a", "top_k": 11}', "top_k"),
        (b'{"text": "a", "html": true}', "html"),
        (rb'{"text": "half a \ud800 character"}', "body"),
        (b'{"text": "\xff"}', "body"),
        (b"text=a", "body"),
        (b"", "body"),
    ],
)
def test_a_text_that_cannot_be_read_is_reported(client, body, field):
    problem = assert_problem(client.post(TEXT_PATH, content=body), 422, INVALID)
    assert [error["field"] for error in problem["errors"]] == [field]


def test_a_frame_is_a_whole_page_without_a_script_and_opens_elsewhere(client):
    answer = client.get(HTML_PATH, params={"lang": "de", "top_k": 2})
    outline = Outline(answer.text)
    assert answer.text.lstrip().startswith("<!doctype html>")
    assert outline.all("html") == [{"lang": "de"}]
    assert outline.all("script") == []
    [style] = [link for link in outline.all("link") if link["rel"] == "stylesheet"]
    assert style["href"].startswith("/static/embed.css?v=")
    assert client.get(style["href"]).headers["content-type"].startswith("text/css")
    links = client.get(JSON_PATH, params={"lang": "de", "top_k": 2}).json()
    paths = [*(link["path"] for link in links["links"]), links["all"]["path"]]
    assert [link["href"] for link in outline.all("a")] == [HOME + path for path in paths]
    assert {(link["target"], link["rel"]) for link in outline.all("a")} == {("_blank", "noopener")}
    assert {link.get("dir") for link in outline.all("a")[:2]} == {"auto"}


def test_a_part_is_the_list_alone_with_whole_addresses(client):
    outline = Outline(client.get(HTML_PATH, params={"part": "true", "top_k": 2, "lang": "en"}).text)
    assert [tag for tag, _ in outline.elements] == ["ul", *["li", "a", "p", "small"] * 2]
    assert all(link["href"].startswith(f"{HOME}/practices/") for link in outline.all("a"))
    assert not any("target" in link for link in outline.all("a"))


@pytest.mark.parametrize("path", ["/embed/related/{}", "/embed/related/{}?part=true", "/embed/demo", "/widget"])
def test_no_text_of_a_catalogue_becomes_markup(hostile, path):
    for practice in (HOSTILE, MARKED_UP, PRACTICES[0]):
        answer = hostile.get(path.format(quote(practice.id, safe="")), headers={"Accept-Language": "en"})
        assert answer.status_code == 200
        outline = Outline(answer.text)
        assert outline.all("img") == []
        assert [script for script in outline.all("script") if "src" not in script] == []
        assert "49" not in outline.text
        assert not any(name.startswith("on") for _, attributes in outline.elements for name in attributes)


def test_hostile_text_is_shown_as_it_is(hostile):
    links = hostile.get(JSON_PATH, params={"top_k": 10}).json()["links"]
    outline = Outline(hostile.get(HTML_PATH, params={"top_k": 10}).text)
    shown = {link["id"]: link for link in links}
    for practice in (HOSTILE, MARKED_UP):
        assert shown[practice.id]["title"] == practice.title
        assert practice.title in outline.text
        assert practice.summary in outline.text
    assert shown[HOSTILE.id]["path"] == f"/practices/{quote(HOSTILE.id, safe='')}?lang=en"


def test_an_id_of_any_signs_can_be_asked_for(hostile):
    answer = hostile.get(f"/embed/related/{quote(HOSTILE.id, safe='')}.json", params={"top_k": 10})
    assert sorted(link["id"] for link in answer.json()["links"]) == sorted(
        practice.id for practice in (MARKED_UP, *PRACTICES)
    )


def test_the_widget_is_small_and_says_everything_in_every_language(client):
    answer = client.get("/widget.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.text == widget_script()
    assert len(gzip.compress(answer.content)) < 10_000
    assert answer.text.isascii()
    texts = json.loads(re.search(r"const TEXTS = (.+);", answer.text)[1])
    assert sorted(texts) == sorted(LANGUAGES)
    assert texts["en"] == ["Related practices", "All practices", "About this practice"]
    assert {len(list(filter(None, one))) for one in texts.values()} == {3}


def test_the_widget_sets_text_as_text_only():
    script = widget_script()
    for unsafe in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser", "cookie ="):
        assert unsafe not in script


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
@pytest.mark.parametrize("home", [None, "https://practices.example"])
def test_the_widget_is_valid_javascript(tmp_path, home):
    path = tmp_path / "widget.js"
    path.write_text(widget_script(home))
    subprocess.run(["node", "--check", path], check=True)


def test_the_address_in_an_exported_widget_cannot_leave_its_string():
    line = re.search(r"const EXPORTED_FOR = (.+);", widget_script("https://a.example/</script>'\"\\"))[1]
    assert json.loads(line) == "https://a.example/</script>'\"\\"
    assert "<" not in line


@pytest.mark.parametrize("path", ["/widget.js", JSON_PATH, HTML_PATH, "/embed/related/nobody.json"])
@pytest.mark.parametrize("origin", ["https://any.example", None])
def test_every_site_may_read_what_is_made_for_it(client, path, origin):
    headers = client.get(path, headers={"Origin": origin} if origin else {}).headers
    assert headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in headers
    assert headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize("path", ["/api/v1/index", "/api/v1/practices", "/health/live", "/static/embed.css", "/widget"])
def test_no_site_may_read_anything_else(client, path):
    answer = client.get(path, headers={"Origin": "https://any.example"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
    assert "cross-origin-resource-policy" not in answer.headers


def test_a_browser_that_asks_first_is_answered(client):
    answer = client.options(TEXT_PATH, headers={"Origin": "https://a.example", "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, POST"
    assert answer.headers["access-control-allow-headers"] == "Content-Type"


def test_every_site_may_frame_what_is_made_for_it_and_nothing_else(client):
    for path in (HTML_PATH, "/embed/demo"):
        assert client.get(path).headers["content-security-policy"].endswith("; frame-ancestors *")
    assert client.get("/widget").headers["content-security-policy"].endswith("; frame-ancestors 'none'")


def test_with_a_list_of_origins_only_those_read_and_frame(tmp_path, words):
    retriever = built(tmp_path, PRACTICES, words)
    origins = ["https://a.example", "http://b.example:8080"]
    with running_for(origins, retriever, words) as client:
        for origin in origins:
            headers = client.get(JSON_PATH, headers={"Origin": origin}).headers
            assert headers["access-control-allow-origin"] == origin
            assert "Origin" in headers["vary"]
        for origin in ("https://a.example.evil.example", "http://a.example", "null"):
            headers = client.get(JSON_PATH, headers={"Origin": origin}).headers
            assert "access-control-allow-origin" not in headers
            assert "Origin" in headers["vary"]
            assert "access-control-allow-origin" not in client.options(TEXT_PATH, headers={"Origin": origin}).headers
        policy = client.get(HTML_PATH).headers["content-security-policy"]
        assert policy.endswith("; frame-ancestors 'self' https://a.example http://b.example:8080")


def test_what_another_site_sends_is_refused_before_it_is_computed(tmp_path, words):
    retriever = built(tmp_path, PRACTICES, words)
    body = {"text": "masters of nobody else"}
    with running_for(["https://a.example"], retriever, words) as client:
        for origin in ("https://b.example", "http://a.example", "https://a.example.evil.example", "null"):
            words.encoded.clear()
            refused = client.post(TEXT_PATH, json=body, headers={"Origin": origin})
            assert_problem(refused, 403, "urn:practices:problem:foreign-origin")
            assert "access-control-allow-origin" not in refused.headers
            assert words.encoded == []
            assert client.get(JSON_PATH, headers={"Origin": origin}).status_code == 200
        for headers in ({"Origin": "https://a.example"}, {"Origin": "http://testserver"}, {}):
            assert client.post(TEXT_PATH, json=body, headers=headers).status_code == 200


def test_where_every_site_may_ask_none_is_refused(client):
    for origin in ("https://b.example", "null"):
        assert client.post(TEXT_PATH, json={"text": "masters"}, headers={"Origin": origin}).status_code == 200


def running_for(origins, retriever, encoder) -> TestClient:
    from service.app import create_app

    return TestClient(create_app(retriever, encoder, queue_size=8, widget_origins=origins))


def test_the_page_about_the_widget_has_lines_to_copy_for_all_three_ways(client):
    page = client.get("/widget", headers={"Accept-Language": "en"})
    text = Outline(page.text).text
    assert f'<script src="{HOME}/widget.js" async></script>' in text
    assert '<related-practices practice="mentors" top-k="4" lang="en">' in text
    assert f'<iframe src="{HOME}/embed/related/mentors?lang=en&amp;top_k=4"' in text
    assert f"{HOME}/embed/related/mentors?part=true&lang=en" in text
    assert f"practices export-related related --lang en --lang de --base-url {HOME}" in text
    for name in ("top-k", "heading-level", "--practices-accent", "--practices-font"):
        assert name in text
    assert [frame["src"] for frame in Outline(page.text).all("iframe")] == ["/embed/demo"]


def test_what_the_page_says_to_reserve_is_what_the_widget_reserves(client):
    per_row, rest = map(float, re.search(r"var\(--rows\) \* ([\d.]+)em \+ ([\d.]+)em", widget_script()).groups())
    text = Outline(client.get("/widget", headers={"Accept-Language": "en"}).text).text
    assert f"min-height: {4 * per_row + rest}em" in text
    assert f"{rest}em, and {per_row}em for each practice" in text
    demo = client.get(re.search(r"/static/demo\.css[^\"]*", client.get("/embed/demo").text)[0]).text
    assert f"min-height: {3 * per_row + rest:g}em" in demo


def test_the_demo_uses_the_widget_by_practice_and_by_text(client):
    outline = Outline(client.get("/embed/demo", headers={"Accept-Language": "en"}).text)
    by_practice, by_text = outline.all("related-practices")
    assert by_practice["practice"] == "mentors"
    assert "A retired baker" in by_text["text"]
    assert outline.all("script") == [{"src": "/widget.js", "async": None}]


def test_none_of_it_is_in_the_description_of_the_api(client):
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert [path for path in paths if path.startswith(("/embed", "/widget"))] == []


def test_links_at_an_address_are_whole_addresses():
    links = RelatedLinks.model_validate(
        {
            "lang": "en",
            "heading": "H",
            "links": [
                {"id": "a", "title": "A", "path": "/practices/a", "summary": None, "country": None, "reason": None}
            ],
            "all": {"title": "All", "path": "/practices"},
        }
    )
    whole = links.at("https://a.example/b/")
    assert [link.path for link in whole.links] == ["https://a.example/b/practices/a"]
    assert whole.all.path == "https://a.example/b/practices"
    assert links.all.path == "/practices"
