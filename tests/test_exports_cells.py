"""A row of cells is readable text, and the practice can be read back from it whatever its texts are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.catalogue import read_catalogue
from indexer.practice import Practice, Result, Source
from indexer.shipped import shipped_path
from service.exports.cells import practice_cells
from service.exports.fields import practice_fields
from tests.exported import CATALOGUE, TOLD, read_back

NAMES = [field.name for field in practice_fields()]
SAID = st.text(st.sampled_from("ab =:;'\n\r-"), min_size=1, max_size=12).filter(lambda text: bool(text.strip()))


def cells(practice: Practice) -> dict[str, object]:
    return dict(zip(NAMES, practice_cells(practice), strict=True))


def test_lists_stand_in_one_line_and_numbers_stay_numbers() -> None:
    row = cells(TOLD)

    assert (row["languages"], row["approaches"]) == ("fr; de", "mentoring; outreach")
    assert (row["start_year"], row["age_min"], row["evidence_level"]) == (2001, 0, 0)
    assert (row["is_verified"], row["status"]) == ("false", "renamed")


def test_sources_and_results_are_lines_that_say_what_is_known_of_each() -> None:
    practice = Practice(
        id="a",
        title="A",
        sources=(Source(url="https://a.example/", note="Report"), Source(url="https://b.example/")),
        results=(Result(text="All stayed.", source="https://a.example/"),),
    )
    row = cells(practice)

    assert row["sources"] == "https://a.example/\n  note: Report\nhttps://b.example/"
    assert row["results"] == "All stayed.\n  source: https://a.example/"


def test_what_is_not_known_is_an_empty_cell() -> None:
    row = cells(Practice(id="bare", title="Bare"))

    assert {name: value for name, value in row.items() if value is not None} == {
        "id": "bare", "title": "Bare", "status": "unknown", "effect": "unknown"
    }  # fmt: skip


@pytest.mark.parametrize("practice", CATALOGUE, ids=lambda one: one.id)
def test_a_practice_is_read_back_as_it_was(practice: Practice) -> None:
    assert read_back(cells(practice)) == practice


def test_the_shipped_catalogue_is_read_back_as_it_was() -> None:
    practices = list(read_catalogue(shipped_path("data/catalogue/practices.jsonl")))

    assert [read_back(cells(practice)) for practice in practices] == practices


@given(texts=st.lists(st.tuples(SAID, st.none() | SAID), max_size=4))
def test_any_texts_of_sources_and_results_are_read_back(texts: list[tuple[str, str | None]]) -> None:
    practice = Practice(
        id="a",
        title="A",
        sources=tuple(Source(url=text, note=note) for text, note in texts),
        results=tuple(Result(text=text, source=source) for text, source in texts),
    )

    assert read_back(cells(practice)) == practice
