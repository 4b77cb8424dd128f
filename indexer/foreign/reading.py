"""Turn a file or folder of any kind that is known into a table of texts, by the reader that fits its content."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from indexer.foreign.archive import Archive, is_zip
from indexer.foreign.contents import read_contents, read_text
from indexer.foreign.decoding import Decoded
from indexer.foreign.delimited import is_delimited, read_delimited
from indexer.foreign.grid import Cells, read_grid
from indexer.foreign.json_rows import read_json
from indexer.foreign.listing import find_listing, read_listing
from indexer.foreign.markup import Page
from indexer.foreign.rows import Doubt, ForeignFileError, ForeignTable, damaged_rows
from indexer.foreign.sheets import read_folder, read_sheet
from indexer.foreign.workbook import read_workbook

_MOST_COLUMNS = 2_000
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_JSON_LINES = (".jsonl", ".ndjson")
_TABLES = (".csv", ".tsv", ".tab")
_CELLS_OR_PROSE = (*_TABLES, ".md")
"""Files in which a first tag or bracket may be part of a text."""

_MARKUP_START = re.compile(r"\s*<[!?a-z]", re.IGNORECASE)
_PAGE_START = re.compile(r"\s*<(!doctype|\?xml|html|head|body|table)\b", re.IGNORECASE)
_JSON_START = re.compile(r"\s*(\{\s*[\"}]|\[\s*[\[{\]\"\d])")


def read_foreign(path: Path) -> ForeignTable:
    """Return the rows of a file or folder; nothing is lost without a doubt that says so.

    Raises ForeignFileError where there are no rows to be had; no other exception.
    """
    table = read_folder(path) if path.is_dir() else _read_file(path)
    if len(table.columns) > _MOST_COLUMNS:
        raise ForeignFileError(
            f"{path.name}: {len(table.columns):,} columns, expected at most {_MOST_COLUMNS:,}; "
            "delete those that say nothing of a practice"
        )
    return replace(table, doubts=(*table.doubts, *damaged_rows(table.rows)))


def _read_file(path: Path) -> ForeignTable:
    data = read_contents(path)
    if is_zip(data):
        return _read_zip(path, data)
    if data.startswith(_OLD_OFFICE):
        return read_workbook(path, data)
    decoded = read_text(data, path.name)
    suffix = Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    if (_PAGE_START if suffix in _CELLS_OR_PROSE else _MARKUP_START).match(decoded.text):
        return _read_page(path, decoded)
    if suffix in (".json", *_JSON_LINES) or _JSON_START.match(decoded.text):
        return read_json(path, decoded, has_object_lines=suffix in _JSON_LINES)
    if suffix == ".md":
        return read_sheet(path, data)
    return _read_text(path, decoded, suffix)


def _read_zip(path: Path, data: bytes) -> ForeignTable:
    names = Archive(data, path.name).names
    if any(name.startswith("word/") for name in names):
        return read_sheet(path, data)
    if "xl/workbook.xml" in names or ("content.xml" in names and "mimetype" in names):
        return read_workbook(path, data)
    raise ForeignFileError(
        f"{path.name}: a zip file that is neither a workbook nor a Word file; "
        "unpack it and read the folder, or save it as XLSX"
    )


def _read_page(path: Path, decoded: Decoded) -> ForeignTable:
    page = Page(decoded.text, path.name)
    listing = find_listing(page.lines())
    tables = page.tables()
    if listing is not None and (listing.count is not None or not any(len(table) > 2 for table in tables)):
        return _with(read_listing(path, "listing page", listing), decoded)
    filled = [sum(bool(text) for cells in table for text in cells.texts) if len(table) > 1 else 0 for table in tables]
    if not any(filled):
        raise ForeignFileError(
            f"{path.name}: neither a listing of practices nor a table in this page; expected one of them: "
            "check that the page was saved whole, or read it in a folder of pages with one practice each"
        )
    chosen = filled.index(max(filled))
    return _with(_page_table(path, tables, chosen), decoded)


def _page_table(path: Path, tables: Sequence[Sequence[Cells]], chosen: int) -> ForeignTable:
    grid = read_grid(tables[chosen])
    others = [
        Doubt(f"table {number}", f"{len(table)} rows", f"Only table {chosen + 1} of the page was read; check this one.")
        for number, table in enumerate(tables, start=1)
        if number != chosen + 1 and any(any(cells.texts) for cells in table)
    ]
    return ForeignTable(path, f"table {chosen + 1} of a page", grid.columns, grid.rows, (*others, *grid.doubts))


def _read_text(path: Path, decoded: Decoded, suffix: str) -> ForeignTable:
    """Read a plain text: a table, unless it is saved as text and looks more like a listing."""
    if suffix not in _TABLES:
        listing = find_listing(decoded.text.splitlines())
        is_table = is_delimited(decoded.text)
        if listing is not None and (listing.count is not None or not is_table):
            return _with(read_listing(path, f"listing page as text, {decoded.encoding}", listing), decoded)
        if suffix == ".txt" and not is_table:
            raise ForeignFileError(
                f"{path.name}: neither a listing of practices nor a table; expected one of them: "
                "save a table as CSV, or put texts of one practice each into a folder"
            )
    return read_delimited(path, decoded)


def _with(table: ForeignTable, decoded: Decoded) -> ForeignTable:
    return replace(table, doubts=(*decoded.doubts, *table.doubts))
