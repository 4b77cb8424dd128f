"""The page that a request asks for: its language, its state, and the way it links to itself."""

import pytest
from fastapi import Request

from service.dependencies import Page, page_of
from service.pages.page_state import PageState
from tests.markup import Markup


def requested(path: str = "/", accepted: str = "") -> Request:
    headers = [(b"host", b"practices.example"), (b"accept-language", accepted.encode())]
    return Request({"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers})


def asked(state: PageState, accepted: str = "") -> Page:
    return page_of(requested(accepted=accepted), state)


def test_the_language_of_the_url_goes_before_that_of_the_browser_and_is_kept() -> None:
    page = asked(PageState(lang="el"), "fr")

    assert (page.wording.language, page.state.lang) == ("el", "el")


def test_the_language_of_the_browser_is_taken_but_not_put_into_the_state() -> None:
    page = asked(PageState(q="a"), "fr-BE")

    assert (page.wording.language, page.state) == ("fr", PageState(q="a"))


@pytest.mark.parametrize("lang", ["ja", "EL", "", "<b>"])
def test_a_language_that_there_is_not_is_passed_over_and_forgotten(lang: str) -> None:
    page = asked(PageState(q="a", lang=lang), "fr")

    assert (page.wording.language, page.state) == ("fr", PageState(q="a"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("/practices/mentors", "/practices/mentors"),
        ("/practices/50%41", "/practices/50%2541"),
        ("/practices/a\\b é", "/practices/a%5Cb%20%C3%A9"),
        ("/a?b#c", "/a%3Fb%23c"),
        ("//elsewhere.example/x", "/elsewhere.example/x"),
        ("/\\elsewhere.example/x", "/%5Celsewhere.example/x"),
        ('/"><script>', "/%22%3E%3Cscript%3E"),
        ("", "/"),
    ],
)
def test_a_page_links_to_itself_by_a_quoted_path_that_never_leads_to_another_host(path: str, expected: str) -> None:
    page = page_of(requested(path), PageState())
    answer = page.html("error.html", 404, problem_title="Title", problem_text="Text", errors=[])
    markup = Markup(answer.body.decode())

    assert page.path == expected
    assert markup.one("form", method="get")["action"] == expected
    in_languages = [one for one in markup.all("link", rel="alternate") if "hreflang" in one.attributes]
    assert {one["href"].split("?")[0] for one in in_languages} == {expected}


def test_a_page_says_its_language_to_caches_and_readers() -> None:
    answer = asked(PageState(), "fi").html("error.html", 418, problem_title="<b>", problem_text="Text", errors=[])

    assert answer.status_code == 418
    assert answer.headers["content-language"] == "fi"
    assert answer.headers["vary"] == "Accept-Language"
    assert Markup(answer.body.decode()).one("html")["lang"] == "fi"
    assert Markup(answer.body.decode()).one("h1").text == "<b>"
