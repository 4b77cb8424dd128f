"""Filters and facets against a brute-force oracle over random practices, and hand-made labels and orders."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from indexer.facets import FACET_FIELDS
from indexer.practice import Practice, field_values
from service.filters import FILTER_FIELDS, NO_FILTERS, Facets, FacetValue, Filters
from tests.facet_tables import facet_table
from tests.fakes import PRACTICES, VOCABULARY

VALUES = {
    "country": ("DE", "FR", "GR", "EU"),
    "region": ("Berlin", "Île-de-France"),
    "languages": ("de", "fr", "el"),
    "status": ("running", "ended", "renamed", "unknown"),
    "approaches": ("mentoring", "outreach", "second-chance"),
    "target_groups": ("apprentices", "adults"),
    "measure_types": ("prevention", "compensation"),
    "levels": ("apprenticeship", "vet-school"),
    "evidence_level": (0, 1, 2, 3, 4),
    "effect": ("positive", "none", "unknown"),
}
ALWAYS_KNOWN = ("status", "effect")


def field_strategy(field: str) -> st.SearchStrategy[object]:
    one = st.sampled_from(VALUES[field])
    if isinstance(getattr(PRACTICES[0], field), tuple):
        return st.lists(one, max_size=3).map(tuple)
    return one if field in ALWAYS_KNOWN else st.none() | one


catalogues = st.lists(st.fixed_dictionaries({field: field_strategy(field) for field in VALUES}), max_size=10).map(
    lambda rows: [Practice(id=f"p{number}", title="A title", **row) for number, row in enumerate(rows)]
)
filter_sets = st.fixed_dictionaries(
    {}, optional={f: st.lists(st.sampled_from((*map(str, VALUES[f]), "nonsense")), max_size=3) for f in VALUES}
).map(lambda conditions: Filters(**conditions))


def known_values(practice: Practice, field: str) -> set[str]:
    value = getattr(practice, field)
    parts = value if isinstance(value, tuple) else (value,)
    return {str(part) for part in parts if part is not None}


def does_pass(practice: Practice, filters: Filters) -> bool:
    return all(
        known_values(practice, field) & set(getattr(filters, field)) for field in VALUES if getattr(filters, field)
    )


def plain_counts(facets: Facets) -> dict[str, dict[str, int]]:
    return {field: {facet.value: facet.count for facet in found} for field, found in facets.items()}


def counted(practices: list[Practice]) -> dict[str, dict[str, int]]:
    return {
        field: dict(Counter(value for practice in practices for value in known_values(practice, field)))
        for field in VALUES
    }


def passing_ids(**conditions: tuple[str, ...]) -> list[str]:
    mask = facet_table(PRACTICES, VOCABULARY).passing(Filters(**conditions))
    assert mask is not None
    return [practice.id for practice, passes in zip(PRACTICES, mask, strict=True) if passes]


def test_the_oracle_knows_every_field_that_filters_have():
    assert tuple(VALUES) == FILTER_FIELDS


def test_what_can_be_counted_is_what_filters_have_in_the_same_order():
    assert FILTER_FIELDS == tuple(Filters.model_fields) == FACET_FIELDS


@settings(max_examples=60)
@given(catalogues, filter_sets)
def test_passing_is_what_the_oracle_says(practices, filters):
    mask = facet_table(practices, {}).passing(filters)
    if not any(getattr(filters, field) for field in VALUES):
        assert mask is None
    else:
        assert mask is not None
        assert mask.tolist() == [does_pass(practice, filters) for practice in practices]


@settings(max_examples=60)
@given(catalogues, filter_sets)
def test_counts_over_what_passes_are_exact(practices, filters):
    table = facet_table(practices, {})
    passing = [practice for practice in practices if does_pass(practice, filters)]
    assert plain_counts(table.counts(table.passing(filters))) == counted(passing)


@settings(max_examples=60)
@given(catalogues, st.lists(st.booleans(), min_size=10, max_size=10))
def test_counts_over_any_practices_shown_are_exact(practices, flags):
    mask = np.array(flags[: len(practices)], dtype=np.bool_)
    shown = [practice for practice, is_shown in zip(practices, mask, strict=True) if is_shown]
    assert plain_counts(facet_table(practices, {}).counts(mask)) == counted(shown)


@settings(max_examples=60)
@given(catalogues, st.lists(st.booleans(), min_size=10, max_size=10))
def test_counts_of_some_practices_are_those_over_a_mask_of_them(practices, flags):
    mask = np.array(flags[: len(practices)], dtype=np.bool_)
    shown = [practice for practice, is_shown in zip(practices, mask, strict=True) if is_shown]
    table = facet_table(practices, VOCABULARY)
    assert table.counts_of(shown) == table.counts_of(shown[::-1]) == table.counts(mask)
    assert plain_counts(table.counts_of(shown)) == counted(shown)


@settings(max_examples=60)
@given(catalogues)
def test_counts_of_all_practices_need_no_mask(practices):
    table = facet_table(practices, VOCABULARY)
    assert table.counts_of(practices) == table.counts() == table.counts(np.ones(len(practices), dtype=np.bool_))


@settings(max_examples=60)
@given(catalogues, filter_sets)
def test_as_many_pass_as_the_oracle_says(practices, filters):
    assert facet_table(practices, {}).count(filters) == sum(does_pass(practice, filters) for practice in practices)


@settings(max_examples=60)
@given(catalogues)
def test_facet_values_are_ordered_by_count_then_label(practices):
    for found in facet_table(practices, VOCABULARY).counts().values():
        keys = [(-facet.count, facet.label) for facet in found]
        assert keys == sorted(keys)


def test_values_of_one_label_are_ordered_by_value_whoever_comes_first():
    vocabulary = {"approaches": {"tutoring": "Help", "coaching": "Help", "advice": "Help"}}
    practices = [Practice(id=code, title="A title", approaches=(code,)) for code in ("tutoring", "advice", "coaching")]
    expected = [FacetValue(code, "Help", 1) for code in ("advice", "coaching", "tutoring")]
    for some in (practices, practices[::-1]):
        table = facet_table(some, vocabulary)
        assert table.counts()["approaches"] == table.counts_of(some)["approaches"] == expected


def test_values_of_one_field_are_alternatives():
    assert passing_ids(country=("DE", "NL")) == ["mentors", "absence-call", "street-work"]


def test_values_of_a_list_field_are_alternatives():
    assert passing_ids(approaches=("outreach", "health-support")) == ["absence-call", "street-work"]


def test_fields_narrow_each_other():
    assert passing_ids(country=("DE", "NL"), approaches=("mentoring",), status=("running",)) == ["mentors"]


def test_an_unknown_value_matches_nothing():
    assert passing_ids(country=("Atlantis",)) == []


def test_an_unknown_value_beside_a_known_one_takes_nothing_away():
    assert passing_ids(country=("Atlantis", "GR")) == ["second-school"]


def test_a_practice_whose_value_is_not_known_does_not_pass():
    assert passing_ids(evidence_level=("0", "1", "2", "3", "4")) == ["mentors", "second-school", "absence-call"]


def test_evidence_level_zero_is_a_value():
    assert passing_ids(evidence_level=("0",)) == ["second-school"]


def test_no_condition_means_no_mask():
    assert facet_table(PRACTICES, VOCABULARY).passing(NO_FILTERS) is None


def test_facets_have_labels_and_the_most_frequent_value_first():
    facets = facet_table(PRACTICES, VOCABULARY).counts()
    assert facets["country"] == [
        FacetValue("DE", "Germany", 2),
        FacetValue("GR", "Greece", 1),
        FacetValue("NL", "Netherlands", 1),
    ]
    assert facets["approaches"] == [
        FacetValue("mentoring", "Mentoring", 2),
        FacetValue("health-support", "Health support", 1),
        FacetValue("absence-management", "Managing absence", 1),
        FacetValue("outreach", "Outreach", 1),
        FacetValue("second-chance", "Second-chance education", 1),
    ]
    assert facets["evidence_level"] == [
        FacetValue("3", "Comparison group", 1),
        FacetValue("0", "Description only", 1),
        FacetValue("2", "Survey or process evaluation", 1),
    ]
    assert facets["region"] == []


def test_a_value_without_a_label_shows_itself():
    facets = facet_table(PRACTICES, {}).counts()
    assert facets["approaches"][0] == FacetValue("mentoring", "mentoring", 2)


def test_a_vocabulary_replaces_the_built_in_labels():
    facets = facet_table(PRACTICES[:1], {"country": {"DE": "Deutschland"}}).counts()
    assert facets["country"] == [FacetValue("DE", "Deutschland", 1)]


@pytest.mark.parametrize(
    ("field", "value", "label"),
    [
        ("country", "EU", "Several European countries"),
        ("country", "FR", "France"),
        ("languages", ("fi",), "Finnish"),
        ("evidence_level", 4, "Randomised trial or systematic review"),
        ("status", "renamed", "Renamed or merged"),
        ("effect", "none", "No effect found"),
    ],
)
def test_codes_have_english_labels(field, value, label):
    practice = Practice(id="p", title="A title", **{field: value})
    assert [facet.label for facet in facet_table([practice], {}).counts()[field]] == [label]


def test_a_value_that_a_practice_names_twice_counts_once():
    practice = Practice(id="p", title="A title", approaches=("mentoring", "mentoring"))
    table = facet_table([practice], VOCABULARY)
    for counts in (table.counts(), table.counts_of([practice])):
        assert counts["approaches"] == [FacetValue("mentoring", "Mentoring", 1)]


def test_an_empty_catalogue_has_empty_facets():
    table = facet_table([], VOCABULARY)
    assert table.counts() == table.counts_of([]) == {field: [] for field in VALUES}


def test_field_values_are_named_as_filters_name_them():
    assert field_values(PRACTICES[2], "approaches") == ("absence-management", "health-support")
    assert field_values(PRACTICES[2], "evidence_level") == ("3",)
    assert field_values(PRACTICES[2], "country") == ("NL",)
    assert field_values(PRACTICES[3], "evidence_level") == ()
    assert field_values(PRACTICES[3], "levels") == ()


def test_conditions_are_the_fields_that_have_values():
    filters = Filters(country=("DE",), status=(), effect=("positive", "mixed"))
    assert filters.conditions() == {"country": ("DE",), "effect": ("positive", "mixed")}


def test_an_unknown_filter_field_is_an_error():
    with pytest.raises(ValidationError, match="colour"):
        Filters(colour=("red",))
