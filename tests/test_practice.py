"""A practice takes what a catalogue may say, and refuses the rest with a reason."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from indexer.practice import Practice

LANGUAGES = "bg cs da de el en es et fi fr ga hr hu it lt lv mt nl no pl pt ro sk sl sv"
COUNTRIES = "AT BE BG CH CY CZ DE DK EE ES EU FI FR GB GR HR HU IE IT LT LU LV MT NL NO PL PT RO SE SI SK US"
TEXT_FIELDS = (
    "title",
    "original_title",
    "summary",
    "description",
    "region",
    "period",
    "organisation",
    "funding",
    "target_group_note",
    "level_note",
    "evidence_note",
    "note",
)
CODE_FIELDS = ("target_groups", "approaches", "measure_types", "levels", "listed_in")


def practice(**fields: Any) -> Practice:
    return Practice.model_validate({"id": "mentors", "title": "Senior mentors"} | fields)


def faults(**fields: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as refusal:
        practice(**fields)
    return [(".".join(map(str, fault["loc"])), fault["msg"]) for fault in refusal.value.errors()]


def test_only_id_and_title_are_required_and_the_rest_is_empty() -> None:
    fields = practice().model_dump()
    assert fields.pop("id") == "mentors"
    assert fields.pop("title") == "Senior mentors"
    assert (fields.pop("status"), fields.pop("effect")) == ("unknown", "unknown")
    assert {name: value for name, value in fields.items() if value not in (None, ())} == {}


def test_a_practice_without_id_or_title_is_refused() -> None:
    with pytest.raises(ValidationError) as refusal:
        Practice.model_validate({"summary": "Masters mentor apprentices."})
    assert [(fault["loc"], fault["type"]) for fault in refusal.value.errors()] == [
        (("id",), "missing"),
        (("title",), "missing"),
    ]
    assert [field for field, _ in faults(id=None, title=None)] == ["id", "title"]


@pytest.mark.parametrize("field", TEXT_FIELDS)
def test_texts_lose_the_white_space_at_their_ends_and_nothing_else(field: str) -> None:
    assert getattr(practice(**{field: " \n Zwei  Wörter \t"}), field) == "Zwei  Wörter"


@pytest.mark.parametrize("field", TEXT_FIELDS)
def test_a_text_of_white_space_is_refused(field: str) -> None:
    assert faults(**{field: " \n\t"}) == [(field, "String should have at least 1 character")]


def test_a_practice_cannot_be_changed() -> None:
    mentors = practice()
    with pytest.raises(ValidationError, match="frozen"):
        mentors.title = "Junior mentors"
    assert mentors.title == "Senior mentors"


def test_lists_become_tuples_in_their_own_order() -> None:
    mentors = practice(approaches=["outreach", "mentoring"], results=[{"text": "b"}, {"text": "a"}])
    assert mentors.approaches == ("outreach", "mentoring")
    assert [result.text for result in mentors.results] == ["b", "a"]


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"colour": "red"}, "colour"),
        ({"results": [{"text": "More stayed.", "year": 2010}]}, "results.0.year"),
        ({"sources": [{"url": "https://a.example"}, {"url": "https://b.example", "title": "B"}]}, "sources.1.title"),
    ],
)
def test_a_field_that_nobody_knows_is_an_error_at_every_depth(fields: dict[str, object], where: str) -> None:
    assert faults(**fields) == [(where, "Extra inputs are not permitted")]


@pytest.mark.parametrize("code", COUNTRIES.split())
def test_countries_are_iso_codes_and_eu(code: str) -> None:
    assert practice(country=code).country == code


@pytest.mark.parametrize("code", ["fr", "FRA", "Frnace", "France", "", " FR", "QQ", "150"])
def test_other_countries_are_refused(code: str) -> None:
    expected = "Value error, expected an ISO 3166 code such as 'FR' ('EU' for several countries)"
    assert faults(country=code) == [("country", expected)]


@pytest.mark.parametrize("code", LANGUAGES.split())
def test_languages_are_iso_codes(code: str) -> None:
    mentors = practice(language=code, languages=["en", code])
    assert (mentors.language, mentors.languages) == (code, ("en", code))


@pytest.mark.parametrize("code", ["DE", "deu", "German", "", "xx"])
def test_other_languages_are_refused_where_they_stand(code: str) -> None:
    expected = "Value error, expected an ISO 639-1 code such as 'de'"
    assert faults(language=code, languages=["fr", code]) == [("language", expected), ("languages.1", expected)]


@pytest.mark.parametrize("code", ["a", "doc_17", "FR-2019:4", "ó-école", "x" * 128, "a%b", "-"])
def test_ids_of_other_catalogues_are_taken_as_they_are(code: str) -> None:
    assert practice(id=code, succeeded_by=code).id == code


@pytest.mark.parametrize(
    "code", ["", " ", "a b", "a/b", "a?b", "a#b", "a\tb", "a\n", "\na", "a\x00", "a\u00a0b", "x" * 129]
)
def test_ids_that_break_a_path_or_a_run_are_refused(code: str) -> None:
    assert [field for field, _ in faults(id=code, succeeded_by=code)] == ["id", "succeeded_by"]


@pytest.mark.parametrize("field", CODE_FIELDS)
def test_codes_are_lower_case_words_joined_by_hyphens(field: str) -> None:
    good = ("mentoring", "second-chance", "level-3-vet", "x" * 64)
    assert getattr(practice(**{field: good}), field) == good
    bad = ["Mentoring", "second chance", "-chance", "chance-", "second--chance", "école", "", "x" * 65, "a\n"]
    assert [where for where, _ in faults(**{field: bad})] == [f"{field}.{index}" for index in range(len(bad))]


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [
        ("start_year", 1800, 2200),
        ("end_year", 1800, 2200),
        ("age_min", 0, 120),
        ("age_max", 0, 120),
        ("evidence_level", 0, 4),
    ],
)
def test_numbers_have_limits_that_belong_to_them(field: str, low: int, high: int) -> None:
    assert getattr(practice(**{field: low}), field) == low
    assert getattr(practice(**{field: high}), field) == high
    assert faults(**{field: low - 1}) == [(field, f"Input should be greater than or equal to {low}")]
    assert faults(**{field: high + 1}) == [(field, f"Input should be less than or equal to {high}")]
    assert [where for where, _ in faults(**{field: low + 0.5})] == [field]


@pytest.mark.parametrize(("low", "high"), [("start_year", "end_year"), ("age_min", "age_max")])
def test_a_range_runs_forwards(low: str, high: str) -> None:
    first, last = (2000, 2010) if low == "start_year" else (16, 25)
    assert practice(**{low: first, high: last}).model_dump(include={low, high}) == {low: first, high: last}
    assert practice(**{low: last, high: last}).model_dump(include={low, high}) == {low: last, high: last}
    assert practice(**{low: last}).model_dump(include={low, high}) == {low: last, high: None}
    assert practice(**{high: first}).model_dump(include={low, high}) == {low: None, high: first}
    expected = f"Value error, '{low}' is {last} and '{high}' is {first}, expected {low} <= {high}"
    assert faults(**{low: last, high: first}) == [("", expected)]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("status", ("running", "ended", "renamed", "unknown")),
        ("effect", ("positive", "none", "negative", "mixed", "unknown")),
    ],
)
def test_status_and_effect_have_a_few_words(field: str, values: tuple[str, ...]) -> None:
    assert tuple(getattr(practice(**{field: value}), field) for value in values) == values
    assert [where for where, _ in faults(**{field: "finished"})] == [field]


@settings(derandomize=True, deadline=None)
@given(
    title=st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1),
    age=st.integers(0, 120) | st.none(),
    country=st.sampled_from(COUNTRIES.split()) | st.none(),
    languages=st.lists(st.sampled_from(LANGUAGES.split())),
    results=st.lists(st.sampled_from(["More stayed.", "Ein Drittel blieb."])),
    retrieved=st.dates() | st.none(),
)
def test_a_practice_written_as_json_and_read_again_is_the_same(
    title: str, age: int | None, country: str | None, languages: list[str], results: list[str], retrieved: object
) -> None:
    written = practice(
        title=title,
        age_min=age,
        country=country,
        languages=languages,
        results=[{"text": text} for text in results],
        sources=[{"url": "https://a.example", "retrieved": retrieved}],
    )
    read = Practice.model_validate_json(written.model_dump_json())
    assert read == written
    assert (read.title, read.country, read.languages) == (title, country, tuple(languages))
