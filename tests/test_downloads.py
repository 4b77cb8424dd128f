"""What people take along: the answer to a question, or a shortlist, as a file that says the same as the page."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime

import docx
import pytest
from starlette.testclient import TestClient

from service.downloads import router
from service.encoder_queue import BusyError, EncoderQueue
from service.problems import MEDIA_TYPE
from tests.fakes import PRACTICES, WordEncoder, calibrated_source, fake_spec
from tests.site import CATALOGUE, HOSTILE
from tests.test_api import INVALID, PROBLEM, QUESTION, UNKNOWN, assert_problem, built, built_of, running
from tests.test_spreadsheets import csv_rows, sheets

HOME = "http://practices.example"
PATH = "/download/practices"
BROWSER = {"Accept": "text/html", "Accept-Language": "en"}
OFFICE = "application/vnd.openxmlformats-officedocument"


@pytest.fixture(scope="module")
def words() -> WordEncoder:
    return WordEncoder(fake_spec(dim=512))


@pytest.fixture(scope="module")
def client(tmp_path_factory, words) -> Iterator[TestClient]:
    """A service over the small catalogue, with a calibration."""
    release = built_of(tmp_path_factory.mktemp("calibrated"), calibrated_source(), words)
    with running(release, words, base_url=HOME) as judged:
        yield judged


@pytest.fixture(scope="module")
def site(tmp_path_factory, words) -> Iterator[TestClient]:
    """A service over 13 practices, hostile ones among them, without a calibration."""
    with running(built(tmp_path_factory.mktemp("site"), CATALOGUE, words), words, base_url=HOME) as many:
        yield many


@pytest.fixture(autouse=True)
def _always_the_same_day(monkeypatch: pytest.MonkeyPatch) -> None:
    class Frozen(datetime):
        @classmethod
        def now(cls, tz=None):
            assert tz is UTC
            return cls(2026, 11, 25, 23, 59, tzinfo=tz)

    monkeypatch.setattr(router, "datetime", Frozen)


def rows(client: TestClient, **parameters: object) -> list[dict[str, str]]:
    answer = client.get(f"{PATH}.csv", params=parameters, headers=BROWSER)
    assert answer.status_code == 200
    return csv_rows(answer.content)


def search(client: TestClient, **parameters: object) -> list[dict]:
    return client.get("/api/v1/search", params=parameters).json()["hits"]


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("csv", "text/csv; charset=utf-8"),
        ("xlsx", f"{OFFICE}.spreadsheetml.sheet"),
        ("docx", f"{OFFICE}.wordprocessingml.document"),
    ],
)
def test_a_file_is_saved_under_a_name_with_its_day_and_never_shown(client, kind, media_type) -> None:
    answer = client.get(f"{PATH}.{kind}", params={"q": QUESTION}, headers=BROWSER)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"] == f'attachment; filename="practices-2026-11-25.{kind}"'
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_csv_has_the_hits_of_the_page_in_their_order_with_their_reasons(client) -> None:
    hits = search(client, q=QUESTION)
    found = rows(client, q=QUESTION)

    assert [row["Id"] for row in found] == [hit["practice"]["id"] for hit in hits]
    assert [row["Rank"] for row in found] == [str(rank) for rank in range(1, len(hits) + 1)]
    assert [row["Confidence (0 to 1)"] for row in found] == [str(hit["confidence"]) for hit in hits]
    reasons = [hit["explanation"] for hit in hits]
    assert [row["Sentence of the practice"] for row in found] == [one["sentence"]["text"] for one in reasons]
    assert [row["Part of the question that it answers"] for row in found] == [one["answers"]["text"] for one in reasons]
    first = found[0]
    assert (first["Id"], first["Country"], first["Approaches"]) == ("mentors", "Germany", "Mentoring")
    assert first["Sentence of the practice"] == PRACTICES[0].summary
    assert {row["Question"] for row in found} == {QUESTION}


def test_the_workbook_and_the_document_hold_the_same_practices(client) -> None:
    titles = [row["Title"] for row in rows(client, q=QUESTION)]
    workbook = client.get(f"{PATH}.xlsx", params={"q": QUESTION}, headers=BROWSER).content
    document = client.get(f"{PATH}.docx", params={"q": QUESTION}, headers=BROWSER).content

    head, *body = sheets(workbook)["Practices"]
    (column,) = [letters for letters, title in head.items() if title == "Title"]
    assert [row[column] for row in body] == titles
    paragraphs = docx.Document(io.BytesIO(document)).paragraphs
    headings = [one.text for one in paragraphs if one.style.name == "Heading 1"]
    assert headings[:-1] == [f"{rank}. {title}" for rank, title in enumerate(titles, start=1)]


def about(client: TestClient, **parameters: object) -> dict[str, str]:
    """Return what the second sheet of the workbook says of the list."""
    content = client.get(f"{PATH}.xlsx", params=parameters, headers=BROWSER).content
    return {row["A"]: row["B"] for row in sheets(content)["About this list"]}


def test_a_file_says_what_was_asked_with_which_filters_and_where_it_is_shown(client) -> None:
    told = about(client, q=QUESTION, country="DE", status="running", top_k=3, lang="en")

    assert told["Question"] == QUESTION
    assert told["Verdict"] == "These practices fit the question."
    assert told["Filters"] == "Country: Germany; Status: Running"
    assert told["Address"] == f"{HOME}/?country=DE&status=running&q={QUESTION.replace(' ', '+')}&top_k=3&lang=en"
    assert told["Date"] == "25 November 2026"
    index = client.get("/api/v1/index").json()
    assert told["Release"] == index["release_id"]
    assert told["How this list was made"].startswith("The question was compared in meaning and words with 4 practices")
    assert [row["Id"] for row in rows(client, q=QUESTION, country="DE", status="running")] == ["mentors"]


def test_as_many_hits_as_the_page_shows_are_in_the_file(site) -> None:
    assert len(rows(site, q=QUESTION)) == 10
    assert [row["Id"] for row in rows(site, q=QUESTION, top_k=2)] == [
        hit["practice"]["id"] for hit in search(site, q=QUESTION, top_k=2)
    ]
    assert len(rows(site, q=QUESTION, top_k=100)) == len(CATALOGUE)


def test_a_shortlist_is_in_the_order_of_its_picks_and_without_reasons_where_nothing_was_asked(client) -> None:
    found = rows(client, pick=["street-work", "mentors"])

    assert [row["Id"] for row in found] == ["street-work", "mentors"]
    assert [(row["Rank"], row["Confidence"], row["Sentence of the practice"]) for row in found] == [("", "", "")] * 2
    told = about(client, pick=["street-work", "mentors"], lang="en")
    assert told["Address"] == f"{HOME}/compare?pick=street-work&pick=mentors&lang=en"
    assert {"Question", "Verdict", "Filters"} & set(told) == set()


def test_picks_keep_their_rank_and_their_reason_even_behind_the_first_ten_hits(site) -> None:
    hits = {hit["practice"]["id"]: hit for hit in search(site, q=QUESTION, top_k=100)}
    last = list(hits)[-1]
    found = rows(site, q=QUESTION, pick=[last, "mentors"])

    assert [(row["Id"], row["Rank"]) for row in found] == [(last, "13"), ("mentors", "1")]
    assert [row["Sentence of the practice"].removeprefix("'") for row in found] == [
        hits[practice_id]["explanation"]["sentence"]["text"] for practice_id in (last, "mentors")
    ]
    assert all(row["Part of the question that it answers"] == QUESTION for row in found)


def test_a_pick_that_does_not_pass_the_filters_is_in_the_file_without_a_reason(site) -> None:
    found = rows(site, q=QUESTION, country="DE", pick=["second-school", "mentors"])

    assert [(row["Id"], row["Rank"]) for row in found] == [("second-school", ""), ("mentors", "1")]
    assert found[0]["Sentence of the practice"] == ""


def test_a_question_that_nothing_fits_gives_a_file_that_says_so(client, monkeypatch) -> None:
    monkeypatch.setattr("service.confidence.NONE_BELOW", 0.4)  # whatever limit the shipped catalogue has
    question = "Fry the onions slowly and bake a cake with butter."

    assert rows(client, q=question) == []
    assert about(client, q=question)["Verdict"].startswith("Nothing in this catalogue fits the question.")


def test_each_practice_answers_its_own_part_of_a_long_question(client) -> None:
    found = {row["Id"]: row["Part of the question that it answers"] for row in rows(client, q=PROBLEM)}

    assert "apprentices" in found["mentors"] or "master" in found["mentors"]
    assert "nurse" in found["absence-call"] or "absence" in found["absence-call"]


def test_the_file_is_in_the_language_of_the_reader(client) -> None:
    by_url = client.get(f"{PATH}.csv", params={"q": QUESTION, "lang": "fi"}, headers=BROWSER)
    by_browser = client.get(f"{PATH}.csv", params={"q": QUESTION}, headers={"Accept-Language": "fi-FI"})

    assert by_url.content.replace(b"&lang=fi", b"") == by_browser.content
    assert "Saksa" in csv_rows(by_url.content)[0].values()
    for answer in (by_url, by_browser):
        assert answer.headers["content-language"] == "fi"
        assert "Accept-Language" in answer.headers["vary"]


def test_hostile_texts_are_cells_that_no_program_executes(site) -> None:
    (row,) = rows(site, pick=HOSTILE[0].id)

    assert row["Title"] == HOSTILE[0].title
    assert row["Id"] == HOSTILE[0].id
    assert row["Summary"] == f"'{HOSTILE[0].summary}"
    asked = rows(site, q="=1+1 mentors", top_k=1)[0]
    assert asked["Question"] == "'=1+1 mentors"
    for kind in ("xlsx", "docx"):
        assert site.get(f"{PATH}.{kind}", params={"pick": HOSTILE[0].id}).status_code == 200


@pytest.mark.parametrize(
    "parameters", [{}, {"q": "  "}, {"country": "DE"}, {"q": "x" * 20_001}, {"q": "x" * 20_001, "pick": "mentors"}]
)
def test_where_nothing_is_asked_that_can_be_answered_there_is_no_file(client, parameters) -> None:
    assert_problem(client.get(f"{PATH}.csv", params=parameters), 422, "about:blank")
    page = client.get(f"{PATH}.csv", params=parameters, headers=BROWSER)
    assert page.status_code == 422
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "content-disposition" not in page.headers


@pytest.mark.parametrize(
    ("path", "parameters"), [(f"{PATH}.pdf", {"q": "a"}), (f"{PATH}.csv", {"q": "a", "top_k": 101})]
)
def test_another_kind_or_a_wrong_number_is_refused(client, path, parameters) -> None:
    assert_problem(client.get(path, params=parameters), 422, INVALID)


def test_a_pick_that_is_not_in_the_catalogue_is_not_found(client) -> None:
    problem = assert_problem(client.get(f"{PATH}.csv", params={"pick": ["mentors", "nobody"]}), 404, UNKNOWN)

    assert problem["detail"] == "no practice with id 'nobody' in this catalogue"


def test_a_full_queue_is_said_to_people_and_to_programs(client, monkeypatch) -> None:
    async def refuse(*_: object) -> None:
        raise BusyError("2 questions are waiting already; try again in a moment")

    monkeypatch.setattr(EncoderQueue, "encode_queries", refuse)
    page = client.get(f"{PATH}.docx", params={"q": QUESTION}, headers=BROWSER)
    program = client.get(f"{PATH}.docx", params={"q": QUESTION})

    assert (page.status_code, program.status_code) == (503, 503)
    assert (page.headers["content-type"], program.headers["content-type"]) == ("text/html; charset=utf-8", MEDIA_TYPE)
    assert page.headers["retry-after"] == program.headers["retry-after"] == "1"
    assert rows(client, pick="mentors")[0]["Id"] == "mentors"  # a shortlist alone needs no encoder
