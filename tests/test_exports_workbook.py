"""The workbook holds practices, fields, codes and origin; nothing is executed, and nothing is cut without a word."""

import io
from pathlib import Path
from zipfile import ZipFile

import pytest
from python_calamine import CalamineWorkbook

from indexer.description import Description
from indexer.practice import Practice
from indexer.release import Release
from service.downloads.spreadsheets import LONGEST_CELL
from service.exports import workbook
from service.exports.fields import practice_fields
from service.exports.workbook import CUT, to_xlsx
from tests.exported import CATALOGUE, DESCRIPTION, TOLD, read_back, told_source
from tests.fakes import VOCABULARY, small_source
from tests.test_build import build


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return build(tmp_path_factory.mktemp("told"), told_source())


def content(release: Release) -> bytes:
    return b"".join(to_xlsx(release))


def sheets(release: Release) -> dict[str, list[list[object]]]:
    """Return name -> rows, whole numbers as such."""
    book = CalamineWorkbook.from_filelike(io.BytesIO(content(release)))
    return {
        name: [
            [int(cell) if isinstance(cell, float) else cell for cell in row]
            for row in book.get_sheet_by_name(name).to_python()
        ]
        for name in book.sheet_names
    }


def test_every_practice_is_read_back_from_its_row(told: Release) -> None:
    head, *body = sheets(told)["practices"]
    # XML has no other line end than \n, and no text between the tags of XlsxWriter's own rich text.
    changed = {"description": TOLD.description.replace("\r\n", "\n")}

    assert head == [field.name for field in practice_fields()]
    found = [read_back(dict(zip(head, row, strict=True))) for row in body]
    assert found == [*CATALOGUE[:-1], TOLD.model_copy(update=changed)]


def test_nothing_is_a_formula_or_a_link(told: Release) -> None:
    with ZipFile(io.BytesIO(content(told))) as file:
        sheet = file.read("xl/worksheets/sheet1.xml")

    assert b"=HYPERLINK(1)" in sheet
    assert b"<f>" not in sheet
    assert b"<hyperlink" not in sheet


def test_the_other_sheets_say_what_fields_and_codes_mean(told: Release) -> None:
    found = sheets(told)

    assert list(found) == ["practices", "fields", "codes", "about"]
    fields = {row[0]: row[1:] for row in found["fields"]}
    assert fields["title"] == ["text", "yes", "", "Title, in the language of the record."]
    assert fields["approaches"][2].startswith("; ".join(f"{c} = {t}" for c, t in VOCABULARY["approaches"].items()))
    assert found["codes"][1:] == [[f, c, t] for f, labels in VOCABULARY.items() for c, t in labels.items()]


def test_the_last_sheet_says_whose_it_is_and_of_which_release(told: Release) -> None:
    about = dict(sheets(told)["about"])

    assert {name: about[name] for name in Description.model_fields} == DESCRIPTION.model_dump()
    assert about["release"] == told.manifest.release_id
    assert about["date"] == told.manifest.created_at
    assert (about["practices"], about["addresses that facts were read at"]) == (
        len(CATALOGUE),
        told.manifest.counts.sources,
    )


def test_what_the_catalogue_does_not_say_of_itself_is_called_not_known(tmp_path: Path) -> None:
    about = dict(sheets(build(tmp_path, told_source(Description())))["about"])

    assert {about[name] for name in Description.model_fields} == {"not known"}


def test_a_text_that_no_cell_can_hold_is_cut_and_says_so(tmp_path: Path) -> None:
    practices = (
        Practice(id="long", title="Long", note="🎓" * LONGEST_CELL),
        Practice(id="just", title="Just short enough", note="x" * LONGEST_CELL),
    )
    _, long, just = sheets(build(tmp_path, small_source(practices)))["practices"]

    assert long[-1].endswith("🎓" + CUT)
    assert LONGEST_CELL - 1 <= len(long[-1].encode("utf-16-le")) // 2 <= LONGEST_CELL
    assert just[-1] == "x" * LONGEST_CELL


def test_practices_go_on_in_another_sheet_where_one_is_full(told: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "LONGEST_SHEET", 4)
    found = sheets(told)

    assert [row[0] for row in found["practices"]] == ["id", *(one.id for one in CATALOGUE[:3])]
    assert [row[0] for row in found["practices 2"]] == ["id", *(one.id for one in CATALOGUE[3:])]


def test_the_same_release_gives_the_same_file(told: Release) -> None:
    assert content(told) == content(told)
