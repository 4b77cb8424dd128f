"""The reader is chosen by what a file holds, then by its name; nothing but a table or a refusal comes back."""

import csv
import gzip
import io
from contextlib import suppress
from pathlib import Path

import pytest
import xlsxwriter
from docx import Document
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.foreign.reading import read_foreign
from indexer.foreign.rows import ForeignFileError

LISTING = "Displaying results 1 - 2 out of 2\nGood practice\nMentors\nText, long.\nGood practice\nSchool\nWords.\n"
TABLE = "<table><tr><th>id<th>title</tr><tr><td>a<td>Mentors</tr></table>"


def xlsx() -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet("A")
        sheet.write_row(0, 0, ["id", "title"])
        sheet.write_row(1, 0, ["a", "Mentors"])
    return content.getvalue()


def docx() -> bytes:
    document, content = Document(), io.BytesIO()
    document.add_heading("Mentors", 1)
    document.save(content)
    return content.getvalue()


SAMPLES = {
    "a.csv": "id,title\na,Mentors\nb,Zürich\n".encode(),
    "a.json": b'[{"id": "a", "title": "Mentors"}]',
    "a.html": f"<html><body>{TABLE}</body></html>".encode(),
    "a.txt": LISTING.encode(),
    "a.xlsx": xlsx(),
    "a.docx": docx(),
    "a.md": b"---\ncountry: GR\n---\n# School\n\n| a | b |\n|---|---|\n\nText\n",
}


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("a.csv", b"id,title\na,b\n", "CSV, UTF-8, separated by ','"),
        ("a.csv.gz", gzip.compress(b"id;title\na;b\n"), "CSV, UTF-8, separated by ';'"),
        ("a.txt", b"id\ttitle\na\tb\n", "CSV, UTF-8, separated by tabs"),
        ("a.csv", b"<b>id</b>,title\na,b\n", "CSV, UTF-8, separated by ','"),
        ("a.txt", LISTING.encode(), "listing page as text, UTF-8"),
        ("a", LISTING.encode(), "listing page as text, UTF-8"),
        ("a.html", ("<p>" + LISTING.replace("\n", "<br>")).encode(), "listing page"),
        ("a.xls", TABLE.encode(), "table 1 of a page"),
        ("a.csv", b'{"id": "a"}\n{"id": "b"}\n', "JSON lines, UTF-8"),
        ("a.jsonl.gz", gzip.compress(b'{"id": "a"}'), "JSON lines, UTF-8"),
        ("a.xls", xlsx(), "XLSX, sheet 'A'"),
        ("a.csv", docx(), "one sheet"),
        ("a.md", b"[School](u)\n\nText", "one sheet"),
    ],
)
def test_content_goes_before_the_name(tmp_path: Path, name: str, content: bytes, form: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    table = read_foreign(path)
    assert (table.path, table.form) == (path, form)
    assert table.rows


def test_a_folder_is_read_as_sheets(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("School", encoding="utf-8")

    assert read_foreign(tmp_path).form == "folder of 1 sheets"


def test_characters_that_got_lost_are_told_by_any_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("id,title\na,Z\ufffdrich\n".encode())

    assert [(doubt.place, doubt.found) for doubt in read_foreign(path).doubts] == [
        ("line 2", "unreadable characters in 'title'")
    ]


def test_other_tables_of_a_page_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(f"<table><tr><td>Menu</table>{TABLE}", encoding="utf-8")

    table = read_foreign(path)
    assert table.form == "table 2 of a page"
    assert [(doubt.place, doubt.found) for doubt in table.doubts] == [("table 1", "1 rows")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.html", b"<p>Only text</p>", "neither a listing of practices nor a table in this page"),
        ("a.txt", b"Only text, no more.", "neither a listing of practices nor a table"),
        ("a.zip", b"PK\x03\x04", "the file is damaged"),
        ("a.csv", b"", "the file is empty"),
        ("a.csv", bytes(range(256)), "these bytes are no text"),
        ("a.json", b"id,title", "not readable as JSON"),
    ],
)
def test_what_holds_no_rows_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(ForeignFileError, match=f"^{name}.*{message}"):
        read_foreign(path)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ForeignFileError, match=r"^none: cannot be read"):
        read_foreign(tmp_path / "none")


def test_greek_from_an_old_spreadsheet_comes_back_whole(tmp_path: Path) -> None:
    file, path = io.StringIO(newline=""), tmp_path / "a.csv"
    rows = [["id", "τίτλος"], ["1", "Σχολείο δεύτερης ευκαιρίας; Αθήνα"], ["2", "Μαθητεία\nκαι κατάρτιση"]]
    csv.writer(file, delimiter=";").writerows(rows)
    path.write_bytes(file.getvalue().encode("cp1253"))

    table = read_foreign(path)
    assert table.form == "CSV, cp1253, separated by ';'"
    assert [[*row.values.values()] for row in table.rows] == rows[1:]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(SAMPLES)), data=st.data())
def test_damaged_bytes_are_a_table_or_refused(tmp_path: Path, name: str, data: st.DataObject) -> None:
    damaged = bytearray(SAMPLES[name])
    for at in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=5)):
        damaged[at] = data.draw(st.integers(0, 255))
    path = tmp_path / name
    path.write_bytes(damaged[: data.draw(st.integers(1, len(damaged)))])

    with suppress(ForeignFileError):
        table = read_foreign(path)
        assert len(set(table.columns)) == len(table.columns)
        assert {column for row in table.rows for column in row.values} <= set(table.columns)
