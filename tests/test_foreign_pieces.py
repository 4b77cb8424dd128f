"""Lines with a label are told from sentences with a colon."""

import pytest

from indexer.foreign.pieces import Piece, labelled, paragraph_pieces, text_pieces


@pytest.mark.parametrize(
    ("line", "label", "text"),
    [
        ("Country: Greece", "Country", "Greece"),
        ("- **Run by:** a school: the first", "Run by", "a school: the first"),
        ("• Website: https://one.example/", "Website", "https://one.example/"),
        ("Χώρα : Ελλάδα", "Χώρα", "Ελλάδα"),
    ],
)
def test_a_label_and_its_value_are_taken_apart(line: str, label: str, text: str) -> None:
    assert labelled(line) == Piece(text, label=label)


@pytest.mark.parametrize(
    "line",
    [
        *("https://one.example/", "10:30 in the morning", "Country:", "A sentence", ""),
        "There are three kinds of young people who leave: those who work",
    ],
)
def test_other_lines_have_no_label(line: str) -> None:
    assert labelled(line) is None


def test_labels_at_the_start_of_a_paragraph_are_taken_from_it() -> None:
    assert paragraph_pieces(["Country: Greece", "Year: 2010", "It began", "with five."]) == [
        Piece("Greece", label="Country"),
        Piece("2010", label="Year"),
        Piece("It began\nwith five."),
    ]


def test_a_sentence_that_goes_on_in_the_next_line_stays_whole() -> None:
    assert paragraph_pieces(["Aim: to keep", "them in school"]) == [Piece("Aim: to keep\nthem in school")]


def test_a_text_is_its_first_line_and_paragraphs() -> None:
    assert text_pieces("Title\nCountry: FR\n\nOne\ntwo\n\n\nThree") == [
        Piece("Title"),
        Piece("FR", label="Country"),
        Piece("One\ntwo"),
        Piece("Three"),
    ]
