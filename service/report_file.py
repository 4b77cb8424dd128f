"""Write what a clerk should look at as a spreadsheet, with nothing in it that a program would execute."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from service.downloads.xml_text import xml_text

Columns = Mapping[str, int]
"""Title -> width in characters."""


def write_report(path: Path, name: str, columns: Columns, rows: Iterable[Sequence[str | int]]) -> None:
    """Write rows under the titles of their columns as an XLSX file with one sheet of this name."""
    import xlsxwriter  # noqa: PLC0415  only on use

    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet(name)
        bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
        for place, (title, width) in enumerate(columns.items()):
            sheet.set_column(place, place, width, wrapped)
            sheet.write_string(0, place, title, bold)
        last = 0
        for last, row in enumerate(rows, start=1):
            for place, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(last, place, xml_text(cell))
                else:
                    sheet.write_number(last, place, cell)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(1, last), len(columns) - 1)
