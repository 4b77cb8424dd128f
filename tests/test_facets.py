"""Who has which value, and how many of those shown, against plain counting over the practices."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.facets import FACET_FIELDS, FacetColumns
from indexer.practice import Practice, field_values
from tests.fakes import PRACTICES

FIELDS = (*FACET_FIELDS, "listed_in")
ALL = tuple(
    {
        "country": None if number % 3 == 0 else "DE" if number % 3 == 1 else "GR",
        "region": "Saxony <b>" if number % 2 else None,
        "languages": ("de", "el")[: number % 3],
        "approaches": ("mentoring", "outreach", "coaching")[number % 4 :],
        "target_groups": ("neets",) * (number % 3),
        "levels": ("primary",),
        "evidence_level": None if number == 5 else number % 5,
        "effect": ("positive", "none")[number % 2],
        "status": ("running", "ended", "unknown")[number % 3],
        "listed_in": ("national-list",) if number > 3 else (),
    }
    for number in range(7)
)
MANY = tuple(Practice(id=f"p{number}", title="A", **fields) for number, fields in enumerate(ALL))


@pytest.fixture(scope="module")
def facets() -> FacetColumns:
    return FacetColumns.build(PRACTICES)


def test_the_fields_are_those_that_can_be_filtered_by_in_the_order_in_which_they_are_shown() -> None:
    shown = "country region languages status approaches target_groups measure_types levels evidence_level effect"
    assert list(FACET_FIELDS) == shown.split()


def test_the_values_of_a_field_are_those_that_occur_in_order(facets: FacetColumns) -> None:
    assert facets.values("country") == ("DE", "GR", "NL")
    approaches = "absence-management health-support mentoring outreach second-chance"
    assert " ".join(facets.values("approaches")) == approaches
    assert facets.values("evidence_level") == ("0", "2", "3")
    assert facets.values("effect") == ("mixed", "positive", "unknown")
    assert facets.values("levels") == facets.values("listed_in") == ()


def test_values_and_practices_know_each_other_by_place(facets: FacetColumns) -> None:
    assert facets.places("country", ("NL", "FR", "DE", "NL")) == [0, 2]
    assert facets.places("levels", ("primary",)) == []
    for field in FIELDS:
        bounds, places = facets.of_practices(field)
        for row, practice in enumerate(PRACTICES):
            found = [facets.values(field)[place] for place in places[bounds[row] : bounds[row + 1]]]
            assert found == sorted(field_values(practice, field))


def test_a_value_names_the_practices_that_have_it_in_catalogue_order(facets: FacetColumns) -> None:
    assert facets.rows("country", "DE").tolist() == [0, 3]
    assert facets.rows("country", "GR").tolist() == [1]
    assert facets.rows("approaches", "mentoring").tolist() == [0, 3]
    assert facets.rows("approaches", "health-support").tolist() == [2]
    assert facets.rows("evidence_level", "0").tolist() == [1]
    assert facets.rows("status", "unknown").tolist() == [3]


@pytest.mark.parametrize(
    ("field", "value"),
    [("country", "FR"), ("country", "de"), ("country", ""), ("levels", "primary"), ("approaches", "DE")],
)
def test_a_value_that_does_not_occur_names_nobody(facets: FacetColumns, field: str, value: str) -> None:
    assert facets.rows(field, value).tolist() == []


def test_having_says_who_has_any_of_the_values(facets: FacetColumns) -> None:
    assert facets.having("country", ["DE"]).tolist() == [True, False, False, True]
    assert facets.having("country", ["NL", "GR", "NL", "FR"]).tolist() == [False, True, True, False]
    assert facets.having("approaches", ["outreach", "mentoring"]).tolist() == [True, False, False, True]
    assert facets.having("country", []).tolist() == [False] * 4
    assert facets.having("levels", ["primary"]).tolist() == [False] * 4
    assert facets.having("country", ["DE"]).dtype == np.bool_


def test_counts_are_of_all_practices_or_of_those_shown(facets: FacetColumns) -> None:
    assert list(facets.counts("country")) == [("DE", 2), ("GR", 1), ("NL", 1)]
    shown = np.array([True, False, True, False])
    assert list(facets.counts("country", shown)) == [("DE", 1), ("GR", 0), ("NL", 1)]
    assert list(facets.counts("approaches", shown)) == [
        ("absence-management", 1),
        ("health-support", 1),
        ("mentoring", 1),
        ("outreach", 0),
        ("second-chance", 0),
    ]
    assert list(facets.counts("evidence_level", ~shown)) == [("0", 1), ("2", 0), ("3", 0)]
    assert list(facets.counts("levels", shown)) == list(facets.counts("levels")) == []
    assert {type(count) for _, count in facets.counts("country", shown)} == {int}


def test_where_nobody_is_shown_every_value_counts_none(facets: FacetColumns) -> None:
    assert list(facets.counts("country", np.zeros(4, dtype=np.bool_))) == [("DE", 0), ("GR", 0), ("NL", 0)]


def test_a_value_that_a_practice_names_several_times_counts_once() -> None:
    doubled = PRACTICES[2].model_copy(update={"approaches": ("outreach", "mentoring", "outreach", "outreach")})
    facets = FacetColumns.build((PRACTICES[0], doubled))
    assert facets.rows("approaches", "outreach").tolist() == [1]
    assert list(facets.counts("approaches")) == [("mentoring", 2), ("outreach", 1)]
    assert list(facets.counts("approaches", np.array([False, True]))) == [("mentoring", 1), ("outreach", 1)]


def test_an_empty_catalogue_has_no_values(tmp_path: Path) -> None:
    empty = FacetColumns.build(())
    empty.save(tmp_path / "facets")
    for facets in (empty, FacetColumns.load(tmp_path / "facets", 0)):
        assert [facets.values(field) for field in FIELDS] == [()] * len(FIELDS)
        assert facets.rows("country", "DE").tolist() == []
        assert facets.having("country", ["DE"]).tolist() == []
        assert list(facets.counts("country", np.empty(0, dtype=np.bool_))) == list(facets.counts("country")) == []


def agrees_with_plain_counting(facets: FacetColumns, practices: tuple[Practice, ...], shown: list[bool]) -> None:
    for field in FIELDS:
        values = sorted({value for practice in practices for value in field_values(practice, field)})
        having = {
            value: [row for row, one in enumerate(practices) if value in field_values(one, field)] for value in values
        }
        assert facets.values(field) == tuple(values), field
        assert {value: facets.rows(field, value).tolist() for value in values} == having, field
        assert list(facets.counts(field)) == [(value, len(rows)) for value, rows in having.items()], field
        assert list(facets.counts(field, np.array(shown, dtype=np.bool_))) == [
            (value, sum(shown[row] for row in rows)) for value, rows in having.items()
        ], field
        assert facets.having(field, values[::2]).tolist() == [
            any(value in values[::2] for value in field_values(one, field)) for one in practices
        ], field


CODES = st.lists(st.sampled_from(["mentoring", "outreach", "a", "b"]), max_size=4).map(tuple)
SOME_PRACTICES = st.lists(
    st.builds(
        Practice,
        id=st.just("p"),
        title=st.just("A"),
        country=st.sampled_from([None, "DE", "FR"]),
        region=st.sampled_from([None, "Île-de-France", "école", "Ö"]),
        approaches=CODES,
        levels=CODES,
        listed_in=CODES,
        evidence_level=st.none() | st.integers(0, 4),
    ),
    max_size=8,
).map(tuple)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(SOME_PRACTICES, st.lists(st.booleans(), min_size=8, max_size=8))
def test_all_that_is_told_is_that_of_plain_counting(practices: tuple[Practice, ...], flags: list[bool]) -> None:
    agrees_with_plain_counting(FacetColumns.build(practices), practices, flags[: len(practices)])


def test_a_saved_table_tells_the_same_and_has_the_same_bytes_twice(tmp_path: Path) -> None:
    for name in ("first", "second"):
        FacetColumns.build(MANY).save(tmp_path / name)
    loaded = FacetColumns.load(tmp_path / "first", len(MANY))
    assert loaded.size == 7
    agrees_with_plain_counting(loaded, MANY, [row % 2 == 0 for row in range(7)])
    loaded.save(tmp_path / "third")
    first, second, third = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("first", "second", "third")
    )
    assert first == second == third
    assert len(first) == 2 * len(FIELDS) + 1


def test_a_table_without_one_of_its_files_is_refused(tmp_path: Path) -> None:
    FacetColumns.build(MANY).save(tmp_path / "facets")
    for path in sorted((tmp_path / "facets").iterdir()):
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(FileNotFoundError, match=path.name):
            FacetColumns.load(tmp_path / "facets", len(MANY))
        path.write_bytes(content[:-1])
        with pytest.raises(ValueError, match=r"EOF|file size|JSON"):
            FacetColumns.load(tmp_path / "facets", len(MANY))
        path.write_bytes(content)
    assert FacetColumns.load(tmp_path / "facets", len(MANY)).rows("country", "DE").tolist() == [1, 4]
