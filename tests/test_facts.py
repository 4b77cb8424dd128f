"""The facts of a practice: known or not, coded or in the practice's own words, in the order in which they are shown."""

import pytest

from indexer.practice import Practice, Result
from service.facts import FACT_FIELDS, Fact, age_range, facts_of, labels_of
from service.filters import FILTER_FIELDS
from service.wording import wording
from tests.facet_tables import facet_table
from tests.fakes import PRACTICES, VOCABULARY

ENGLISH = wording("en")
FACETS = facet_table(PRACTICES, VOCABULARY)
WHOLE = Practice(
    id="whole",
    title="Whole",
    country="EU",
    region="Alps",
    languages=("de", "mt"),
    period="since 2008",
    status="ended",
    organisation="A guild",
    funding="None",
    target_groups=("adults", "neets"),
    target_group_note="In their first year",
    age_min=15,
    age_max=19,
    approaches=("outreach", "mentoring"),
    measure_types=("prevention",),
    levels=("apprenticeship",),
    level_note="All trades",
    evidence_level=0,
    evidence_note="A leaflet",
    effect="none",
    results=(Result(text="Nine of ten stayed."), Result(text="One left.", source="https://one.example/")),
    listed_in=("a-list",),
)


def test_every_fact_of_a_practice_is_named_in_the_order_in_which_it_is_shown() -> None:
    assert facts_of(WHOLE, FACETS, ENGLISH) == [
        Fact("country", "Country", ("Several European countries",), is_coded=True),
        Fact("region", "Region", ("Alps",), is_coded=False),
        Fact("period", "Period", ("since 2008",), is_coded=False),
        Fact("status", "Status", ("Ended",), is_coded=True),
        Fact("organisation", "Run by", ("A guild",), is_coded=False),
        Fact("funding", "Funding and cost", ("None",), is_coded=False),
        Fact("target_groups", "Target groups", ("adults", "neets"), is_coded=True, note="In their first year"),
        Fact("ages", "Ages", ("15 to 19",), is_coded=True),
        Fact("approaches", "Approaches", ("Outreach", "Mentoring"), is_coded=True),
        Fact("measure_types", "Type of measure", ("prevention",), is_coded=True),
        Fact("levels", "Levels of education", ("apprenticeship",), is_coded=True, note="All trades"),
        Fact("languages", "Working languages", ("German", "Maltese"), is_coded=True),
        Fact("evidence_level", "Evidence", ("Description only",), is_coded=True, note="A leaflet"),
        Fact("effect", "Effect on early leaving", ("No effect found",), is_coded=True),
        Fact("results", "Results", ("Nine of ten stayed.", "One left."), is_coded=False),
        Fact("listed_in", "Listed in", ("a-list",), is_coded=True),
    ]


def test_facts_that_are_not_known_are_there_without_a_value() -> None:
    bare = facts_of(Practice(id="bare", title="Bare"), FACETS, ENGLISH)

    assert [(fact.field, fact.values, fact.note) for fact in bare] == [(field, (), None) for field in FACT_FIELDS]


def test_only_the_fields_that_are_named_are_told_and_in_that_order() -> None:
    found = facts_of(WHOLE, FACETS, ENGLISH, ("effect", "country"))

    assert [(fact.field, fact.values) for fact in found] == [
        ("effect", ("No effect found",)),
        ("country", ("Several European countries",)),
    ]


def test_codes_are_told_in_the_language_of_the_reader_and_words_of_the_practice_as_they_are() -> None:
    found = {fact.field: fact.values for fact in facts_of(PRACTICES[1], FACETS, wording("el"))}
    languages = {fact.field: fact.values for fact in facts_of(WHOLE, FACETS, wording("fr"))}

    assert found["country"] == ("Ελλάδα",)
    assert languages["languages"] == ("allemand", "maltais")
    assert languages["organisation"] == ("A guild",)


@pytest.mark.parametrize(
    ("practice", "field", "expected"),
    [
        (PRACTICES[3], "approaches", ("Outreach", "Mentoring")),
        (PRACTICES[3], "status", ()),
        (PRACTICES[3], "effect", ()),
        (PRACTICES[3], "evidence_level", ()),
        (PRACTICES[1], "evidence_level", ("Description only",)),
        (PRACTICES[0], "target_groups", ("apprentices",)),
    ],
)
def test_the_labels_of_a_field_leave_out_what_is_not_known(
    practice: Practice, field: str, expected: tuple[str, ...]
) -> None:
    assert labels_of(practice, field, FACETS, ENGLISH) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (None, None, None),
        (15, None, "15 and older"),
        (0, None, "0 and older"),
        (None, 19, "up to 19"),
        (None, 0, "up to 0"),
        (15, 19, "15 to 19"),
        (16, 16, "16"),
    ],
)
def test_ages_are_told_in_words(low: int | None, high: int | None, expected: str | None) -> None:
    assert age_range(Practice(id="a", title="A", age_min=low, age_max=high), ENGLISH) == expected


def test_every_field_that_can_be_filtered_by_is_a_fact() -> None:
    assert set(FILTER_FIELDS) <= set(FACT_FIELDS)
