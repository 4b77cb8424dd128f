"""The state of a page: its URL says all of it, and says it again when it is read."""

import string
from typing import Annotated, get_args
from urllib.parse import unquote

import pytest
from fastapi import FastAPI, Query
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from indexer.practice import Practice
from indexer.practice_table import Order
from service.filters import FILTER_FIELDS, Filters
from service.limits import MAX_TOP_K, Mode
from service.pages.page_state import MOST_PICKED, SHOWN_AT_ONCE, ColourBy, PageState, practice_path

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.lists(TEXT, max_size=3).map(tuple)
STATES = st.builds(
    PageState,
    **dict.fromkeys(FILTER_FIELDS, VALUES),
    q=TEXT,
    top_k=st.integers(1, MAX_TOP_K),
    page=st.integers(1, 10**30),
    sort=st.sampled_from(get_args(Order)),
    mode=st.sampled_from(get_args(Mode)),
    colour=st.sampled_from(get_args(ColourBy)),
    pick=st.lists(TEXT, max_size=MOST_PICKED).map(tuple),
    lang=st.none() | TEXT,
)
ASKED = PageState(q="a b", country=("DE", "FR"), status=("ended",), page=3, pick=("mentors",), lang="de")


@pytest.fixture(scope="module")
def echo() -> TestClient:
    """A service that answers with the state that a URL says."""
    app = FastAPI()

    @app.get("/")
    async def say(state: Annotated[PageState, Query()]) -> PageState:
        return state

    return TestClient(app)


def read(echo: TestClient, url: str) -> PageState:
    answer = echo.get(url)
    assert answer.status_code == 200, answer.text
    return PageState.model_validate(answer.json())


@given(state=STATES)
def test_the_url_of_any_state_is_read_as_the_same_state(echo: TestClient, state: PageState) -> None:
    assert read(echo, state.url("/")) == state


def test_a_url_says_only_what_differs_from_an_empty_state() -> None:
    assert PageState().url("/practices") == "/practices"
    assert PageState(top_k=SHOWN_AT_ONCE, page=1, sort="title").url("/") == "/"
    assert ASKED.url("/") == "/?country=DE&country=FR&status=ended&q=a+b&page=3&pick=mentors&lang=de"


def test_a_url_says_only_some_fields_where_they_are_named() -> None:
    assert ASKED.url("/map", "lang", "q", "sort") == "/map?q=a+b&lang=de"
    assert ASKED.parameters("country", "pick") == [("country", "DE"), ("country", "FR"), ("pick", "mentors")]
    assert ASKED.url("/about", "mode") == "/about"


def test_a_form_that_asks_for_one_field_keeps_all_others() -> None:
    kept = ASKED.parameters(*ASKED.other_fields("lang"))

    assert kept == [pair for pair in ASKED.parameters() if pair != ("lang", "de")]
    assert ("page", "3") in kept


def test_what_other_sites_add_to_a_url_is_ignored(echo: TestClient) -> None:
    assert read(echo, "/?utm_source=x&q=a&fbclid=1&filters=y") == PageState(q="a")


def test_a_question_of_white_space_alone_is_none() -> None:
    assert PageState(q=" \t\n\u2028\x1f ").query == ""
    assert PageState(q="  two\nlines ").query == "two\nlines"


def test_the_filters_of_a_state_are_its_filters_alone() -> None:
    assert ASKED.filters == Filters(country=("DE", "FR"), status=("ended",))
    assert PageState(q="a", pick=("b",)).filters == Filters()


def test_one_value_of_a_filter_is_removed_and_the_listing_starts_again() -> None:
    left = ASKED.without("country", "DE")

    assert left == ASKED.changed(country=("FR",), page=1)
    assert ASKED.without("country", "GR") == ASKED.changed(page=1)
    assert ASKED.country == ("DE", "FR")


def test_a_whole_filter_or_all_of_them_are_removed_and_the_rest_is_kept() -> None:
    assert ASKED.without("country") == ASKED.changed(country=(), page=1)
    assert ASKED.without_filters() == PageState(q="a b", pick=("mentors",), lang="de")


def test_the_listing_of_a_value_keeps_only_the_language_and_the_shortlist() -> None:
    assert ASKED.listing_of("approaches", "mentoring") == "/practices?approaches=mentoring&pick=mentors&lang=de"


def test_a_pick_is_put_at_the_end_of_the_shortlist_and_taken_off_again() -> None:
    both = ASKED.picked("street-work")

    assert both.pick == ("mentors", "street-work")
    assert both.picked("mentors").pick == ("street-work",)
    assert both.picked("street-work") == ASKED


@pytest.mark.parametrize(
    ("practice_id", "path"),
    [
        ("quabb", "/practices/quabb"),
        ("50%41", "/practices/50%2541"),
        ("a\\b", "/practices/a%5Cb"),
        ("é🎓", "/practices/%C3%A9%F0%9F%8E%93"),
        ("<img>&\"'+;", "/practices/%3Cimg%3E%26%22%27%2B%3B"),
        ("a..b~c_d-e", "/practices/a..b~c_d-e"),
    ],
)
def test_the_path_of_a_practice_is_quoted(practice_id: str, path: str) -> None:
    assert practice_path(practice_id) == path


@given(practice_id=st.from_regex(r"\A[^\s/?#.\x00-\x1f\ud800-\udfff][^\s/?#\x00-\x1f\ud800-\udfff]{0,20}\Z"))
def test_any_id_survives_its_path_which_holds_nothing_that_a_url_reads_otherwise(practice_id: str) -> None:
    path = practice_path(Practice(id=practice_id, title="Any").id)

    assert unquote(path) == f"/practices/{practice_id}"
    assert set(path) <= set(string.ascii_letters + string.digits + "-._~%/")
    assert path.count("/") == 2
