"""Turn a practice into the cells of one row of a table, from which it can be read back."""

from collections.abc import Mapping, Sequence

from indexer.practice import Practice

Cell = str | int | float | None
"""A text, a number, or nothing where it is not known."""

BETWEEN = "; "
"""What stands between the values of a list."""

RECORDS = (
    "One a line: {first}; what else is known of it stands below, indented by two spaces and with its name; "
    "further lines of a text are indented by four."
)
"""How a list of records stands in a cell; `first` is the name of their first field."""


def practice_cells(practice: Practice) -> tuple[Cell, ...]:
    """Return one cell a field, in the order of the model."""
    return tuple(_cell(value) for value in practice.model_dump(mode="json").values())


def _cell(value: object) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return _record_text(value)
    if isinstance(value, Sequence) and value:
        return ("\n" if isinstance(value[0], Mapping) else BETWEEN).join(str(_cell(one)) for one in value)
    return None


def _record_text(record: Mapping[str, object]) -> str:
    """Return a record as lines: its first field, and behind it those that are known."""
    first, *others = ((name, str(value).replace("\n", "\n    ")) for name, value in record.items() if value is not None)
    return "\n".join((first[1], *(f"  {name}: {text}" for name, text in others)))
