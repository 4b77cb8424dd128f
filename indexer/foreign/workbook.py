"""Turn a workbook of Excel or LibreOffice into a table; the only module that knows python-calamine."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from python_calamine import CalamineWorkbook

from indexer.foreign.archive import Archive, is_zip
from indexer.foreign.grid import Cells, read_grid
from indexer.foreign.rows import Doubt, ForeignFileError, ForeignTable, shown
from indexer.foreign.sheet_parts import check_repeats, check_sheet_parts

Cell = int | float | str | bool | time | date | datetime | timedelta

_WHOLE = 2**53  # from here on a float holds no exact whole number


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    rows: Sequence[Sequence[str]]
    merged: int

    @property
    def filled(self) -> int:
        return sum(bool(text.strip()) for row in self.rows for text in row)


def read_workbook(path: Path, data: bytes) -> ForeignTable:
    """Return the rows of the sheet with most text, and a doubt for each other sheet that is not empty.

    A date becomes "2016-09-05", a whole number has no ".0". Raises ForeignFileError where the file is damaged, has
    a password, or would be too large in memory.
    """
    doubts: list[Doubt] = []
    form = "XLS"
    if is_zip(data):
        archive = Archive(data, path.name)
        archive.check_markup()
        form = "XLSX" if "xl/workbook.xml" in archive.names else "ODS"
        if form == "XLSX":
            doubts.extend(check_sheet_parts(archive, path.name))
        elif "content.xml" in archive.names:
            check_repeats(archive.part("content.xml"), path.name)
    sheets = _sheets(path.name, data)
    if not any(sheet.filled for sheet in sheets):
        raise ForeignFileError(f"{path.name}: no sheet has any text; expected a table with a row of column names")
    chosen = max(sheets, key=lambda sheet: sheet.filled)  # the first of several that are equally full
    for sheet in sheets:
        if sheet is not chosen and sheet.filled:
            meaning = f"Only sheet '{chosen.name}' was read; save the other as a file of its own if it has practices."
            doubts.append(Doubt(f"sheet '{sheet.name}'", f"{sheet.filled} cells with text", meaning))
    if chosen.merged:
        meaning = "Their text is only in the first row and column that they cover; check the rows below it."
        doubts.append(Doubt(f"sheet '{chosen.name}'", f"{chosen.merged} groups of merged cells", meaning))
    cells = [Cells(f"sheet '{chosen.name}', row {number}", row) for number, row in enumerate(chosen.rows, start=1)]
    grid = read_grid(cells)
    return ForeignTable(path, f"{form}, sheet '{chosen.name}'", grid.columns, grid.rows, (*doubts, *grid.doubts))


def _sheets(name: str, data: bytes) -> list[_Sheet]:
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        return [_sheet(workbook, sheet_name) for sheet_name in workbook.sheet_names]
    except BaseException as error:
        # A fault in the library itself is no Exception, and its class cannot be imported.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ForeignFileError(
            f"{name}: not readable as a workbook ({shown(str(error))}); "
            "open it in Excel or LibreOffice, save it as XLSX without a password, and try that"
        ) from error


def _sheet(workbook: CalamineWorkbook, name: str) -> _Sheet:
    sheet = workbook.get_sheet_by_name(name)
    rows = [[_text(cell) for cell in row] for row in sheet.iter_rows()]
    return _Sheet(name, rows, len(sheet.merged_cell_ranges or ()))


def _text(cell: Cell) -> str:
    """Return a cell as a person writes it, dates as ISO 8601."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < _WHOLE else str(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)
