"""Turn the text of a CSV or TSV file into a table; the only module that guesses delimiters."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.foreign.decoding import Decoded
from indexer.foreign.grid import Cells, read_grid
from indexer.foreign.rows import Doubt, ForeignFileError, ForeignTable, shown

_DELIMITERS = (",", ";", "\t", "|")
_NAMES = {",": "separated by ','", ";": "separated by ';'", "\t": "separated by tabs", "|": "separated by '|'"}
_DECLARED = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # the first line by which Excel is told the delimiter
_SAMPLE = 20_000  # characters; clevercsv takes a tenth of a second for them
_MOST_DELIMITERS = 1_000_000  # of a line; more take more memory than they are worth
_LONGEST_CELL = 500_000_000  # characters: the csv module would refuse one of 131,073


@dataclass(frozen=True, slots=True)
class _Dialect:
    delimiter: str
    quote: str = '"'
    escape: str | None = None


def read_delimited(path: Path, decoded: Decoded) -> ForeignTable:
    """Return the rows of a text whose lines are cells between delimiters; `place` is the line where a row begins.

    Raises ForeignFileError where there is no text.
    """
    text, first_line = decoded.text, 1
    declared = _DECLARED.match(text)
    if declared:
        text, first_line = text[declared.end() :], 2
    _check_width(path.name, text)
    dialect = _Dialect(declared[1]) if declared else _dialect(text)
    doubts = list(decoded.doubts)
    try:
        records = list(_records(text, dialect, first_line, strict=True))
    except _UnpairedQuotesError as error:
        meaning = (
            "A quotation mark is not closed or not doubled, cells may have run together; check the rows from here on."
        )
        doubts.append(Doubt(f"line {error.line}", shown(error.start), meaning))
        records = list(_records(text, dialect, first_line, strict=False))
    grid = read_grid(records)
    if not grid.columns:
        raise ForeignFileError(
            f"{path.name}: there is no text in it; expected a line of column names and rows below it"
        )
    separated = _NAMES.get(dialect.delimiter, f"separated by {dialect.delimiter!r}")
    form = f"CSV, {decoded.encoding}, {separated if len(grid.columns) > 1 else 'one column'}"
    return ForeignTable(path, form, grid.columns, grid.rows, (*doubts, *grid.doubts))


def is_delimited(text: str) -> bool:
    """Say whether all lines have the same number of cells, more than one, by one of the usual delimiters."""
    return _DECLARED.match(text) is not None or any(_is_even(text, delimiter) for delimiter in _DELIMITERS)


def _check_width(name: str, text: str) -> None:
    for number, line in enumerate(io.StringIO(text), start=1):
        if len(line) > _MOST_DELIMITERS and max(map(line.count, _DELIMITERS)) > _MOST_DELIMITERS:
            raise ForeignFileError(
                f"{name}, line {number}: more than {_MOST_DELIMITERS:,} separators, expected the cells of one row; "
                "check that line breaks did not get lost"
            )


class _UnpairedQuotesError(ValueError):
    """A record in which quotation marks do not pair; `line` is where it begins, `start` what stands there."""

    def __init__(self, line: int, start: str) -> None:
        self.line, self.start = line, start
        super().__init__(f"line {line}")


def _records(text: str, dialect: _Dialect, first_line: int, *, strict: bool) -> Iterator[Cells]:
    usual_limit = csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        escapechar=dialect.escape,
        skipinitialspace=True,
        strict=strict,
    )
    begins = 0
    try:
        for cells in reader:
            yield Cells(f"line {begins + first_line}", cells)
            begins = reader.line_num
    except csv.Error as error:
        line = next((line for number, line in enumerate(io.StringIO(text, newline="")) if number == begins), "")
        raise _UnpairedQuotesError(begins + first_line, line) from error
    finally:
        csv.field_size_limit(usual_limit)


def _dialect(text: str) -> _Dialect:
    """Return the one dialect by which all lines are equally long, else the one that clevercsv finds likely."""
    even = [delimiter for delimiter in _DELIMITERS if _is_even(text, delimiter)]
    if len(even) == 1:
        return _Dialect(even[0])
    from clevercsv import Error, Sniffer  # noqa: PLC0415 - takes a fifth of a second to import

    try:
        found = Sniffer().sniff(text[:_SAMPLE], delimiters="".join(even or _DELIMITERS))
    except (Error, ValueError, IndexError):
        found = None
    if found is not None and found.delimiter in _DELIMITERS:
        return _Dialect(found.delimiter, found.quotechar or '"', found.escapechar or None)
    # One column, or too few lines to tell: the delimiter of the first line, if there is one.
    first = text.lstrip().partition("\n")[0]
    return _Dialect(max(even or _DELIMITERS, key=lambda delimiter: (first.count(delimiter), delimiter == "\t")))


def _is_even(text: str, delimiter: str) -> bool:
    width = rows = 0
    try:
        for cells in _records(text, _Dialect(delimiter), 1, strict=True):
            count = len(cells.texts)
            if count and count != (width := width or count):
                return False
            rows += bool(count)
    except _UnpairedQuotesError:
        return False
    return width > 1 and rows > 1
