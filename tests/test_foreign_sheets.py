"""A folder of sheets becomes a table with one row a practice."""

import io
from pathlib import Path

import pytest
from docx import Document

from indexer.foreign.rows import ForeignFileError, ForeignTable
from indexer.foreign.sheets import read_folder, read_sheet


def folder(tmp_path: Path, files: dict[str, str | bytes]) -> Path:
    path = tmp_path / "sheets"
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def values(table: ForeignTable) -> list[dict[str, str]]:
    return [dict(row.values) for row in table.rows]


def found(table: ForeignTable) -> list[tuple[str, str]]:
    return [(doubt.place, doubt.found) for doubt in table.doubts]


def test_sheets_of_all_kinds_are_read_in_order_of_their_names(tmp_path: Path) -> None:
    document, content = Document(), io.BytesIO()
    document.add_heading("Mentors", 1)
    document.add_paragraph("Country: DE")
    document.add_paragraph("Retired masters.")
    document.save(content)
    files = {
        "d.txt": "Evening school\nCountry: FR\n\nFor adults.\nAt night.\n\nSecond.",
        "a.docx": content.getvalue(),
        "b.html": "<title>x</title><h1>Street work</h1><table><tr><td>Year<td>2010</table><p>Text",
        "c.md": "---\nCountry: GR\n---\n# School\n\nText: long\nlines.\n\n## Results\n\nGood: yes.",
    }

    table = read_folder(folder(tmp_path, files))

    assert (table.form, table.columns) == ("folder of 4 sheets", ("id", "title", "Country", "Year", "description"))
    assert [row.place for row in table.rows] == ["sheets/a.docx", "sheets/b.html", "sheets/c.md", "sheets/d.txt"]
    assert values(table) == [
        {"id": "a", "title": "Mentors", "Country": "DE", "description": "Retired masters."},
        {"id": "b", "title": "Street work", "Year": "2010", "description": "Text"},
        {
            "id": "c",
            "title": "School",
            "Country": "GR",
            "description": "Text: long\nlines.\n\nResults\n\nGood: yes.",
        },
        {"id": "d", "title": "Evening school", "Country": "FR", "description": "For adults.\nAt night.\n\nSecond."},
    ]
    assert table.doubts == ()


def test_other_files_are_a_doubt_each(tmp_path: Path) -> None:
    path = folder(tmp_path, {"a.txt": "Title\n\nText", "b.pdf": b"%PDF", "~$a.docx": b"x", ".hidden.txt": "x"})
    (path / "more").mkdir()

    assert found(read_folder(path)) == [
        ("sheets/.hidden.txt", "another kind of file"),
        ("sheets/b.pdf", "another kind of file"),
        ("sheets/more", "a folder"),
        ("sheets/~$a.docx", "another kind of file"),
    ]


def test_labels_that_are_our_own_names_or_stand_twice_are_kept_apart(tmp_path: Path) -> None:
    path = folder(tmp_path, {"a.md": "---\ntitle: Other\nid: x\n---\n# School\n\nSource: u\nSource: v\n\nText"})

    table = read_folder(path)
    assert values(table) == [
        {
            "id": "a",
            "title": "School",
            "title (2)": "Other",
            "id (2)": "x",
            "Source": "u",
            "Source (2)": "v",
            "description": "Text",
        }
    ]
    assert len(table.doubts) == 3


def test_a_title_among_the_labels_is_the_title_where_there_is_no_heading(tmp_path: Path) -> None:
    path = folder(tmp_path, {"a.md": "---\ntitle: School\ncountry: GR\n---\nText", "b.md": "---\ntitle: T\n---\n# T\n"})

    assert values(read_folder(path)) == [
        {"id": "a", "title": "School", "country": "GR", "description": "Text"},
        {"id": "b", "title": "T"},
    ]


def test_files_of_the_same_name_are_both_read_and_told(tmp_path: Path) -> None:
    table = read_folder(folder(tmp_path, {"a.txt": "One", "a.md": "# Two"}))

    assert [row["title"] for row in values(table)] == ["Two", "One"]
    assert found(table) == [
        ("sheets/a.md", "two files are called 'a'"),
        ("sheets/a.txt", "two files are called 'a'"),
    ]


def test_all_sheets_that_cannot_be_read_are_listed_at_once(tmp_path: Path) -> None:
    path = folder(tmp_path, {"a.txt": "", "b.docx": b"nonsense", "c.txt": "fine", "d.html": "<p> </p>"})

    with pytest.raises(ForeignFileError) as refusal:
        read_folder(path)
    assert [line.split(":")[0] for line in str(refusal.value).splitlines()] == [
        "a.txt",
        "sheets/b.docx",
        "sheets/d.html",
    ]


def test_a_folder_without_any_sheet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ForeignFileError, match="no sheet in this folder"):
        read_folder(folder(tmp_path, {"a.pdf": b"%PDF"}))


def test_one_sheet_is_a_table_of_one_row() -> None:
    table = read_sheet(Path("school.md"), b"First line\nmore\n\nText")

    assert (table.form, values(table)) == (
        "one sheet",
        [{"id": "school", "title": "First line", "description": "more\n\nText"}],
    )
