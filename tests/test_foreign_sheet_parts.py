"""The parts of an XLSX file tell what its cells do not show, and how far they reach."""

import io
from zipfile import ZipFile

import pytest

from indexer.foreign.archive import Archive
from indexer.foreign.rows import Doubt, ForeignFileError
from indexer.foreign.sheet_parts import check_sheet_parts


def doubts(sheet: str) -> tuple[Doubt, ...]:
    content = io.BytesIO()
    with ZipFile(content, "w") as file:
        file.writestr("xl/worksheets/sheet1.xml", f"<worksheet><sheetData>{sheet}</sheetData></worksheet>")
    return check_sheet_parts(Archive(content.getvalue(), "a.xlsx"), "a.xlsx")


def test_a_plain_sheet_gives_no_doubt() -> None:
    assert doubts('<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1"><f>A1</f><v>2</v></c></row>') == ()


def test_errors_are_told_with_the_first_ten_of_their_places() -> None:
    cells = "".join(f'<c r="A{row}" t="e"><v>#N/A</v></c>' for row in range(1, 13))

    (doubt,) = doubts(cells)
    assert doubt.found.startswith("errors such as #N/A instead of values in A1, A2, A3")
    assert doubt.found.endswith("A10 and 2 more of sheet1.xml")


@pytest.mark.parametrize("empty", ["", "<v/>", "<v></v>"])
def test_formulas_that_were_never_computed_are_told(empty: str) -> None:
    (doubt,) = doubts(f'<row r="1"><c r="A1"><f>B1+1</f>{empty}</c></row>')

    assert doubt.found == "1 formulas without a value in sheet1.xml"


@pytest.mark.parametrize(
    "cells",
    [
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        "<x:row r='1048576'><x:c r='xfd1048576'><x:v>1</x:v></x:c></x:row>",
        '<row r="999999">' + "<c><v>1</v></c>" * 200 + "</row>",
    ],
)
def test_a_sheet_that_reaches_too_far_is_refused_however_it_is_written(cells: str) -> None:
    with pytest.raises(ForeignFileError, match=r"^a\.xlsx, xl/worksheets/sheet1\.xml: the sheet reaches to row"):
        doubts(cells)
