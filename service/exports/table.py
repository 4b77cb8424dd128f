"""Turn a release into a CSV table, one row a practice, and into the metadata that says what stands in it."""

import csv
from collections.abc import Iterator

from pydantic.json_schema import JsonSchemaValue

from indexer.release import Release
from service.downloads.spreadsheets import is_formula_like
from service.exports.cells import BETWEEN, RECORDS, Cell, practice_cells
from service.exports.fields import PracticeField, practice_fields

TABLE_FILE = "catalogue.csv"
_BYTE_ORDER_MARK = "\ufeff"  # by which Excel knows UTF-8
_GUARD = "'"


class _Line:
    """A file that hands each line back."""

    def write(self, text: str) -> str:
        return text


def to_csv(release: Release) -> Iterator[str]:
    """Yield the lines of a CSV table (RFC 4180): the names of the fields, then one row a practice.

    A text that a spreadsheet could read as a formula begins with an apostrophe, and one that is such a text behind
    apostrophes with one more, so that taking one away gives the text again.
    """
    writer = csv.writer(_Line())
    yield _BYTE_ORDER_MARK
    yield writer.writerow([field.name for field in practice_fields()])
    for practice in release.parts.practices:
        yield writer.writerow([_guarded(cell) for cell in practice_cells(practice)])


def _guarded(cell: Cell) -> Cell:
    return _GUARD + cell if isinstance(cell, str) and is_formula_like(cell.lstrip(_GUARD)) else cell


def table_metadata(release: Release, file: str = TABLE_FILE) -> dict[str, object]:
    """Return what stands in the table `file` beside it (W3C, Metadata Vocabulary for Tabular Data).

    Terms of Dublin Core say whose it is and under which licence, as far as that is known.
    """
    manifest, description = release.manifest, release.parts.description
    found: dict[str, object | None] = {
        "@context": "http://www.w3.org/ns/csvw",
        "url": file,
        "dc:title": description.title,
        "dc:description": description.about,
        "dc:publisher": description.publisher,
        "dc:license": {"@id": description.licence_url} if description.licence_url else description.licence,
        "dc:rights": description.licence,
        "dc:provenance": description.provenance,
        "dc:identifier": manifest.release_id,
        "dc:created": manifest.created_at,
        "tableSchema": {"columns": [_column(field) for field in practice_fields()], "primaryKey": "id"},
    }
    return {name: value for name, value in found.items() if value is not None}


def _column(field: PracticeField) -> dict[str, object]:
    described = [field.description, RECORDS.format(first=field.parts[0].name)] if field.parts else [field.description]
    found: dict[str, object] = {
        "name": field.name,
        "titles": field.name,
        "dc:description": " ".join(described),
        "datatype": _datatype(field.value),
        "required": field.is_required,
    }
    return found | {"separator": BETWEEN} if field.is_list and not field.parts else found


def _datatype(value: JsonSchemaValue) -> dict[str, object]:
    base = value.get("type", "string")
    found = {"base": base if base in ("integer", "number", "boolean") else value.get("format", "string")}
    bounds = {name: value[name] for name in ("minimum", "maximum", "minLength", "maxLength") if name in value}
    form = "|".join(value["enum"]) if "enum" in value else value.get("pattern")
    return found | bounds | ({"format": form} if form else {})
