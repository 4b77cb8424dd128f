"""Turn the fields of a practice and the vocabulary of a release into a data dictionary: what each field means."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic.json_schema import JsonSchemaValue

from indexer.catalogue import Vocabulary
from service.exports.fields import PracticeField, practice_fields

_TYPES: Mapping[str, str] = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "record of the fields below",
}


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A value that a field may have; `label` is empty where the value says it itself."""

    code: str
    label: str


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One row of the dictionary. `field` is such as "title" or "sources.url", `type` is in plain words.

    `values` is empty where any value of the type will do.
    """

    field: str
    type: str
    is_required: bool
    values: tuple[FieldValue, ...]
    description: str


def data_dictionary(vocabulary: Vocabulary) -> tuple[FieldRow, ...]:
    """Return a row for each field in the order of the model, those of a source or result behind the field with them."""
    return tuple(_rows(practice_fields(), vocabulary, ""))


def _rows(fields: tuple[PracticeField, ...], vocabulary: Vocabulary, prefix: str) -> Iterator[FieldRow]:
    for one in fields:
        labels = vocabulary.get(one.name, {})
        codes = one.value.get("enum") or labels
        yield FieldRow(
            field=prefix + one.name,
            type=f"list of: {_plain(one.value)}" if one.is_list else _plain(one.value),
            is_required=one.is_required,
            values=tuple(FieldValue(str(code), labels.get(str(code), "")) for code in codes),
            description=one.description,
        )
        yield from _rows(one.parts, {}, f"{prefix}{one.name}.")


def _plain(value: JsonSchemaValue) -> str:
    """Return the type of a value in plain words, with what it is bound to."""
    if value.get("format") == "date":
        return "date, such as 2026-11-25"
    said = [_TYPES.get(value.get("type", ""), "any value")]
    if "minimum" in value and "maximum" in value:
        said.append(f"from {value['minimum']} to {value['maximum']}")
    if "pattern" in value:
        said.append(f"of the form {value['pattern']}")
    if "maxLength" in value:
        said.append(f"of at most {value['maxLength']} characters")
    return " ".join(said)
