"""Turn a release into a workbook: its practices, its fields, its codes, and where it comes from."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import count, islice
from pathlib import Path

from indexer.release import Release
from service.downloads.spreadsheets import LONGEST_CELL
from service.downloads.xml_text import xml_text
from service.exports.cells import Cell, practice_cells
from service.exports.dictionary import FieldRow, data_dictionary
from service.exports.fields import practice_fields

CUT = "… (cut; the file of JSON lines has the whole text)"
LONGEST_SHEET = 1_048_576  # rows of a sheet of Excel, that with the names of the columns included
_NOT_KNOWN = "not known"
_FIELDS_HEAD = ("field", "type", "required", "values", "description")
_CODES_HEAD = ("field", "code", "label")
_BLOCK = 1 << 18


def to_xlsx(release: Release) -> Iterator[bytes]:
    """Yield a workbook in blocks; it is made on disk, so that the memory it takes does not grow with the catalogue.

    A text that is longer than a cell may be is cut with a mark that says so, and a sheet that is full has a next one.
    """
    parts = release.parts
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalogue.xlsx"
        book = _Workbook(path, datetime.fromisoformat(release.manifest.created_at))
        book.add("practices", [field.name for field in practice_fields()], map(practice_cells, parts.practices))
        book.add("fields", _FIELDS_HEAD, map(_field_cells, data_dictionary(parts.vocabulary)))
        codes = ((field, *one) for field, labels in parts.vocabulary.items() for one in labels.items())
        book.add("codes", _CODES_HEAD, codes)
        book.add("about", ("what", "value"), _about(release))
        book.close()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block


def _field_cells(row: FieldRow) -> tuple[Cell, ...]:
    values = "; ".join(f"{one.code} = {one.label}" if one.label else one.code for one in row.values)
    return row.field, row.type, "yes" if row.is_required else "no", values, row.description


def _about(release: Release) -> Iterator[tuple[str, Cell]]:
    for name, value in release.parts.description:
        yield name, value or _NOT_KNOWN
    yield "release", release.manifest.release_id
    yield "date", release.manifest.created_at
    yield "practices", release.manifest.counts.practices
    yield "addresses that facts were read at", release.manifest.counts.sources


class _Workbook:
    """A workbook in the making. All text is written as text: nothing becomes a formula or a link."""

    def __init__(self, path: Path, made: datetime) -> None:
        import xlsxwriter  # noqa: PLC0415  a tenth of a second: only on use

        options = {"constant_memory": True, "tmpdir": str(path.parent), "use_zip64": True}
        self._book = xlsxwriter.Workbook(path, options)
        # Without a moment of its own the file would hold that of writing and differ each time.
        self._book.set_properties({"created": made})
        self._head = self._book.add_format({"bold": True, "bottom": 1})
        self._top = self._book.add_format({"valign": "top"})

    def add(self, name: str, titles: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
        """Add a sheet of this name, and one more for as many rows as a sheet cannot hold."""
        rest = iter(rows)
        for number in count(1):
            sheet = self._book.add_worksheet(name if number == 1 else f"{name} {number}")
            sheet.freeze_panes(1, 0)
            sheet.set_column(0, len(titles) - 1, 24)
            for place, title in enumerate(titles):
                sheet.write_string(0, place, title, self._head)
            last = 0
            for last, row in enumerate(islice(rest, LONGEST_SHEET - 1), start=1):
                for place, cell in enumerate(row):
                    if isinstance(cell, str):
                        sheet.write_string(last, place, _text(cell), self._top)
                    elif cell is not None:
                        sheet.write_number(last, place, cell, self._top)
            if last < LONGEST_SHEET - 1:
                return

    def close(self) -> None:
        """Write the file."""
        self._book.close()


def _text(text: str) -> str:
    """Return a text that a cell can hold: XlsxWriter would cut a longer one without a word."""
    held = xml_text(text)
    if held.startswith("<r>") and held.endswith("</r>"):
        held += " "  # XlsxWriter takes a text between these two tags for its own rich text: it is not escaped
    units = held.encode("utf-16-le")
    if len(units) <= 2 * LONGEST_CELL:
        return held
    return units[: 2 * (LONGEST_CELL - len(CUT))].decode("utf-16-le", "ignore") + CUT
