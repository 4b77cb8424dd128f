"""Markdown becomes pieces in its order, front matter first."""

from hypothesis import given
from hypothesis import strategies as st

from indexer.foreign.markdown import markdown_pieces
from indexer.foreign.pieces import Piece


def test_front_matter_becomes_labels() -> None:
    text = (
        "---\ntitle: 'Second chance'\nyears: [2010, 2012]\ntags:\n  - one\n  - two\nempty:\nnote: |\n  a: b\n---\nText"
    )

    assert markdown_pieces(text) == [
        Piece("Second chance", label="title"),
        Piece("2010; 2012", label="years"),
        Piece("one; two", label="tags"),
        Piece("a: b", label="note"),
        Piece("Text"),
    ]


def test_headings_of_both_kinds_are_headings() -> None:
    assert markdown_pieces("# One #\nText\n\nTwo\n===\n## Three") == [
        Piece("One", is_heading=True),
        Piece("Text"),
        Piece("Two", is_heading=True),
        Piece("Three", is_heading=True),
    ]


def test_a_table_of_two_columns_is_labels_and_a_wider_one_is_text() -> None:
    assert markdown_pieces("| Country | GR |\n|---|---|\n| **Run by:** | X<br>Y |") == [
        Piece("GR", label="Country"),
        Piece("X\nY", label="Run by"),
    ]
    assert markdown_pieces("a | b | c\n--|--|--\n1 | 2 | 3") == [Piece("a | b | c"), Piece("1 | 2 | 3")]


def test_front_matter_without_an_end_is_text() -> None:
    assert markdown_pieces("---\ntitle: x")[-1].text.endswith("title: x")


@given(st.text(st.sampled_from("ab #-=|:\n[]"), max_size=60))
def test_no_letter_of_a_text_is_lost(text: str) -> None:
    whole = " ".join(piece.whole for piece in markdown_pieces(text))

    assert [letter for letter in whole if letter in "ab"] == [letter for letter in text if letter in "ab"]
