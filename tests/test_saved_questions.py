"""Saved questions are read from text, from JSON lines and from a judged folder; a line that is neither is named."""

from pathlib import Path

import pytest

from service.collection import CollectionError, JudgedQuery, read_beir
from service.saved_questions import read_questions
from tests.test_collection import beir


@pytest.mark.parametrize(
    "content",
    [
        b"who helps apprentices?\n\n  \xc3\xa9cole du soir  \n",
        b"\xef\xbb\xbfwho helps apprentices?\r\n\r\n\xc3\xa9cole du soir",
        b'{"query_id": "1", "text": "who helps apprentices?"}\n\n{"text": " \\u00e9cole du soir ", "kind": "need"}',
    ],
)
def test_a_file_has_a_question_a_line_and_no_judgements(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "asked.txt"
    path.write_bytes(content)
    asked = read_questions(path)
    assert asked.queries == (JudgedQuery("1", "who helps apprentices?"), JudgedQuery("3", "école du soir"))
    assert (asked.name, asked.qrels) == ("asked.txt", {})


def test_an_id_that_is_given_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    path.write_text('{"query_id": "mine", "text": "who?"}', encoding="utf-8")
    assert read_questions(path).queries == (JudgedQuery("mine", "who?"),)


def test_a_folder_is_one_in_beir_layout_with_its_judgements(tmp_path: Path) -> None:
    folder = beir(tmp_path / "judged")
    assert read_questions(folder) == read_beir(folder)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"who?\n{", r"asked, line 2: \{ \(Invalid JSON.*\); expected one question a line"),
        (b'\n{"text": " "}', r"asked, line 2: .* \(String should have at least 1 character\)"),
        (b'{"question": "who?"}', r"asked, line 1: .* \(Field required\)"),
        (b" \n", "asked: no question; expected one"),
        (b"\xff", "asked: not UTF-8"),
    ],
)
def test_what_is_no_question_is_named(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "asked"
    path.write_bytes(content)
    with pytest.raises(CollectionError, match=found):
        read_questions(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_questions(tmp_path / "nowhere")
