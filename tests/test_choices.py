"""What pages offer to filter by: values with their counts, chips to remove, and ways out of nothing."""

from indexer.practice import Practice
from service.filters import FacetTable
from service.pages.choices import Chip, Choice, WayOut, chips, field_choices, ways_out
from service.pages.page_state import PageState
from service.wording import wording
from tests.facet_tables import facet_table
from tests.fakes import PRACTICES, VOCABULARY

ENGLISH = wording("en")
TABLE = facet_table(PRACTICES, VOCABULARY)
NOTHING = PageState(q="mentors", country=("GR",), approaches=("outreach",), page=2)


def choices_of(state: PageState, table: FacetTable = TABLE) -> dict[str, list[Choice]]:
    found = field_choices(table.counts_to_choose(state.filters), state, table, ENGLISH)
    return {one.field: list(one.choices) for one in found}


def counts(choices: list[Choice]) -> list[tuple[str, int, bool]]:
    return [(choice.label, choice.count, choice.is_chosen) for choice in choices]


def test_fields_without_a_value_are_left_out_and_the_others_come_most_asked_for_first() -> None:
    found = field_choices(TABLE.counts_to_choose(PageState().filters), PageState(), TABLE, ENGLISH)

    assert [(one.field, one.title) for one in found] == [
        ("country", "Country"),
        ("approaches", "Approaches"),
        ("target_groups", "Target groups"),
        ("status", "Status"),
        ("evidence_level", "Evidence"),
        ("effect", "Effect on early leaving"),
    ]


def test_values_come_the_most_frequent_first_and_then_by_label() -> None:
    found = choices_of(PageState())

    assert found["country"] == [
        Choice("DE", "Germany", 2, is_chosen=False),
        Choice("GR", "Greece", 1, is_chosen=False),
        Choice("NL", "Netherlands", 1, is_chosen=False),
    ]
    assert counts(found["evidence_level"]) == [
        ("Comparison group", 1, False),
        ("Description only", 1, False),
        ("Survey or process evaluation", 1, False),
    ]


def test_chosen_values_come_first_even_where_no_practice_has_them_any_more() -> None:
    found = choices_of(NOTHING)

    assert counts(found["country"]) == [("Greece", 0, True), ("Germany", 1, False)]
    assert counts(found["approaches"]) == [("Outreach", 0, True), ("Second-chance education", 1, False)]
    assert "status" not in found


def test_a_count_says_how_many_practices_one_more_value_of_the_field_brings() -> None:
    found = choices_of(PageState(country=("DE",)))

    assert counts(found["country"]) == [("Germany", 2, True), ("Greece", 1, False), ("Netherlands", 1, False)]
    assert counts(found["approaches"]) == [("Mentoring", 2, False), ("Outreach", 1, False)]


def test_a_group_says_how_many_of_its_values_are_chosen() -> None:
    state = PageState(country=("GR", "DE"))
    found = field_choices(TABLE.counts_to_choose(state.filters), state, TABLE, ENGLISH)

    assert [one.chosen for one in found] == [2, 0, 0, 0, 0, 0]


def test_a_field_that_only_a_url_names_is_offered_behind_the_others() -> None:
    table = facet_table([*PRACTICES, Practice(id="saxony", title="Saxony", region="Saxony", country="DE")], VOCABULARY)
    found = choices_of(PageState(region=("Saxony", "Bavaria")), table)

    assert "region" not in choices_of(PageState(), table)
    assert list(found)[-1] == "region"
    assert counts(found["region"]) == [("Saxony", 1, True), ("Bavaria", 0, True)]


def test_there_is_one_chip_a_value_that_leads_to_the_state_without_it() -> None:
    state = PageState(q="mentors", country=("DE", "xx"), evidence_level=("2",), page=4)

    assert chips(state, TABLE, ENGLISH) == [
        Chip("Country", "Germany", state.changed(country=("xx",), page=1)),
        Chip("Country", "xx", state.changed(country=("DE",), page=1)),
        Chip("Evidence", "Survey or process evaluation", state.changed(evidence_level=(), page=1)),
    ]
    assert chips(PageState(q="mentors"), TABLE, ENGLISH) == []


def test_chips_name_countries_in_the_language_of_the_reader() -> None:
    assert [chip.label for chip in chips(PageState(country=("DE", "GR")), TABLE, wording("fi"))] == ["Saksa", "Kreikka"]


def test_the_way_out_that_leads_to_most_practices_comes_first() -> None:
    state = NOTHING.changed(approaches=("mentoring", "outreach"))

    assert ways_out(state, TABLE, ENGLISH) == [
        WayOut("Country", ("Greece",), 2, state.changed(country=(), page=1)),
        WayOut("Approaches", ("Mentoring", "Outreach"), 1, state.changed(approaches=(), page=1)),
    ]


def test_a_condition_that_is_not_the_only_hindrance_is_no_way_out() -> None:
    state = PageState(country=("GR",), status=("ended",), effect=("mixed",))

    assert [way.title for way in ways_out(state, TABLE, ENGLISH)] == ["Country"]
    assert ways_out(state.changed(approaches=("outreach",)), TABLE, ENGLISH) == []
    assert ways_out(PageState(), TABLE, ENGLISH) == []
