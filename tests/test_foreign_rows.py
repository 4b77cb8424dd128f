"""Rows hold no empty text, column names are all different, and characters that got lost are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.foreign.rows import Doubt, damaged_rows, distinct_names, row_of, shown


def test_a_row_leaves_out_empty_texts_and_the_space_at_the_ends_of_others() -> None:
    row = row_of("line 2", [("title", "  Second\nchance \t"), ("country", " \u00a0"), ("note", "")])

    assert (row.place, dict(row.values)) == ("line 2", {"title": "Second\nchance"})


def test_half_of_a_character_becomes_one_that_every_file_can_hold() -> None:
    assert row_of("entry 1", [("title", "a\ud83d b")]).values["title"] == "a\ufffd b"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["title", "title", "title"], ("title", "title (2)", "title (3)")),
        (["title", "title (2)", "title"], ("title", "title (2)", "title (3)")),
        (["a", "", "b"], ("a", "column 2", "b")),
        (["column 2", ""], ("column 2", "column 2 (2)")),
        (["a\n b", "Title", "title"], ("a b", "Title", "title")),
    ],
)
def test_repeated_and_empty_names_get_names_of_their_own(names: list[str], expected: tuple[str, ...]) -> None:
    assert distinct_names(names, "line 1")[0] == expected


def test_each_name_that_was_changed_is_a_doubt() -> None:
    _, doubts = distinct_names(["title", "title", ""], "line 1")

    assert [(doubt.place, doubt.found) for doubt in doubts] == [
        ("line 1", "two columns are called 'title'"),
        ("line 1", "column 3 has no name"),
    ]


@given(st.lists(st.sampled_from(["", "a", "a (2)", "a (3)", "column 1", "column 2", " a"]), max_size=12))
def test_names_are_always_distinct_and_as_many_as_before(names: list[str]) -> None:
    given_names, _ = distinct_names(names, "line 1")

    assert len(set(given_names)) == len(given_names) == len(names)


def test_rows_with_lost_characters_are_told() -> None:
    rows = [
        row_of("line 2", [("title", "fine\t\u00e9")]),
        row_of("line 3", [("title", "Z\ufffdrich"), ("note", "a\x00b")]),
    ]

    assert damaged_rows(rows) == (
        Doubt(
            "line 3",
            "unreadable characters in 'title', 'note'",
            "They were left as they are; type the right letters there.",
        ),
    )


def test_a_long_text_is_shown_in_one_line_with_a_mark() -> None:
    assert shown("a\n b") == "a b"
    assert shown("abcdef", 4) == "abc…"
