"""Turn the model of a practice into what is known of each of its fields."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from pydantic.json_schema import JsonSchemaValue

from indexer.practice import Practice


@dataclass(frozen=True, slots=True)
class PracticeField:
    """A field of a practice. `value` is the JSON schema of its value, of one of them where it `is_list`.

    `parts` are the fields of a value that is a record itself, such as a source.
    """

    name: str
    value: JsonSchemaValue
    is_list: bool
    is_required: bool
    description: str
    parts: tuple["PracticeField", ...]

    @property
    def is_coded(self) -> bool:
        """Say whether its values are codes of a vocabulary."""
        return self.is_list and "pattern" in self.value


@cache
def practice_fields() -> tuple[PracticeField, ...]:
    """Return the fields of a practice in the order of its model."""
    schema = Practice.model_json_schema()
    return tuple(_fields(schema, schema["$defs"]))


def _fields(record: JsonSchemaValue, records: JsonSchemaValue) -> Iterator[PracticeField]:
    for name, told in record["properties"].items():
        known = next((one for one in told.get("anyOf", ()) if one.get("type") != "null"), told)
        value = known.get("items", known)
        value = records[value["$ref"].rpartition("/")[2]] if "$ref" in value else value
        yield PracticeField(
            name=name,
            value=value,
            is_list=known.get("type") == "array",
            is_required=name in record.get("required", ()),
            description=told.get("description", ""),
            parts=tuple(_fields(value, records)) if "properties" in value else (),
        )
