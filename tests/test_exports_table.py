"""The CSV table is one row a practice that no spreadsheet executes, and its metadata says what stands in it."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.description import Description
from indexer.release import Release
from service.downloads.spreadsheets import is_formula_like
from service.exports.fields import practice_fields
from service.exports.table import table_metadata, to_csv
from tests.exported import CATALOGUE, DESCRIPTION, LICENCE_URL, TOLD, read_back, told_source
from tests.test_build import build


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return build(tmp_path_factory.mktemp("told"), told_source())


def rows(release: Release) -> list[dict[str, str]]:
    text = "".join(to_csv(release))
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


def without_guard(row: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, text in row.items():
        is_guarded = text.startswith("'") and is_formula_like(text.lstrip("'"))
        yield name, text[1:] if is_guarded else text


def test_every_practice_is_read_back_from_its_row(told: Release) -> None:
    found = [read_back(dict(without_guard(row))) for row in rows(told)]

    assert found == list(CATALOGUE)


def test_columns_are_the_fields_and_lines_end_as_the_standard_says(told: Release) -> None:
    text = "".join(to_csv(told))

    assert text.split("\r\n")[0] == "\ufeff" + ",".join(field.name for field in practice_fields())
    assert text.endswith("\r\n")


def test_a_text_that_could_be_a_formula_is_guarded_and_so_is_one_that_looks_guarded(told: Release) -> None:
    row = rows(told)[-1]

    assert row["title"] == "'=HYPERLINK(1)"
    assert row["original_title"] == "''=already"
    assert (row["organisation"], row["evidence_note"]) == ("'-- Ministry --", "'@home")
    assert [name for name, text in row.items() if is_formula_like(text)] == []
    assert row["summary"] == TOLD.summary


def test_the_metadata_says_whose_the_table_is_and_of_which_release(told: Release) -> None:
    found = table_metadata(told, "mine.csv")

    assert found["@context"] == "http://www.w3.org/ns/csvw"
    assert (found["url"], found["dc:title"], found["dc:publisher"]) == ("mine.csv", "Small catalogue", "Nobody & Sons")
    assert (found["dc:license"], found["dc:rights"]) == ({"@id": LICENCE_URL}, "CC-BY-4.0")
    assert (found["dc:provenance"], found["dc:identifier"]) == (DESCRIPTION.provenance, told.manifest.release_id)


def test_the_metadata_describes_each_column(told: Release) -> None:
    schema = table_metadata(told)["tableSchema"]
    columns = {column["name"]: column for column in schema["columns"]}

    assert list(columns) == [field.name for field in practice_fields()]
    assert schema["primaryKey"] == "id"
    assert columns["approaches"]["separator"] == "; "
    assert columns["start_year"]["datatype"] == {"base": "integer", "minimum": 1800, "maximum": 2200}
    assert columns["effect"]["datatype"] == {"base": "string", "format": "positive|none|negative|mixed|unknown"}
    assert columns["is_verified"]["datatype"] == {"base": "boolean"}
    assert columns["sources"]["dc:description"].startswith("Where the facts were read. One a line: url;")
    assert "separator" not in columns["sources"]
    assert [name for name, column in columns.items() if column["required"]] == ["id", "title"]


def test_what_the_catalogue_does_not_say_of_itself_is_not_made_up(tmp_path: Path) -> None:
    found = table_metadata(build(tmp_path, told_source(Description())))

    assert [name for name in found if name.startswith("dc:")] == ["dc:identifier", "dc:created"]
