"""Cells become values only where they say so; what they say otherwise is refused, never guessed."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.foreign import values
from indexer.foreign.values import NotUnderstoodError
from indexer.practice import Practice


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *(("DE", "DE"), ("de", "DE"), ("Germany", "DE"), ("  deutschland ", "DE"), ("Allemagne", "DE"), ("DEU", "DE")),
        *(("UK", "GB"), ("EL", "GR"), ("Ελλάδα", "GR"), ("Hrvatska", "HR"), ("Česko", "CZ"), ("The Netherlands", "NL")),
        *(("Slovak Republic", "SK"), ("Republic of  India", "IN"), ("България", "BG"), ("Éire", "IE"), ("EU", "EU")),
    ],
)
def test_a_country_is_known_by_its_codes_and_by_its_names_in_the_languages_of_the_union(text: str, code: str) -> None:
    assert values.country(text) == code
    assert Practice(id="a", title="A", country=values.country(text)).country == code


@pytest.mark.parametrize("text", ["", "Western Africa", "Bavaria", "Germany and France", "123", "XX"])
def test_what_is_no_country_is_refused(text: str) -> None:
    with pytest.raises(NotUnderstoodError, match=r"^expected the name or the ISO 3166 code of a country$"):
        values.country(text)


@pytest.mark.parametrize(
    ("text", "code"), [("de", "de"), ("DE", "de"), ("German", "de"), ("Deutsch", "de"), ("ελληνικά", "el")]
)
def test_a_language_is_known_by_its_code_and_by_its_names(text: str, code: str) -> None:
    assert values.language(text) == code


@pytest.mark.parametrize(
    ("text", "year"),
    [
        *(("2016", 2016), ("05.09.2016", 2016), ("2016-09-05", 2016), ("6/30/2005 12:00:00 AM", 2005)),
        *(("since May 2011", 2011), ("42618", 2016), ("42618.0", 2016), ("42618.75", 2016), ("31. Dez 19", 2019)),
        *(("31/12/18", 2018), ("1.3.99", 1999), ("01. Mrz 16", 2016)),
    ],
)
def test_a_year_is_read_from_dates_in_any_form(text: str, year: int) -> None:
    assert values.year(text) == year


@pytest.mark.parametrize(
    "text", ["", "N/A", "soon", "2014-2020", "12", "99999", "01/0817", "2016 or 2017", "16-09-05 h"]
)
def test_what_says_no_year_or_more_than_one_is_refused(text: str) -> None:
    with pytest.raises(NotUnderstoodError):
        values.year(text)


@given(
    st.dates(date(1960, 1, 1), date(2099, 12, 31)), st.sampled_from(["%d.%m.%Y", "%Y-%m-%d", "%m/%d/%Y", "%d %B %Y"])
)
def test_any_date_with_a_whole_year_gives_its_year(day: date, form: str) -> None:
    assert values.year(day.strftime(form)) == day.year


@given(st.integers(20_000, 80_000))
def test_days_of_a_spreadsheet_are_counted_as_it_does(days: int) -> None:
    assert values.year(str(days)) == (date(1899, 12, 30) + timedelta(days=days)).year


@pytest.mark.parametrize(
    ("text", "status"), [("Closed", "ended"), ("Active", "running"), ("laufend", "running"), ("en curso", "running")]
)
def test_words_for_a_status_are_known(text: str, status: str) -> None:
    assert values.status(text) == status


@pytest.mark.parametrize("text", ["Dropped", "", "act", "clos"])
def test_other_words_are_no_status(text: str) -> None:
    with pytest.raises(NotUnderstoodError):
        values.status(text)


def test_addresses_are_found_in_a_text_without_the_sign_after_them() -> None:
    assert values.urls("See https://a.example/x, (http://b.example/y?z=1).") == (
        "https://a.example/x",
        "http://b.example/y?z=1",
    )
    with pytest.raises(NotUnderstoodError):
        values.urls("www.a.example")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a; b ;c", ("a", "b", "c")),
        ("a | b", ("a", "b")),
        ("a, b", ("a", "b")),
        ("one, two; three", ("one, two", "three")),
        ("1,5", ("1,5",)),
        ("a; a", ("a",)),
        ("", ()),
    ],
)
def test_a_cell_lists_what_stands_between_its_strongest_signs(text: str, parts: tuple[str, ...]) -> None:
    assert values.parts(text) == parts


def test_codes_are_those_of_the_vocabulary_where_it_has_the_field() -> None:
    code = values.code_reader("levels", {"levels": {"apprenticeship": "Apprenticeship", "higher": "Higher education"}})
    assert [code(text) for text in ("Apprenticeship", "HIGHER  education".replace("  ", " "), "higher")] == [
        "apprenticeship",
        "higher",
        "higher",
    ]
    with pytest.raises(NotUnderstoodError, match=r"^expected one of: apprenticeship, higher$"):
        code("Kindergarten")


def test_without_a_vocabulary_a_name_makes_a_code_and_a_long_text_does_not() -> None:
    code = values.code_reader("levels", {})
    assert code("Höhere Bildung (ISCED 5)") == "hohere-bildung-isced-5"
    for text in ("?!", "x" * 65):
        with pytest.raises(NotUnderstoodError):
            code(text)


@given(st.text(max_size=100), st.integers(1, 80))
def test_a_slug_is_a_code_or_empty(text: str, length: int) -> None:
    found = values.slug(text, length)
    assert len(found) <= length
    if found:
        assert Practice(id=found, title="A", levels=(found[:64].strip("-"),)).id == found
