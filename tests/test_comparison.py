"""Practices side by side: one row a fact that is known of any, and what all of them have in common."""

from service.pages.comparison import compared_facts
from service.wording import wording
from tests.facet_tables import facet_table
from tests.fakes import PRACTICES, VOCABULARY

FACETS = facet_table(PRACTICES, VOCABULARY)
ENGLISH = wording("en")
MENTORS, SCHOOL, _, STREET_WORK = PRACTICES


def rows(*practices) -> dict[str, list[tuple[str, ...]]]:
    return {row.title: [fact.values for fact in row.facts] for row in compared_facts(practices, FACETS, ENGLISH)}


def shared(*practices) -> dict[str, set[str]]:
    return {row.title: set(row.shared) for row in compared_facts(practices, FACETS, ENGLISH) if row.shared}


def test_each_practice_has_a_column_in_its_order_and_facts_known_of_none_are_left_out() -> None:
    assert rows(STREET_WORK, MENTORS) == {
        "Country": [("Germany",), ("Germany",)],
        "Status": [(), ("Running",)],
        "Target groups": [("neets",), ("apprentices",)],
        "Approaches": [("Outreach", "Mentoring"), ("Mentoring",)],
        "Evidence": [(), ("Survey or process evaluation",)],
        "Effect on early leaving": [(), ("Positive",)],
    }


def test_rows_come_in_the_order_of_the_facts() -> None:
    assert list(rows(SCHOOL, MENTORS)) == [
        "Country",
        "Status",
        "Target groups",
        "Approaches",
        "Evidence",
        "Effect on early leaving",
    ]


def test_what_all_of_them_have_is_shared() -> None:
    assert shared(MENTORS, STREET_WORK) == {"Country": {"Germany"}, "Approaches": {"Mentoring"}}
    assert shared(MENTORS, SCHOOL) == {"Status": {"Running"}}
    assert shared(MENTORS, STREET_WORK, SCHOOL) == {}


def test_texts_that_happen_to_be_alike_and_unknown_facts_are_not_shared() -> None:
    twins = [one.model_copy(update={"period": "since 2008", "status": "unknown"}) for one in (MENTORS, STREET_WORK)]

    assert rows(*twins)["Period"] == [("since 2008",), ("since 2008",)]
    assert set(shared(*twins)) == {"Country", "Approaches"}


def test_ages_are_shared_where_they_are_the_same() -> None:
    young = [one.model_copy(update={"age_min": 15, "age_max": 19}) for one in (MENTORS, STREET_WORK)]

    assert shared(*young)["Ages"] == {"15 to 19"}


def test_a_practice_alone_has_nothing_in_common_and_no_practice_has_no_rows() -> None:
    assert shared(MENTORS) == {}
    assert rows(MENTORS)["Approaches"] == [("Mentoring",)]
    assert compared_facts([], FACETS, ENGLISH) == []


def test_a_note_makes_no_row_by_itself() -> None:
    noted = MENTORS.model_copy(update={"target_groups": (), "target_group_note": "in the first year"})

    assert "Target groups" not in rows(noted)
    both = {row.title: row for row in compared_facts([noted, SCHOOL], FACETS, ENGLISH)}
    assert [fact.note for fact in both["Target groups"].facts] == ["in the first year", None]
