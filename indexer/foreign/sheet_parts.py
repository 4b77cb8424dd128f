"""Turn the parts of an XLSX file into doubts about what its cells do not show; refuse a sheet that is too large."""

import re
from collections.abc import Iterator

from indexer.foreign.archive import Archive
from indexer.foreign.rows import WHOLE_FILE, Doubt, ForeignFileError

_LARGEST_SHEET = 20_000_000
"""Cells between the first and the last: all of them are held in memory, the empty ones too."""

_TAG = re.compile(rb"<(?:\w+:)?(c|row)\b([^<>]*)>")
_REFERENCE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{0,3})(\d{1,9})["']""")
_ERROR = re.compile(rb"""\bt\s*=\s*["']e["']""")
_FORMULA_WITHOUT_VALUE = re.compile(rb"</(?:\w+:)?f>\s*(?:(?:<v\s*/>|<v></v>)\s*)?</(?:\w+:)?c>")
_LINK = re.compile(rb"<(?:\w+:)?hyperlink\b")
_PART_OF_ODS = re.compile(rb"<(?:\w+:)?(table|table-row|(?:covered-)?table-cell|p)(?=[\s/>])([^<>]*)>")
_REPEATED = re.compile(rb"""\bnumber-(?:rows|columns)-repeated\s*=\s*["'](\d{1,18})["']""")
_MOST_REPEATED = 10_000  # a row with text; office programs repeat empty rows to the end of the sheet
_SHOWN = 10
_COLUMNS = 16_384  # of a sheet of Excel


def check_sheet_parts(archive: Archive, name: str) -> tuple[Doubt, ...]:
    """Return the doubts about all sheets of an XLSX file; `name` is for messages.

    Raises ForeignFileError where the cells of a sheet are so far apart that it would not fit into memory.
    """
    doubts: list[Doubt] = []
    for part in archive.names:
        if part.lower().endswith(".xml") and not part.startswith(("docProps/", "xl/theme/")):
            content = archive.part(part)
            _check_extent(content, f"{name}, {part}")
            doubts.extend(_cell_doubts(content, part.rpartition("/")[2]))
        if part.startswith(("xl/comments", "xl/threadedComments")):
            doubts.append(Doubt(WHOLE_FILE, "cells with comments", "Comments were left out; read them in the file."))
    return tuple(doubts)


def _check_extent(content: bytes, where: str) -> None:
    """Refuse a sheet that is too large between its first cell and its last."""
    last_row = last_column = without_reference = 0
    for tag in _TAG.finditer(content):
        reference = _REFERENCE.search(tag[2])
        if reference is None:
            without_reference += 1
        else:
            last_row = max(last_row, int(reference[2]))
            last_column = max(last_column, _column_number(reference[1]))
    cells = (last_row + without_reference) * min(_COLUMNS, last_column + without_reference)
    if cells > _LARGEST_SHEET and cells > 50 * len(content):
        raise ForeignFileError(
            f"{where}: the sheet reaches to row {last_row:,} and column {last_column:,} but is almost empty; "
            "expected a table without far-off cells: delete those, or save the table as CSV"
        )


def check_repeats(content: bytes, where: str) -> None:
    """Raise ForeignFileError where a sheet of an ODS file would be too large once what it repeats is written out."""
    row = rows = column = last_row = last_column = 0
    for part in _PART_OF_ODS.finditer(content):
        repeated = _REPEATED.search(part[2])
        times = int(repeated[1]) if repeated else 1
        if part[1] == b"table":
            row = last_row = last_column = 0
        elif part[1] == b"table-row":
            row, rows, column = row + times, times, 0
        elif part[1] != b"p":
            column += times
        else:
            last_row, last_column = row, max(last_column, column)
            if rows > _MOST_REPEATED or last_row * last_column > _LARGEST_SHEET:
                raise ForeignFileError(
                    f"{where}: a row repeats {rows:,} times and the sheet reaches to row {last_row:,} and column "
                    f"{last_column:,}, expected at most {_MOST_REPEATED:,} times and {_LARGEST_SHEET:,} cells; "
                    "delete far-off and repeated cells, or save the table as CSV"
                )


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number


def _cell_doubts(content: bytes, part: str) -> Iterator[Doubt]:
    references = [
        reference[0].split(b"=")[1].strip(b" \"'").decode("ascii")
        for tag in _TAG.finditer(content)
        if _ERROR.search(tag[2]) and (reference := _REFERENCE.search(tag[2]))
    ]
    if references:
        more = "" if len(references) <= _SHOWN else f" and {len(references) - _SHOWN} more"
        found = f"errors such as #N/A instead of values in {', '.join(references[:_SHOWN])}{more} of {part}"
        yield Doubt(WHOLE_FILE, found, "These cells were taken as empty; correct their formulas.")
    without_value = len(_FORMULA_WITHOUT_VALUE.findall(content))
    if without_value:
        found = f"{without_value} formulas without a value in {part}"
        yield Doubt(WHOLE_FILE, found, "These cells were taken as empty; open the file in Excel and save it again.")
    if _LINK.search(content):
        yield Doubt(WHOLE_FILE, f"cells with links in {part}", "Only the text of the cells was read; copy addresses.")
