"""Errors: a page in their language for people who read, a problem document for programs."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from service.problems import MEDIA_TYPE
from service.retriever import Retriever
from tests.fakes import PRACTICES, WordEncoder, fake_spec
from tests.markup import Markup
from tests.test_api import INVALID, UNKNOWN, assert_problem, built, running

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Language": "en"}


@pytest.fixture(scope="module")
def words() -> WordEncoder:
    return WordEncoder(fake_spec(dim=512))


@pytest.fixture(scope="module")
def client(tmp_path_factory, words) -> Iterator[TestClient]:
    release = built(tmp_path_factory.mktemp("small"), PRACTICES, words)
    with running(release, words, raise_server_exceptions=False) as small:
        yield small


def break_down(*_: object) -> None:
    raise RuntimeError("the secret is 42")


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/nothing", 404, "There is no such page"),
        ("/practices/nobody", 404, "There is no such page"),
        ("/practices/mentors/more", 404, "There is no such page"),
        ("/?page=0", 422, "This address cannot be read"),
        ("/download/practices.pdf", 422, "This address cannot be read"),
    ],
)
def test_a_browser_gets_a_page_that_says_what_is_wrong_and_where_to_go(client, path, status, title) -> None:
    answer = client.get(path, headers=BROWSER, follow_redirects=False)
    markup = Markup(answer.text)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-language"] == "en"
    assert "Accept-Language" in answer.headers["vary"]
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert markup.one("h1").text == title
    assert markup.one("title").text.startswith(title)
    ways = [one["href"] for one in markup.all("a") if one.parents[-1] == "p" and "main" in one.parents]
    assert ways == ["/", "/practices"]


@pytest.mark.parametrize(
    "path",
    ["/api/v1/nothing", "/api/v1/practices/nobody", "/health/nothing", "/embed/nothing", "/static/nothing.js"],
)
def test_what_is_for_programs_gives_a_problem_to_browsers_too(client, path) -> None:
    answer = client.get(path, headers=BROWSER)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == MEDIA_TYPE


@pytest.mark.parametrize("accepted", ["*/*", "application/json", ""])
def test_programs_get_a_problem_wherever_they_ask(client, accepted) -> None:
    headers = {"Accept": accepted}

    assert_problem(client.get("/practices/nobody", headers=headers), 404, UNKNOWN)
    assert_problem(client.get("/?page=0", headers=headers), 422, INVALID)


def test_the_page_is_in_the_language_of_the_url_or_of_the_browser(client) -> None:
    by_browser = client.get("/nothing", headers=BROWSER | {"Accept-Language": "fr"})
    by_url = client.get("/nothing?lang=fr&page=0", headers=BROWSER)

    assert by_browser.headers["content-language"] == by_url.headers["content-language"] == "fr"
    assert Markup(by_browser.text).one("h1").text == Markup(by_url.text).one("h1").text
    links = [
        one["href"] for one in Markup(by_url.text).all("a") if one.parents[-1] == "p" and one.parents[-3] == "main"
    ]
    assert links == ["/?lang=fr", "/practices?lang=fr"]


def test_every_fault_of_an_address_is_named_with_what_was_found_and_no_markup_of_it(client) -> None:
    markup = Markup(client.get("/", params={"page": "<b>0", "sort": "best", "lang": "en"}, headers=BROWSER).text)

    page, sort = [one.text for one in markup.all("li") if "main" in one.parents]
    assert page.startswith('page: "<b>0" (Input should be a valid integer')
    assert sort.startswith("sort: \"best\" (Input should be 'title', 'country', 'newest' or 'evidence')")
    assert markup.all("b") == []


def test_a_wrong_method_says_which_one_is_right(client) -> None:
    answer = client.post("/practices", headers=BROWSER)

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert Markup(answer.text).one("h1").text == "Something went wrong"


def test_a_bug_is_a_page_that_tells_no_secret(client, monkeypatch, caplog) -> None:
    monkeypatch.setattr(Retriever, "practice", break_down)
    answer = client.get("/practices/mentors", headers=BROWSER)

    assert answer.status_code == 500
    assert Markup(answer.text).one("h1").text == "Something went wrong"
    assert "secret" not in answer.text
    assert "the secret is 42" in caplog.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_other_sites_may_read_that_a_bug_came_up_where_they_may_read_the_rest(client, monkeypatch) -> None:
    monkeypatch.setattr(Retriever, "row", break_down)
    answer = client.get("/embed/related/mentors.json", headers={"Origin": "https://a.example"})

    assert_problem(answer, 500, "about:blank")
    assert answer.headers["access-control-allow-origin"] == "*"


def test_an_unknown_practice_is_named_to_programs_with_its_id(client) -> None:
    problem = assert_problem(client.get("/practices/n%C3%B6%3Cb%3E"), 404, UNKNOWN)

    assert problem["detail"] == "no practice with id 'nö<b>' in this catalogue"
