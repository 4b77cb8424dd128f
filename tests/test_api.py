"""The HTTP calls: the same answers by GET and POST, every error as a problem document, hostile text unchanged."""

import json
import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, replace
from http import HTTPStatus
from random import Random
from urllib.parse import quote, urljoin, urlsplit

import pytest
from starlette.testclient import TestClient

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.passages import practice_text
from indexer.practice import Practice, field_values
from indexer.release_files import ReleaseError
from indexer.source import CatalogueSource
from service.app import create_app, create_app_from_settings
from service.aspects import COVERED_FROM, LARGEST_SET
from service.encoder_queue import EncoderQueue
from service.filters import FILTER_FIELDS
from service.problems import MEDIA_TYPE, RETRY_AFTER_SECONDS
from service.retriever import Retriever
from service.schemas import PracticeSummary
from service.settings import Settings
from tests.fakes import PRACTICES, VOCABULARY, WordEncoder, calibrated_source, fake_spec, small_source

API = "/api/v1"
QUESTION = "retired masters who mentor apprentices"
GREETING = "Good morning and many thanks for your help."
NEED_OF_A_MENTOR = (
    "Our apprentices think of quitting because no master listens to them in the first year.",
    "We need a retired master who mentors each of them every week and gives advice.",
)
NEED_OF_A_CALL = (
    "Some pupils are often sick and their parents are never told of the absence on the same day.",
    "We need a nurse who phones the parents.",
)
PROBLEM = f"🎓 {GREETING} {' '.join(NEED_OF_A_MENTOR)}\n{' '.join(NEED_OF_A_CALL)} With kind regards and many thanks."
SURROGATE_BODY = rb'{"query": "half a \ud800 character"}'
INVALID = "urn:practices:problem:invalid-request"
UNKNOWN = "urn:practices:problem:unknown-practice"
HOSTILE = Practice(
    id="<img>&\"'+;[bold]é🎓",
    title="<script>alert('x')</script> \"quoted\" & 'single'",
    original_title="\u200fעברית\u200e \u202eback to front\u202c",
    summary="👩🏽‍🏫🎓 </textarea><!-- ]]> {{ 7*7 }} ${x} \\ \x1b[31m",
    description="Line one\u2028line two\u0000 ' OR 1=1; --",
    region="Île-de-France <b>",
    country="FR",
)


def built(folder, practices, encoder) -> Retriever:
    return built_of(folder, small_source(practices), encoder)


def built_of(folder, source: CatalogueSource, encoder) -> Retriever:
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, encoder.spec.dim)
    return Retriever(
        build_release(source, encoder, releases=folder / "releases", cache=cache, progress=lambda *_: None)
    )


def retriever_of(client: TestClient) -> Retriever:
    return client.app.state.switch.answering.retriever


@contextmanager
def running(retriever, encoder, *, queue_size=8, remembered=0, **options) -> Iterator[TestClient]:
    app = create_app(retriever, encoder, queue_size=queue_size, remembered=remembered)
    with TestClient(app, **options) as client:
        yield client


@pytest.fixture(scope="module")
def words() -> WordEncoder:
    return WordEncoder(fake_spec(dim=512))


@pytest.fixture(scope="module")
def client(tmp_path_factory, words) -> Iterator[TestClient]:
    with running(built(tmp_path_factory.mktemp("small"), PRACTICES, words), words) as small:
        yield small


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory, words) -> Iterator[TestClient]:
    with running(built_of(tmp_path_factory.mktemp("calibrated"), calibrated_source(), words), words) as judged:
        yield judged


PROGRAMMES = tuple(
    Practice(
        id=f"p{number:03}",
        title=f"Plan {number:03}",
        description=" ".join(chance.choices([f"word{one}" for one in range(60)], k=12)) + ".",
        country=chance.choice(["DE", "FR", "GR", None]),
        approaches=tuple(chance.sample(list(VOCABULARY["approaches"]), k=chance.choice([0, 1, 1, 2]))),
        target_groups=tuple(chance.sample(["adults", "apprentices", "neets"], k=chance.choice([0, 1, 2]))),
    )
    for chance in [Random(21)]
    for number in range(130)
)


@pytest.fixture(scope="module")
def programmes(tmp_path_factory, words) -> Iterator[TestClient]:
    with running(built(tmp_path_factory.mktemp("programmes"), PROGRAMMES, words), words) as many:
        yield many


@pytest.fixture(scope="module")
def listing(tmp_path_factory, words) -> Iterator[TestClient]:
    practices = [
        Practice(id=f"p{number:02}", title=f"Plan {number:02}", country="DE" if number % 3 else "FR")
        for number in reversed(range(75))
    ]
    with running(built(tmp_path_factory.mktemp("many"), practices, words), words) as many:
        yield many


@pytest.fixture(scope="module")
def unsorted(tmp_path_factory, words) -> Iterator[TestClient]:
    practices = [
        Practice(id="d", title="delta", country="AT", start_year=2001, evidence_level=3),
        Practice(id="c", title="Charlie", start_year=2015, evidence_level=0),
        Practice(id="b", title="bravo", country="FR"),
        Practice(id="a2", title="Alpha", country="DE", start_year=2001),
        Practice(id="a1", title="alpha", evidence_level=1),
    ]
    with running(built(tmp_path_factory.mktemp("unsorted"), practices, words), words) as some:
        yield some


def ids(answer) -> list[str]:
    return [hit["practice"]["id"] for hit in answer.json()["hits"]]


def assert_problem(answer, status, kind) -> dict:
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE == "application/problem+json"
    problem = answer.json()
    assert list(problem) == ["type", "title", "status", "detail", "instance", "errors"]
    assert problem["instance"] == answer.headers["x-request-id"]
    assert problem["type"] == kind
    assert problem["title"] == HTTPStatus(status).phrase
    assert problem["status"] == status
    assert problem["detail"]
    for error in problem["errors"]:
        assert list(error) == ["field", "found", "expected"]
        assert f"{error['field']}: {error['expected']}, found {error['found']}" in problem["detail"]
    return problem


def without_time(answer) -> dict:
    return {name: value for name, value in answer.json().items() if name != "took_ms"}


def test_search_puts_the_practice_first_that_says_the_same(client, words):
    answer = client.post(f"{API}/search", json={"query": f"  {QUESTION}\n"})
    assert answer.status_code == 200
    content = answer.json()
    assert list(content) == [
        "query",
        "language",
        "verdict",
        "message",
        "nearest_theme",
        "hits",
        "aspects",
        "coverage",
        "facets",
        "index",
        "took_ms",
    ]
    assert content["query"] == QUESTION
    assert content["language"] == "en"
    assert content["index"]["encoder"] == words.spec.identity
    assert content["took_ms"] >= 0
    assert sorted(ids(answer)) == sorted(practice.id for practice in PRACTICES)
    assert ids(answer)[0] == "mentors"
    assert [hit["rank"] for hit in content["hits"]] == [1, 2, 3, 4]
    scores = [hit["score"] for hit in content["hits"]]
    assert scores == sorted(scores, reverse=True)
    shown = content["hits"][0]["practice"]
    assert shown == {name: value for name, value in PRACTICES[0].model_dump(mode="json").items() if name in shown}


def test_a_catalogue_without_a_calibration_says_nothing_of_what_it_does_not_know(client):
    content = client.post(f"{API}/search", json={"query": "recipe for apple cake"}).json()
    assert (content["verdict"], content["message"], content["nearest_theme"]) == (None, None, None)
    assert [hit["confidence"] for hit in content["hits"]] == [None] * 4


@pytest.mark.parametrize(
    ("body", "url"),
    [
        ({"query": QUESTION}, {"q": QUESTION}),
        (
            {"query": "Où sont les élèves absents ? & <b>", "top_k": 2},
            {"q": "Où sont les élèves absents ? & <b>", "top_k": 2},
        ),
        ({"query": "a", "filters": {"country": ["DE", "NL"]}}, {"q": "a", "country": ["DE", "NL"]}),
        (
            {"query": "a", "top_k": 1, "explain": False, "filters": {"status": ["running"], "evidence_level": ["0"]}},
            {"q": "a", "top_k": 1, "explain": "false", "status": "running", "evidence_level": "0"},
        ),
        ({"query": "a", "filters": {"region": ["Nowhere"]}}, {"q": "a", "region": "Nowhere"}),
    ],
)
def test_get_and_post_give_the_same_answer(client, body, url):
    by_body, by_url = client.post(f"{API}/search", json=body), client.get(f"{API}/search", params=url)
    assert by_body.status_code == by_url.status_code == 200
    assert without_time(by_body) == without_time(by_url)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"country": ["DE", "NL"]}, {"mentors", "absence-call", "street-work"}),
        ({"country": ["DE", "NL"], "approaches": ["mentoring"]}, {"mentors", "street-work"}),
        ({"target_groups": ["adults", "neets"]}, {"second-school", "street-work"}),
        ({"evidence_level": ["0", "3"]}, {"second-school", "absence-call"}),
        ({"country": ["GR"], "status": ["ended"]}, set()),
        ({"country": ["Atlantis"]}, set()),
        ({"country": []}, {"mentors", "second-school", "absence-call", "street-work"}),
    ],
)
def test_filters_hold_by_post_and_by_repeated_parameters(client, filters, expected):
    by_body = client.post(f"{API}/search", json={"query": QUESTION, "filters": filters})
    by_url = client.get(f"{API}/search", params={"q": QUESTION, **filters})
    listed = client.get(f"{API}/practices", params=filters).json()
    assert set(ids(by_body)) == set(ids(by_url)) == expected
    assert {practice["id"] for practice in listed["practices"]} == expected
    assert listed["total"] == len(expected)


def test_an_answer_that_fits_is_called_good_and_its_confidence_falls_with_the_rank(calibrated):
    content = calibrated.post(f"{API}/search", json={"query": QUESTION}).json()
    assert content["verdict"] == "good"
    assert content["message"] == "These practices fit the question."
    assert content["nearest_theme"] is None
    confidences = [hit["confidence"] for hit in content["hits"]]
    assert content["hits"][0]["practice"]["id"] == "mentors"
    assert confidences == sorted(confidences, reverse=True)
    assert 0.9 < confidences[0] <= 1
    assert 0 <= confidences[-1] < 0.1


def test_a_weak_answer_brings_hits_and_the_theme_to_look_at(calibrated):
    content = calibrated.post(f"{API}/search", json={"query": "school phone"}).json()
    assert content["verdict"] == "weak"
    assert content["message"] == (
        "These practices touch the question; none may fit it well. The nearest theme is: Second-chance education."
    )
    assert content["nearest_theme"] == {
        "field": "approaches",
        "code": "second-chance",
        "label": "Second-chance education",
    }
    assert content["hits"][0]["practice"]["id"] == "second-school"


@pytest.mark.parametrize(
    "question", ["beat the eggs and bake the cake", "tickets for the cup final sold out", "rain and strong wind"]
)
def test_a_question_of_something_else_brings_no_hits_but_a_message_and_a_theme(calibrated, question, monkeypatch):
    monkeypatch.setattr("service.confidence.NONE_BELOW", 0.4)  # whatever limit the shipped catalogue has
    answer = calibrated.post(f"{API}/search", json={"query": question})
    content = answer.json()
    assert answer.status_code == 200
    assert (content["verdict"], content["hits"], content["aspects"], content["coverage"]) == ("none", [], [], None)
    theme = content["nearest_theme"]
    assert theme["field"] == "approaches"
    assert VOCABULARY["approaches"][theme["code"]] == theme["label"]
    assert content["message"] == (
        f"Nothing in this catalogue fits the question. The nearest theme is: {theme['label']}."
    )
    assert set(map(len, content["facets"].values())) == {0}
    assert without_time(calibrated.get(f"{API}/search", params={"q": question})) == without_time(answer)


def test_there_is_no_verdict_on_an_answer_that_filters_have_emptied(calibrated):
    content = calibrated.post(f"{API}/search", json={"query": QUESTION, "filters": {"country": ["SE"]}}).json()
    assert (content["verdict"], content["message"], content["nearest_theme"]) == (None, None, None)
    assert (content["hits"], content["aspects"], content["coverage"]) == ([], [], None)


def text_of(practice_id: str) -> str:
    return next(practice_text(practice) for practice in PRACTICES if practice.id == practice_id)


@pytest.mark.parametrize("query", [QUESTION, PROBLEM, "Élèves 🎓 absents: who phones the pupils’ parents?"])
def test_an_explanation_points_at_its_sentence_and_at_the_part_of_the_query_it_answers(client, query):
    content = client.post(f"{API}/search", json={"query": f" \n{query}\t"}).json()
    assert content["query"] == query
    assert len(content["hits"]) == 4
    for hit in content["hits"]:
        explanation = hit["explanation"]
        sentence, answers = explanation["sentence"], explanation["answers"]
        text = text_of(hit["practice"]["id"])
        assert sentence["text"] == text[sentence["start"] : sentence["end"]]
        assert answers["text"] == query[answers["start"] : answers["end"]]
        assert hit["practice"]["title"] not in sentence["text"]


def test_the_explanation_names_the_sentence_that_says_the_same_and_what_both_are_about(client):
    [hit] = client.post(f"{API}/search", json={"query": "mentoring in Germany by retired masters", "top_k": 1}).json()[
        "hits"
    ]
    assert hit["practice"]["id"] == "mentors"
    assert hit["explanation"] == {
        "sentence": {"text": "Retired masters mentor apprentices who think of quitting.", "start": 15, "end": 72},
        "answers": {"text": "mentoring in Germany by retired masters", "start": 0, "end": 39},
        "shared": [
            {"field": "approaches", "value": "mentoring", "label": "Mentoring"},
            {"field": "country", "value": "DE", "label": "Germany"},
        ],
    }


def test_a_hit_of_a_long_problem_answers_the_sentence_that_it_fits(calibrated):
    hits = calibrated.post(f"{API}/search", json={"query": PROBLEM}).json()["hits"]
    answered = {hit["practice"]["id"]: hit["explanation"]["answers"]["text"] for hit in hits}
    assert answered["mentors"] in NEED_OF_A_MENTOR
    assert answered["absence-call"] in NEED_OF_A_CALL


@pytest.mark.parametrize("query", [QUESTION, PROBLEM])
def test_without_explain_every_explanation_is_null_and_nothing_else_changes(calibrated, query):
    explained, plain = (
        without_time(calibrated.post(f"{API}/search", json={"query": query, "explain": explain}))
        for explain in (True, False)
    )
    assert [hit["explanation"] for hit in plain["hits"]] == [None] * 4
    assert None not in [hit["explanation"] for hit in explained["hits"]]
    for hit in explained["hits"]:
        hit["explanation"] = None
    assert plain == explained


def test_a_long_problem_is_taken_apart_into_its_needs(calibrated):
    content = calibrated.post(f"{API}/search", json={"query": PROBLEM}).json()
    assert [[part["text"] for part in aspect["parts"]] for aspect in content["aspects"]] == [
        list(NEED_OF_A_MENTOR),
        list(NEED_OF_A_CALL),
    ]
    for aspect in content["aspects"]:
        for part in aspect["parts"]:
            assert PROBLEM[part["start"] : part["end"]] == part["text"]
            assert part["role"] in ("who", "why", "what")
        assert aspect["parts"][1]["role"] == "what"
        assert [hit["rank"] for hit in aspect["hits"]] == [1, 2, 3, 4]
    assert [aspect["hits"][0]["practice"]["id"] for aspect in content["aspects"]] == ["mentors", "absence-call"]
    assert content["coverage"]["smallest_set"] == ["absence-call", "mentors"]


@pytest.mark.parametrize("filters", [{}, {"country": ["DE", "GR"]}, {"status": ["ended"]}])
def test_the_coverage_agrees_with_the_aspects_and_the_smallest_set_with_the_coverage(calibrated, filters):
    content = calibrated.post(f"{API}/search", json={"query": PROBLEM, "filters": filters}).json()
    aspects, coverage = content["aspects"], content["coverage"]
    assert len(aspects) == 2
    expected: dict[str, list[float]] = {}
    for at, aspect in enumerate(aspects):
        for hit in aspect["hits"]:
            expected.setdefault(hit["practice"]["id"], [0.0, 0.0])[at] = hit["confidence"]
    matrix = {row["practice_id"]: row["confidence"] for row in coverage["matrix"]}
    assert matrix == expected
    addresses = {row["practice_id"]: row["addresses"] for row in coverage["matrix"]}
    assert addresses == {one: [value >= COVERED_FROM for value in row] for one, row in matrix.items()}

    assert {one for one in coverage["smallest_set"] if any(addresses[one])} == set(coverage["smallest_set"])
    assert 1 <= len(coverage["smallest_set"]) <= LARGEST_SET


def test_the_practices_of_an_aspect_pass_the_filters(calibrated):
    body = {"query": PROBLEM, "filters": {"country": ["DE"]}}
    content = calibrated.post(f"{API}/search", json=body).json()
    found = [[hit["practice"]["id"] for hit in aspect["hits"]] for aspect in content["aspects"]]
    assert [sorted(one) for one in found] == [["mentors", "street-work"]] * 2
    assert sorted(row["practice_id"] for row in content["coverage"]["matrix"]) == ["mentors", "street-work"]
    assert content["coverage"]["smallest_set"] == ["mentors"]


@pytest.mark.parametrize("query", [QUESTION, "Who mentors apprentices? Who phones the parents of sick pupils?"])
def test_a_short_question_has_no_aspects(calibrated, query):
    content = calibrated.post(f"{API}/search", json={"query": query}).json()
    assert content["verdict"] == "good"
    assert (content["aspects"], content["coverage"]) == ([], None)


def test_the_facets_of_a_search_count_what_is_shown(client):
    answer = client.post(f"{API}/search", json={"query": QUESTION, "top_k": 3})
    found = set(ids(answer))
    assert len(found) == 3
    shown = [practice for practice in PRACTICES if practice.id in found]
    assert list(answer.json()["facets"]) == list(FILTER_FIELDS)
    for field in FILTER_FIELDS:
        values = Counter(value for practice in shown for value in field_values(practice, field))
        counts = {facet["value"]: facet["count"] for facet in answer.json()["facets"][field]}
        assert counts == values


def test_the_longest_question_is_answered(client):
    answer = client.post(f"{API}/search", json={"query": ("apprentices " * 1667)[:20_000].strip()})
    assert ids(answer)[0] == "mentors"
    padded = client.post(f"{API}/search", json={"query": "x" * 20_000 + " "})
    assert padded.status_code == 200


def test_nul_characters_in_a_question_are_harmless(client):
    body = client.post(f"{API}/search", json={"query": f"\x00{QUESTION} \x00"})
    url = client.get(f"{API}/search", params={"q": f"\x00{QUESTION} \x00"})
    assert body.status_code == url.status_code == 200
    assert body.json()["query"] == url.json()["query"] == f"\x00{QUESTION} \x00"
    assert sorted(ids(body)) == sorted(ids(url)) == sorted(practice.id for practice in PRACTICES)


@pytest.mark.parametrize(
    ("body", "field", "found", "expected"),
    [
        ({"query": " \n\t "}, "query", r'" \n\t "', "at least 1 character"),
        ({"query": ""}, "query", '""', "at least 1 character"),
        ({}, "query", "{}", "required"),
        ({"query": "x" * 20_001}, "query", "(20001 characters)", "at most 20000 characters"),
        ({"query": None}, "query", "null", "valid string"),
        ({"query": ["a"]}, "query", '["a"]', "valid string"),
        ({"query": "a", "top_k": 0}, "top_k", "0", "greater than or equal to 1"),
        ({"query": "a", "top_k": 101}, "top_k", "101", "less than or equal to 100"),
        ({"query": "a", "top_k": "x"}, "top_k", '"x"', "valid integer"),
        ({"query": "a", "filters": {"colour": ["red"]}}, "filters.colour", '["red"]', "not permitted"),
        ({"query": "a", "filters": {"country": "DE"}}, "filters.country", '"DE"', "valid tuple"),
        ({"query": "a", "filters": {"country": [1]}}, "filters.country.0", "1", "valid string"),
        ({"query": "a", "colour": "red"}, "colour", '"red"', "not permitted"),
        ({"query": "a", "q": "b"}, "q", '"b"', "not permitted"),
        ([], "body", "[]", "valid dictionary"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)
def test_a_body_that_is_not_valid_is_a_problem_that_names_the_field(client, body, field, found, expected):
    (error,) = assert_problem(client.post(f"{API}/search", json=body), 422, INVALID)["errors"]
    assert error["field"] == field
    assert found in error["found"]
    assert len(error["found"]) < 120
    assert expected in error["expected"]


@pytest.mark.parametrize(
    ("path", "parameters", "field", "expected"),
    [
        ("/search", {"q": "  "}, "q", "at least 1 character"),
        ("/search", {}, "q", "required"),
        ("/search", {"q": "x" * 20_001}, "q", "at most 20000 characters"),
        ("/search", {"q": "a", "top_k": 0}, "top_k", "greater than or equal to 1"),
        ("/search", {"q": "a", "top_k": 101}, "top_k", "less than or equal to 100"),
        ("/search", {"q": "a", "top_k": "x"}, "top_k", "valid integer"),
        ("/search", {"q": "a", "colour": "red"}, "colour", "not permitted"),
        ("/search", {"q": "a", "query": "a"}, "query", "not permitted"),
        ("/practices", {"colour": "red"}, "colour", "not permitted"),
        ("/practices", {"page": 0}, "page", "greater than or equal to 1"),
        ("/practices", {"page": "last"}, "page", "valid integer"),
        ("/practices", {"page_size": 0}, "page_size", "greater than or equal to 1"),
        ("/practices", {"page_size": 101}, "page_size", "less than or equal to 100"),
        ("/practices", {"sort": "colour"}, "sort", "'title', 'country', 'newest' or 'evidence'"),
        ("/facets", {"colour": "red"}, "colour", "not permitted"),
        ("/practices/mentors/related", {"top_k": 0}, "top_k", "greater than or equal to 1"),
        ("/practices/mentors/related", {"top_k": 101}, "top_k", "less than or equal to 100"),
        ("/practices/mentors/related", {"mode": "nearest"}, "mode", "'similar', 'same-approach', 'same-target-group'"),
        ("/practices/mentors/related", {"mode": ""}, "mode", "'other-country' or 'diverse'"),
        ("/practices/mentors/related", {"page": 0}, "page", "greater than or equal to 1"),
        ("/practices/mentors/related", {"page": 1001}, "page", "less than or equal to 1000"),
        ("/practices/mentors/related", {"page": "last"}, "page", "valid integer"),
        ("/practices/mentors/related", {"country": "DE"}, "country", "not permitted"),
        ("/search", {"q": "a", "explain": "perhaps"}, "explain", "valid boolean"),
    ],
)
def test_a_url_that_is_not_valid_is_a_problem_that_names_the_parameter(client, path, parameters, field, expected):
    (error,) = assert_problem(client.get(API + path, params=parameters), 422, INVALID)["errors"]
    assert error["field"] == field
    assert expected in error["expected"]


def test_all_faults_of_a_request_are_reported_at_once(client):
    problem = assert_problem(client.post(f"{API}/search", json={"top_k": 0, "colour": "red"}), 422, INVALID)
    assert sorted(error["field"] for error in problem["errors"]) == ["colour", "query", "top_k"]


@pytest.mark.parametrize("body", [b'{"query": ', b"", b"query=a", b'{"query": "a"} x', b"\x00"])
def test_a_broken_body_is_a_problem(client, body):
    answer = client.post(f"{API}/search", content=body, headers={"content-type": "application/json"})
    assert len(assert_problem(answer, 422, INVALID)["errors"]) == 1


def test_a_broken_body_is_named_as_the_body(client):
    answer = client.post(f"{API}/search", content=b'{"query": ', headers={"content-type": "application/json"})
    assert assert_problem(answer, 422, INVALID)["errors"][0]["field"] == "body"


@pytest.mark.parametrize("body", [b'{"query": "\xff"}', b'{"query": "a", "top_k": ' + b"9" * 5000 + b"}"])
def test_a_body_that_cannot_be_read_is_a_problem(client, body):
    answer = client.post(f"{API}/search", content=body, headers={"content-type": "application/json"})
    assert_problem(answer, 400, "about:blank")


def test_half_a_character_in_a_question_is_a_problem(client):
    answer = client.post(f"{API}/search", content=SURROGATE_BODY, headers={"content-type": "application/json"})
    (error,) = assert_problem(answer, 422, INVALID)["errors"]
    assert error["field"] == "query"
    assert error["found"] == r'"half a \ud800 character"'


@pytest.mark.parametrize("path", ["/practices/nobody", "/practices/nobody/related", "/practices/Mentors"])
def test_an_unknown_practice_is_a_problem_that_names_the_id(client, path):
    problem = assert_problem(client.get(API + path), 404, UNKNOWN)
    assert problem["detail"] == f"no practice with id '{path.split('/')[2]}' in this catalogue"
    assert problem["errors"] == []


@pytest.mark.parametrize("path", ["/nothing", f"{API}/nothing", f"{API}/practices/mentors/x", "/%3Cscript%3E"])
def test_an_unknown_path_is_a_problem(client, path):
    problem = assert_problem(client.get(path), 404, "about:blank")
    assert problem["detail"].startswith(f"GET {path.replace('%3C', '<').replace('%3E', '>')}: ")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("DELETE", "/practices", "GET"), ("POST", "/practices/mentors", "GET"), ("GET", "/similar", "POST")],
)
def test_a_wrong_method_is_a_problem_that_says_which_one_is_right(client, method, path, allowed):
    answer = client.request(method, API + path)
    problem = assert_problem(answer, 405, "about:blank")
    assert problem["detail"].startswith(f"{method} {API}{path}: ")
    assert answer.headers["allow"] == allowed


def asked_again(client, words, calls):
    """Return the answers to some calls by a service that remembers, and what it encoded for all of them."""
    encoder = WordEncoder(words.spec)
    with running(retriever_of(client), encoder, remembered=64) as remembering:
        encoder.encoded.clear()
        return [remembering.get(f"{API}/search", params=parameters) for parameters in calls], encoder.encoded


@pytest.mark.parametrize("query", [QUESTION, PROBLEM])
def test_a_question_that_comes_again_with_other_filters_or_more_hits_is_not_encoded_again(client, words, query):
    calls = [
        {"q": query, "top_k": 1},
        {"q": query, "top_k": 4},
        {"q": query, "country": ["DE", "NL"]},
        {"q": query, "status": "running", "approaches": "mentoring", "top_k": 3},
        {"q": query, "country": "Atlantis"},
        {"q": query, "explain": "false"},
        {"q": f" {query}\n"},
    ]
    answers, encoded = asked_again(client, words, calls)
    assert encoded == list(retriever_of(client).understand(query).encoder_texts)
    for answer, parameters in zip(answers, calls, strict=True):
        assert without_time(answer) == without_time(client.get(f"{API}/search", params=parameters))
    assert [len(ids(answer)) for answer in answers] == [1, 4, 3, 1, 0, 4, 4]


def test_a_part_of_a_problem_is_not_encoded_again_when_it_is_asked_alone(client, words):
    whole, *parts = retriever_of(client).understand(PROBLEM).encoder_texts
    assert len(parts) == 6
    _, encoded = asked_again(client, words, [{"q": PROBLEM}, *({"q": part} for part in parts)])
    assert encoded == [whole, *parts]


def test_a_programme_that_comes_again_is_not_encoded_again_but_a_question_of_its_words_is(client, words):
    encoder = WordEncoder(words.spec)
    body = {"title": "Evening school", "description": "Adults return to class."}
    with running(retriever_of(client), encoder, remembered=64) as remembering:
        encoder.encoded.clear()
        answers = [remembering.post(f"{API}/similar", json=body | {"top_k": top_k}) for top_k in (2, 4)]
        remembering.get(f"{API}/search", params={"q": "Evening school Adults return to class."})
        remembering.post(f"{API}/similar", json={"title": "Evening school Adults return to class."})
    assert encoder.encoded == [
        "Evening school\nAdults return to class.",
        *["Evening school Adults return to class."] * 2,
    ]
    assert ids(answers[0]) == ids(answers[1])[:2]


def test_nothing_is_remembered_of_a_service_that_is_not_told_to(client, words):
    encoder = WordEncoder(words.spec)
    with running(retriever_of(client), encoder) as forgetting:
        encoder.encoded.clear()
        for _ in range(2):
            forgetting.get(f"{API}/search", params={"q": QUESTION})
    assert encoder.encoded == [QUESTION] * 2


@pytest.mark.parametrize(("remembered", "times"), [("0", 2), ("1", 1)])
def test_the_setting_says_how_many_texts_are_remembered(client, words, monkeypatch, remembered, times):
    encoder = WordEncoder(words.spec)
    monkeypatch.setenv("PRACTICES_REMEMBERED", remembered)
    monkeypatch.setattr("service.loading.load_current_release", lambda _: retriever_of(client).release)
    with TestClient(create_app_from_settings(Settings(), lambda: encoder)) as configured:
        encoder.encoded.clear()
        for _ in range(2):
            configured.get(f"{API}/search", params={"q": QUESTION})
    assert encoder.encoded == [QUESTION] * times


CZECH = "Které programy proti předčasným odchodům ze školy byly ověřeny v randomizované kontrolované studii?"
FRENCH = (
    "Chez nous, beaucoup d’élèves sont souvent malades et leur absence n’est signalée à personne le même jour. "
    "Qui téléphone à leurs parents dès le premier jour d’absence ? "
    "Et où des adultes sans diplôme peuvent-ils être formés le soir, après leur journée passée à l’hôpital ?"
)
TYPED = {
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "with two blanks": lambda text: text.replace(" ", "  "),
    "with no-break spaces and a tab": lambda text: text.replace(" ", "\u00a0").replace("\u00a0", "\t", 1),
    "with white space around": lambda text: f"\n \u2003{text}\t\n",
    "in all of these ways": lambda text: f" {unicodedata.normalize('NFD', text)} ".replace(" ", "\u2003 "),
}


def without_places(answer, query) -> dict:
    """Return an answer to `query` without its time and the places of texts in the query, once those are checked."""
    content = without_time(answer)
    assert content.pop("query") == query.strip()
    pieces = [part for aspect in content["aspects"] for part in aspect["parts"]]
    for piece in (*pieces, *(hit["explanation"]["answers"] for hit in content["hits"])):
        start, end = piece.pop("start"), piece.pop("end")
        text = piece["text"]
        assert text == query.strip()[start:end]
        piece["text"] = " ".join(unicodedata.normalize("NFC", text).split())
    return content


@pytest.mark.parametrize("way", TYPED)
@pytest.mark.parametrize("query", [CZECH, FRENCH, QUESTION], ids=["Czech", "French", "English"])
def test_however_a_question_is_typed_it_is_encoded_once_and_has_one_answer(calibrated, words, query, way):
    typed = TYPED[way](query)
    answers, encoded = asked_again(calibrated, words, [{"q": query}, {"q": typed}])
    assert encoded == list(retriever_of(calibrated).understand(query).encoder_texts)
    plain, other = (without_places(answer, text) for answer, text in zip(answers, (query, typed), strict=True))
    assert other == plain
    assert other["language"] == {CZECH: "cs", FRENCH: "fr", QUESTION: "en"}[query]


class BlockingEncoder(WordEncoder):
    """Waits for `released` in every question that comes after `is_armed` is set."""

    def __init__(self, spec) -> None:
        super().__init__(spec)
        self.is_armed = False
        self.entered = threading.Event()
        self.released = threading.Event()

    def encode_queries(self, texts):
        if self.is_armed:
            self.entered.set()
            assert self.released.wait(10)
        return super().encode_queries(texts)


def test_a_full_queue_is_a_503_that_says_when_to_try_again(tmp_path, words):
    encoder = BlockingEncoder(words.spec)
    with running(built(tmp_path, PRACTICES, encoder), encoder, queue_size=2) as client, ThreadPoolExecutor(8) as pool:
        encoder.is_armed = True
        first = pool.submit(client.get, f"{API}/search", params={"q": "first"})
        assert encoder.entered.wait(10)
        others = [pool.submit(client.get, f"{API}/search", params={"q": f"other {number}"}) for number in range(7)]
        refused, waiting = set(), set(others)
        while len(refused) < 5:
            done, waiting = wait(waiting, timeout=10, return_when=FIRST_COMPLETED)
            assert done
            refused |= done
        is_alive = client.get("/health/ready").status_code
        encoder.released.set()
        answers = [future.result(10) for future in (first, *waiting)]
        later = client.get(f"{API}/search", params={"q": "later"})
    assert is_alive == 200
    assert len(refused) == 5
    for future in refused:
        problem = assert_problem(future.result(), 503, "urn:practices:problem:busy")
        assert problem["detail"] == "2 questions are waiting already; try again in a moment"
        assert future.result().headers["retry-after"] == str(RETRY_AFTER_SECONDS)
    assert [answer.status_code for answer in (*answers, later)] == [200] * 4
    assert answers[0].json()["query"] == "first"


def test_a_bug_is_a_500_that_tells_no_secret(tmp_path, words, caplog):
    class Encoder(WordEncoder):
        is_broken = False

        def encode_queries(self, texts):
            if self.is_broken:
                raise RuntimeError("the secret is 42")
            return super().encode_queries(texts)

    encoder = Encoder(words.spec)
    with running(built(tmp_path, PRACTICES, encoder), encoder, raise_server_exceptions=False) as client:
        encoder.is_broken = True
        answer = client.post(f"{API}/search", json={"query": "a"})
        encoder.is_broken = False
        later = client.post(f"{API}/search", json={"query": "a"})
    problem = assert_problem(answer, 500, "about:blank")
    assert problem["detail"] == "the service made a mistake; it has been logged"
    assert "secret" not in answer.text
    assert [record.getMessage() for record in caplog.records if record.name == "service.problems"] == [
        "the service made a mistake"
    ]
    assert later.status_code == 200


def test_another_encoder_than_the_one_that_built_the_release_is_refused(tmp_path, words):
    retriever = built(tmp_path, PRACTICES, words)
    other = WordEncoder(fake_spec("other", dim=512))
    with pytest.raises(ReleaseError, match=f"built with encoder '{words.spec.identity}' but .*'{other.spec.identity}'"):
        create_app(retriever, other, queue_size=8)


@pytest.mark.parametrize(
    ("parameters", "first", "last", "pages"),
    [
        ({}, 1, 12, 7),
        ({"page": 2}, 13, 24, 7),
        ({"page": 7}, 73, 75, 7),
        ({"page_size": 25, "page": 3}, 51, 75, 3),
        ({"page_size": 74, "page": 2}, 75, 75, 2),
        ({"page_size": 75}, 1, 75, 1),
        ({"page_size": 100}, 1, 75, 1),
        ({"page_size": 1, "page": 75}, 75, 75, 75),
    ],
)
def test_a_page_says_which_of_how_many_it_shows(listing, parameters, first, last, pages):
    page = listing.get(f"{API}/practices", params=parameters).json()
    assert (page["first"], page["last"], page["total"], page["pages"]) == (first, last, 75, pages)
    assert page["page"] == parameters.get("page", 1)
    assert page["page_size"] == parameters.get("page_size", 12)
    assert [one["id"] for one in page["practices"]] == [f"p{number - 1:02}" for number in range(first, last + 1)]


@pytest.mark.parametrize("page_size", [1, 7, 12, 75])
def test_the_pages_together_are_the_catalogue(listing, page_size):
    seen, pages = [], 1
    while len(seen) < 75 and pages <= 75:
        page = listing.get(f"{API}/practices", params={"page": pages, "page_size": page_size}).json()
        seen += [one["id"] for one in page["practices"]]
        pages += 1
    assert seen == [f"p{number:02}" for number in range(75)]


def test_a_filtered_listing_counts_what_passes(listing):
    page = listing.get(f"{API}/practices", params={"country": "FR", "page": 3}).json()
    assert (page["first"], page["last"], page["total"], page["pages"]) == (25, 25, 25, 3)
    assert [one["id"] for one in page["practices"]] == ["p72"]


@pytest.mark.parametrize("number", [8, 99, 10**30])
def test_a_page_behind_the_last_one_is_empty(listing, number):
    page = listing.get(f"{API}/practices", params={"page": number}).json()
    assert page["practices"] == []
    assert (page["total"], page["pages"], page["first"]) == (75, 7, 0)


def test_a_page_behind_the_last_one_shows_practices_0_to_0(listing):
    page = listing.get(f"{API}/practices", params={"page": 8}).json()
    assert (page["first"], page["last"]) == (0, 0)


def test_a_listing_of_nothing_has_no_pages(listing):
    page = listing.get(f"{API}/practices", params={"country": "SE"}).json()
    assert page == {"total": 0, "page": 1, "pages": 0, "page_size": 12, "first": 0, "last": 0, "practices": []}


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (None, ["a1", "a2", "b", "c", "d"]),
        ("title", ["a1", "a2", "b", "c", "d"]),
        ("country", ["d", "a2", "b", "a1", "c"]),
        ("newest", ["c", "a2", "d", "a1", "b"]),
        ("evidence", ["d", "a1", "c", "a2", "b"]),
    ],
)
def test_a_listing_is_sorted_with_what_is_not_known_at_the_end(unsorted, sort, expected):
    page = unsorted.get(f"{API}/practices", params={"sort": sort} if sort else {}).json()
    assert [one["id"] for one in page["practices"]] == expected


MIXED = tuple(
    Practice(
        id=f"{chance.choice('zmaé')}{number:03}",
        title=chance.choice(["Straße", "STRASSE 2", "strasse", "Élan", "élan", "elan", "Zebra", "İzmir", "10 steps"]),
        country=chance.choice(["DE", "AT", "EU", "GR", None]),
        start_year=chance.choice([1999, 2008, 2020, None]),
        evidence_level=chance.choice([0, 1, 4, None]),
        status=chance.choice(["running", "ended", "unknown"]),
    )
    for chance in [Random(12)]
    for number in range(90)
)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, words) -> Iterator[TestClient]:
    with running(built(tmp_path_factory.mktemp("mixed"), MIXED, words), words) as many:
        yield many


def sort_key(practice: Practice, sort: str) -> tuple:
    """Return what decides the place of a practice: the key, then the title, then the id; what is not known is last."""
    key = {
        "title": (),
        "country": (practice.country is None, practice.country or ""),
        "newest": (practice.start_year is None, -(practice.start_year or 0)),
        "evidence": (practice.evidence_level is None, -(practice.evidence_level or 0)),
    }[sort]
    return (*key, practice.title.casefold(), practice.id)


@pytest.mark.parametrize("sort", ["title", "country", "newest", "evidence"])
@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({}, lambda _: True),
        ({"country": ["AT", "EU"]}, lambda one: one.country in ("AT", "EU")),
        (
            {"status": ["ended", "unknown"], "evidence_level": ["0", "4"]},
            lambda one: one.status != "running" and one.evidence_level in (0, 4),
        ),
    ],
    ids=["all", "two countries", "two fields"],
)
def test_the_pages_of_a_listing_in_any_order_are_what_brute_force_sorts(mixed, sort, filters, passes):
    expected = sorted(filter(passes, MIXED), key=lambda one: sort_key(one, sort))
    assert len(expected) > 7
    seen = []
    for number in range(1, -(-len(expected) // 7) + 1):
        parameters = {"sort": sort, "page": number, "page_size": 7, **filters}
        page = mixed.get(f"{API}/practices", params=parameters).json()
        assert (page["total"], page["pages"]) == (len(expected), -(-len(expected) // 7))
        seen += page["practices"]
    assert seen == [PracticeSummary.model_validate(one).model_dump(mode="json") for one in expected]


def test_a_practice_is_the_record_of_the_catalogue(client):
    for practice in PRACTICES:
        answer = client.get(f"{API}/practices/{practice.id}")
        assert answer.status_code == 200
        assert answer.json() == practice.model_dump(mode="json")


def test_related_never_holds_the_practice_itself(client):
    for practice in PRACTICES:
        answer = client.get(f"{API}/practices/{practice.id}/related")
        assert answer.json()["practice_id"] == practice.id
        assert sorted(ids(answer)) == sorted(one.id for one in PRACTICES if one != practice)
        assert [hit["rank"] for hit in answer.json()["hits"]] == [1, 2, 3]
        fewer = client.get(f"{API}/practices/{practice.id}/related", params={"top_k": 2})
        assert ids(fewer) == ids(answer)[:2]


MODES = ("similar", "same-approach", "same-target-group", "other-country", "diverse")


def passes(mode: str, seed: Practice, other: Practice) -> bool:
    """Say whether a practice may be related to another one in a mode, read from the records."""
    return {
        "similar": True,
        "diverse": True,
        "same-approach": bool(set(seed.approaches) & set(other.approaches)),
        "same-target-group": bool(set(seed.target_groups) & set(other.target_groups)),
        "other-country": seed.country is not None and other.country is not None and other.country != seed.country,
    }[mode]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("top_k", [7, 100])
def test_the_pages_of_related_hold_each_practice_of_the_mode_once_and_never_the_seed(programmes, mode, top_k):
    seed = next(one for one in PROGRAMMES if one.country and one.approaches and one.target_groups)
    seen, page = [], 1
    while True:
        parameters = {"mode": mode, "page": page, "top_k": top_k}
        content = programmes.get(f"{API}/practices/{seed.id}/related", params=parameters).json()
        assert (content["practice_id"], content["mode"], content["page"]) == (seed.id, mode, page)
        if not content["hits"]:
            break
        first = (page - 1) * top_k + 1
        assert [hit["rank"] for hit in content["hits"]] == list(range(first, first + len(content["hits"])))
        seen += [one for hit in content["hits"] for one in (hit["practice"]["id"], *hit["same_as"])]
        page += 1
    expected = [one.id for one in PROGRAMMES if one != seed and passes(mode, seed, one)]
    assert sorted(seen) == expected
    assert 0 < len(expected) < len(PROGRAMMES)


def test_related_practices_come_with_falling_scores_but_not_the_diverse_ones(programmes):
    scores = {
        mode: [
            hit["score"]
            for hit in programmes.get(f"{API}/practices/p000/related", params={"mode": mode, "top_k": 40}).json()[
                "hits"
            ]
        ]
        for mode in MODES
    }
    assert {mode: found == sorted(found, reverse=True) for mode, found in scores.items()} == {
        mode: mode != "diverse" for mode in MODES
    }
    assert scores["diverse"][0] == scores["similar"][0]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("same-approach", ["street-work"]),
        ("same-target-group", []),
        ("other-country", ["absence-call", "second-school"]),
    ],
)
def test_a_mode_leaves_only_practices_of_its_kind(client, mode, expected):
    answer = client.get(f"{API}/practices/mentors/related", params={"mode": mode})
    assert answer.json()["mode"] == mode
    assert sorted(ids(answer)) == expected


def test_a_related_practice_says_which_sentences_are_alike_and_what_both_have(client):
    [hit] = client.get(f"{API}/practices/mentors/related", params={"mode": "same-approach"}).json()["hits"]
    sentence, answers = hit["explanation"]["sentence"], hit["explanation"]["answers"]
    assert text_of("street-work")[sentence["start"] : sentence["end"]] == sentence["text"]
    assert text_of("mentors")[answers["start"] : answers["end"]] == answers["text"]
    assert hit["explanation"]["shared"] == [
        {"field": "approaches", "value": "mentoring", "label": "Mentoring"},
        {"field": "country", "value": "DE", "label": "Germany"},
    ]
    assert (hit["confidence"], hit["same_as"]) == (None, [])


def test_a_practice_that_is_told_twice_is_shown_once_with_the_id_of_the_other(tmp_path, words):
    twin = PRACTICES[2].model_copy(update={"id": "zz-twin"})
    with running(built(tmp_path, [twin, *PRACTICES], words), words) as client:
        hits = client.get(f"{API}/practices/mentors/related").json()["hits"]
        of_twin = client.get(f"{API}/practices/zz-twin/related", params={"top_k": 1}).json()["hits"]
    assert {hit["practice"]["id"]: hit["same_as"] for hit in hits} == {
        "absence-call": ["zz-twin"],
        "second-school": [],
        "street-work": [],
    }
    assert [hit["practice"]["id"] for hit in of_twin] == ["absence-call"]


def test_related_gives_5_practices_when_not_asked_for_another_number(listing):
    found = ids(listing.get(f"{API}/practices/p00/related"))
    assert len(set(found)) == 5
    assert "p00" not in found


def test_similar_finds_practices_for_a_programme_that_is_not_in_the_catalogue(client, words):
    body = {"title": "Evening school", "description": "Adults return to class and get a certificate.", "top_k": 2}
    answer = client.post(f"{API}/similar", json=body)
    assert ids(answer)[0] == "second-school"
    assert [hit["rank"] for hit in answer.json()["hits"]] == [1, 2]
    assert [(hit["confidence"], hit["explanation"]) for hit in answer.json()["hits"]] == [(None, None)] * 2
    assert answer.json()["index"]["encoder"] == words.spec.identity


def test_similar_needs_no_description(client):
    answer = client.post(f"{API}/similar", json={"title": "Youth workers visit homes and squares"})
    assert ids(answer)[0] == "street-work"
    assert len(ids(answer)) == 4


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": "  "}, "title"),
        ({"description": "a"}, "title"),
        ({"title": "x" * 1001}, "title"),
        ({"title": "a", "description": "x" * 20_001}, "description"),
        ({"title": "a", "top_k": 0}, "top_k"),
        ({"title": "a", "country": "DE"}, "country"),
    ],
)
def test_similar_reports_what_is_not_valid(client, body, field):
    problem = assert_problem(client.post(f"{API}/similar", json=body), 422, INVALID)
    assert [error["field"] for error in problem["errors"]] == [field]


def test_facets_count_the_whole_catalogue_without_filters(client):
    content = client.get(f"{API}/facets").json()
    assert content["total"] == 4
    assert content["facets"]["country"] == [
        {"value": "DE", "label": "Germany", "count": 2},
        {"value": "GR", "label": "Greece", "count": 1},
        {"value": "NL", "label": "Netherlands", "count": 1},
    ]
    assert content["facets"]["approaches"][0] == {"value": "mentoring", "label": "Mentoring", "count": 2}
    assert content["facets"]["levels"] == []


def test_facets_count_what_passes_the_filters(client):
    content = client.get(f"{API}/facets", params={"country": ["DE", "NL"], "status": ["running", "unknown"]}).json()
    assert content["total"] == 2
    assert content["facets"]["country"] == [{"value": "DE", "label": "Germany", "count": 2}]
    assert content["facets"]["approaches"] == [
        {"value": "mentoring", "label": "Mentoring", "count": 2},
        {"value": "outreach", "label": "Outreach", "count": 1},
    ]


def test_facets_of_nothing_are_empty(client):
    content = client.get(f"{API}/facets", params={"country": "SE"}).json()
    assert content["total"] == 0
    assert set(map(len, content["facets"].values())) == {0}


@pytest.mark.parametrize("name", ["client", "calibrated"])
def test_index_is_the_manifest_without_the_vectors_of_the_canaries(name, request):
    client = request.getfixturevalue(name)
    manifest = retriever_of(client).release.manifest
    content = client.get(f"{API}/index").json()
    plain = json.loads(json.dumps(asdict(manifest)))
    for canary in plain["canaries"]:
        assert len(canary.pop("embedding")) == 512
    assert content == plain
    assert content["counts"]["practices"] == 4
    assert content["catalogue_name"] == manifest.catalogue_name
    probes = {"client": None, "calibrated": {"near-topic": 14, "off-topic": 13, "on-topic": 40}}[name]
    assert content["calibration"]["probes"] == probes


def test_health_says_ok_while_questions_are_answered(client):
    assert (client.get("/health/live").status_code, client.get("/health/live").json()) == (200, {"status": "ok"})
    ready = client.get("/health/ready")
    release_id = client.get("/api/v1/index").json()["release_id"]
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "release": release_id, "fault": None})


def test_health_is_not_ready_when_the_encoder_has_stopped(client, words, monkeypatch):
    switch = client.app.state.switch
    monkeypatch.setattr(switch, "answering", replace(switch.answering, encoder=EncoderQueue(words, 1)))
    assert client.get("/health/live").json() == {"status": "ok"}
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unavailable"


# fastapi-swagger reads its files by a call that Python 3.11 and 3.12 call deprecated.
@pytest.mark.filterwarnings("ignore:open_binary is deprecated:DeprecationWarning")
def test_the_docs_page_asks_no_other_host(tmp_path, words):
    home = "http://practices.example"
    with running(built(tmp_path, PRACTICES, words), words, base_url=home) as client:
        page = client.get(f"{API}/docs")
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        found = re.findall(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)["']""", page.text)
        addresses = [urljoin(f"{home}{API}/docs", one) for one in found]
        assert f"{home}{API}/openapi.json" in addresses
        assert sum(address.endswith((".js", ".css")) for address in addresses) >= 2
        mentioned = re.findall(r"(?:https?:)?//[\w.:-]+", page.text)
        assert {urlsplit(one).netloc for one in (*addresses, *mentioned)} == {"practices.example"}
        for address in addresses:
            assert client.get(address).status_code == 200
            if address.endswith(".css"):
                assert re.findall(r"""@import|url\(["']?(?:https?:)?//""", client.get(address).text) == []


def test_the_openapi_document_names_every_call(client):
    document = client.get(f"{API}/openapi.json").json()
    calls = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert {
        f"POST {API}/search",
        f"GET {API}/search",
        f"POST {API}/similar",
        f"GET {API}/practices",
        f"GET {API}/practices/{{practice_id}}",
        f"GET {API}/practices/{{practice_id}}/related",
        f"GET {API}/facets",
        f"GET {API}/index",
        "GET /health/live",
        "GET /health/ready",
    } <= calls
    responses = document["paths"][f"{API}/search"]["post"]["responses"]
    assert {"200", "422", "503"} <= set(responses)
    for status in ("422", "503"):
        assert responses[status]["content"][MEDIA_TYPE]["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert set(document["components"]["schemas"]["Problem"]["properties"]) == {
        "type",
        "title",
        "status",
        "detail",
        "instance",
        "errors",
    }


def test_hostile_text_comes_back_unchanged_as_json(tmp_path, words):
    expected = HOSTILE.model_dump(mode="json")
    path = f"{API}/practices/{quote(HOSTILE.id, safe='')}"
    with running(built(tmp_path, [HOSTILE, *PRACTICES], words), words) as client:
        record = client.get(path)
        related = client.get(f"{path}/related")
        found = client.get(f"{API}/search", params={"q": HOSTILE.title, "region": HOSTILE.region})
        listed = client.get(f"{API}/practices", params={"region": HOSTILE.region})
        facets = client.get(f"{API}/facets")
    assert record.headers["content-type"] == "application/json"
    assert record.json() == expected
    assert related.json()["practice_id"] == HOSTILE.id
    assert sorted(ids(related)) == sorted(practice.id for practice in PRACTICES)
    assert found.json()["query"] == HOSTILE.title
    assert ids(found) == [HOSTILE.id]
    for shown in (found.json()["hits"][0]["practice"], listed.json()["practices"][0]):
        assert shown == {name: value for name, value in expected.items() if name in shown}
    assert facets.json()["facets"]["region"] == [{"value": HOSTILE.region, "label": HOSTILE.region, "count": 1}]
