"""A saved listing becomes one row an entry, and says if entries are missing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.foreign.listing import find_listing, read_listing
from indexer.foreign.rows import ForeignTable

HEAD = ["Home", "Good practices", "Displaying results 1 - 2 out of 2", ""]
ENTRIES = [
    "Good practice",
    "Mentors",
    "",
    "Retired masters.",
    "",
    "They help.",
    "",
    "Good practice",
    "School",
    "",
    "Text.",
]
WORD = st.text(st.sampled_from("abcdef "), min_size=1, max_size=12).filter(str.strip)


def read(lines: list[str]) -> ForeignTable:
    listing = find_listing(lines)
    assert listing is not None
    return read_listing(Path("a.html"), "listing page", listing)


def values(table: ForeignTable) -> list[dict[str, str]]:
    return [dict(row.values) for row in table.rows]


def found(table: ForeignTable) -> list[tuple[str, str]]:
    return [(doubt.place, doubt.found) for doubt in table.doubts if doubt.place != "top of the page"]


def test_each_entry_has_a_title_and_paragraphs() -> None:
    table = read([*HEAD, *ENTRIES])

    assert table.columns == ("title", "description")
    assert [row.place for row in table.rows] == ["entry 1", "entry 2"]
    assert values(table) == [
        {"title": "Mentors", "description": "Retired masters.\n\nThey help."},
        {"title": "School", "description": "Text."},
    ]
    assert found(table) == []


def test_what_leads_to_other_pages_is_no_description() -> None:
    table = read([*HEAD, *ENTRIES, "", "Pages", "1", "2"])

    assert values(table)[1] == {"title": "School", "description": "Text."}
    assert found(table) == [("end of the page", "Pages / 1 / 2")]


@pytest.mark.parametrize("bullet", ["• Good practice", "Bewährte Praxis", "RESOURCE", "- good practice "])
def test_any_line_that_repeats_in_front_of_blocks_is_a_bullet(bullet: str) -> None:
    lines = [bullet if line == "Good practice" else line for line in ENTRIES]

    assert values(read([*HEAD, *lines])) == values(read([*HEAD, *ENTRIES]))


def test_a_line_that_repeats_at_the_end_of_blocks_is_no_bullet() -> None:
    lines = ["Good practice", "Mentors", "Text.", "Read more", "Good practice", "School", "Words.", "Read more"]

    assert [row["title"] for row in values(read([*HEAD, *lines]))] == ["Mentors", "School"]


def test_paragraphs_need_no_empty_lines_between_them() -> None:
    table = read([*HEAD, "Good practice", "Mentors", "One.", "Two.", "Good practice", "School", "Text."])

    assert values(table)[0]["description"] == "One.\n\nTwo."


@pytest.mark.parametrize(
    ("count", "doubts"),
    [
        ("Displaying results 1 - 2 out of 15", ["entries 1 to 2"]),
        ("Displaying results 1 - 12 out of 12", ["2 entries"]),
        ("Displaying results 1 - 12 out of 15", ["2 entries", "entries 1 to 12"]),
        ("Résultats 13 – 14 sur 14", ["entries 13 to 14"]),
        ("Results 1-2 of 1,234", ["entries 1 to 2"]),
        ("A page of 2014 - 2020 for 12", ["2 entries"]),
    ],
)
def test_entries_that_should_be_there_are_missed(count: str, doubts: list[str]) -> None:
    table = read([count, *ENTRIES])

    assert [what for _, what in found(table)] == doubts


def test_one_result_is_a_listing_if_the_page_counts_it() -> None:
    lines = ["Displaying results 1 - 1 out of 1", "Good practice", "Mentors", "Text."]

    assert values(read(lines)) == [{"title": "Mentors", "description": "Text."}]


def test_prose_is_no_listing() -> None:
    assert find_listing(["Second chance", "", "A school for adults."]) is None
    assert find_listing([]) is None


@given(st.lists(st.tuples(WORD, st.lists(WORD, min_size=1, max_size=3)), min_size=2, max_size=6))
def test_no_entry_and_no_paragraph_is_lost(entries: list[tuple[str, list[str]]]) -> None:
    lines = [f"Displaying results 1 - {len(entries)} out of {len(entries)}"]
    for title, paragraphs in entries:
        lines += ["GOOD PRACTICE", title, "", *(line for text in paragraphs for line in (text, ""))]

    table = read(lines)

    assert values(table) == [
        {"title": title.strip(), "description": "\n\n".join(text.strip() for text in paragraphs)}
        for title, paragraphs in entries
    ]
    assert found(table) == []
