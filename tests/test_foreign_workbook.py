"""The sheet with most text becomes a table; what its cells do not show is a doubt."""

import io
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.foreign.rows import ForeignFileError, ForeignTable
from indexer.foreign.workbook import read_workbook

PATH = Path("a.xlsx")
CELL = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), min_size=1, max_size=9)


def workbook(fill: Callable[[xlsxwriter.Workbook], None]) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_urls": False}) as book:
        fill(book)
    return content.getvalue()


def one_sheet(*rows: tuple[object, ...]) -> bytes:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Projekte")
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                sheet.write(number, column, cell)

    return workbook(fill)


SHEET = one_sheet(("id", "title"), ("a", "Mentors"))
"""Made once: a workbook tells the time at which it was made, so its compressed size differs from second to second."""


def ods(rows: str) -> bytes:
    namespaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = io.BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        file.writestr(
            "content.xml",
            f'<?xml version="1.0"?><office:document-content {namespaces}><office:body><office:spreadsheet>'
            f'<table:table table:name="Liste">{rows}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
        file.writestr(
            "META-INF/manifest.xml",
            '<?xml version="1.0"?><m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
    return content.getvalue()


def values(table: ForeignTable) -> list[dict[str, str]]:
    return [dict(row.values) for row in table.rows]


def found(table: ForeignTable) -> list[tuple[str, str]]:
    return [(doubt.place, doubt.found) for doubt in table.doubts]


def test_dates_and_numbers_are_written_as_people_write_them() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Projekte")
        sheet.write_row(0, 0, ["start", "seen", "year", "share", "open"])
        sheet.write_datetime(1, 0, datetime(2016, 9, 5), book.add_format({"num_format": "dd.mm.yyyy"}))
        sheet.write_datetime(1, 1, datetime(2016, 9, 5, 14, 30), book.add_format({"num_format": "dd.mm.yyyy hh:mm"}))
        sheet.write_row(1, 2, [2016, 0.25, True])

    table = read_workbook(PATH, workbook(fill))

    assert (table.form, table.rows[0].place) == ("XLSX, sheet 'Projekte'", "sheet 'Projekte', row 2")
    assert values(table) == [
        {"start": "2016-09-05", "seen": "2016-09-05 14:30:00", "year": "2016", "share": "0.25", "open": "true"}
    ]
    assert table.doubts == ()


def test_the_sheet_with_most_text_is_read_and_the_others_are_told() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        book.add_worksheet("Read me").write(0, 0, "About")
        sheet = book.add_worksheet("List")
        sheet.write_row(2, 1, ["id", "title"])
        sheet.write_row(3, 1, ["a", "Mentors"])
        book.add_worksheet("Empty")

    table = read_workbook(PATH, workbook(fill))

    assert [(row.place, dict(row.values)) for row in table.rows] == [
        ("sheet 'List', row 4", {"id": "a", "title": "Mentors"})
    ]
    assert found(table) == [("sheet 'Read me'", "1 cells with text")]


def test_what_the_cells_do_not_show_is_told() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("A")
        sheet.write_row(0, 0, ["id", "title", "sum"])
        sheet.write_row(1, 0, ["a", "Mentors"])
        sheet.write_formula(1, 2, "=1/0", None, "#DIV/0!")
        sheet.merge_range(2, 0, 3, 0, "b")
        sheet.write_url(2, 1, "https://one.example/", string="School")
        sheet.write_comment(2, 1, "Is it still there?")

    table = read_workbook(PATH, workbook(fill))

    assert found(table) == [
        ("whole file", "errors such as #N/A instead of values in C2 of sheet1.xml"),
        ("whole file", "cells with links in sheet1.xml"),
        ("whole file", "cells with comments"),
        ("sheet 'A'", "1 groups of merged cells"),
    ]


def test_a_sheet_of_libreoffice_is_read() -> None:
    cells = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
        for text in ("id", "title")
    )
    row = f"<table:table-row>{cells}</table:table-row>"

    table = read_workbook(Path("a.ods"), ods(row + row.replace(">id<", ">a<").replace(">title<", ">Mentors<")))

    assert (table.form, values(table)) == ("ODS, sheet 'Liste'", [{"id": "a", "title": "Mentors"}])


def test_a_sheet_whose_markup_breaks_off_is_refused() -> None:
    # The library would wait for ever for the end of the cell.
    with pytest.raises(ForeignFileError, match=r"the file is damaged \(part 'content\.xml'"):
        read_workbook(Path("a.ods"), ods("<table:table-row><table:table-cell><text:p>id"))


def test_cells_that_are_far_apart_are_refused_before_they_fill_the_memory() -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("A")
        sheet.write(0, 0, "id")
        sheet.write(1_048_575, 16_383, "far")

    with pytest.raises(ForeignFileError, match="reaches to row 1,048,576 and column 16,384 but is almost empty"):
        read_workbook(PATH, workbook(fill))


@pytest.mark.parametrize("data", [b"PK\x03\x04 nonsense", b"\xd0\xcf\x11\xe0" + bytes(600), one_sheet()])
def test_what_is_no_workbook_with_text_is_refused(data: bytes) -> None:
    with pytest.raises(ForeignFileError, match=r"^a\.xlsx: "):
        read_workbook(PATH, data)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=4))
def test_what_was_written_is_read(rows: list[tuple[str, str, str]]) -> None:
    def fill(book: xlsxwriter.Workbook) -> None:
        sheet = book.add_worksheet("Projekte")
        for number, row in enumerate([("id", "title", "note"), *rows]):
            for column, cell in enumerate(row):
                sheet.write_string(number, column, cell)

    whole = [
        {name: cell.strip() for name, cell in zip(("id", "title", "note"), row, strict=True) if cell.strip()}
        for row in rows
    ]
    assert values(read_workbook(PATH, workbook(fill))) == [row for row in whole if row]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_bytes_are_a_table_or_refused(data: st.DataObject) -> None:
    damaged = bytearray(SHEET)
    for at in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=4)):
        damaged[at] = data.draw(st.integers(0, 255))
    with suppress(ForeignFileError):
        read_workbook(PATH, bytes(damaged))


@settings(max_examples=100, deadline=None)
@given(at=st.integers(0, 2_000), byte=st.integers(1, 127))
def test_damaged_xml_is_a_table_or_refused(at: int, byte: int) -> None:
    with ZipFile(io.BytesIO(one_sheet(("id", "title"), ("a", 5)))) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    content = io.BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as file:
        for name, part in parts.items():
            changed = bytearray(part)
            changed[at % len(changed)] = byte
            file.writestr(name, bytes(changed))
    with suppress(ForeignFileError):
        read_workbook(PATH, content.getvalue())
