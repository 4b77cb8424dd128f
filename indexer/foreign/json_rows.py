"""Turn JSON, one list of objects or one object a line, into a table of flat rows."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.foreign.decoding import Decoded
from indexer.foreign.rows import Doubt, ForeignFileError, ForeignRow, ForeignTable, distinct_names, row_of, shown

_SHOWN_FAULTS = 50


@dataclass(frozen=True, slots=True)
class _Object:
    """An object as it stands in the file: a name that stands there twice keeps both values."""

    pairs: Sequence[tuple[str, object]]


def read_json(path: Path, decoded: Decoded, *, has_object_lines: bool) -> ForeignTable:
    """Return the objects of a list, of the only list in an object, or one a line; numbers stay as they are written.

    An object in an object becomes columns "a.b", a list of plain values "x; y". The name of the file says by
    `has_object_lines` that there is one object a line. Raises ForeignFileError that lists every row that is no object.
    """
    lines = [(f"line {number}", line) for number, line in enumerate(decoded.text.split("\n"), start=1) if line.strip()]
    doubts = list(decoded.doubts)
    if has_object_lines or (len(lines) > 1 and all(_is_object_line(line) for _, line in lines[:2])):
        form = f"JSON lines, {decoded.encoding}"
        entries = _checked(path, [(place, *_parsed(line)) for place, line in lines])
    else:
        form = f"JSON, {decoded.encoding}"
        found, fault = _parsed(decoded.text)
        if fault:
            raise ForeignFileError(f"{path.name}: not readable as JSON: {fault}; correct it there or export it again")
        listed, left_out = _only_list(path, found)
        doubts.extend(left_out)
        entries = _checked(path, [(f"entry {number}", entry, "") for number, entry in enumerate(listed, start=1)])
    rows, row_doubts = _rows(path, entries)
    columns = tuple(dict.fromkeys(column for row in rows for column in row.values))
    return ForeignTable(path, form, columns, rows, (*doubts, *row_doubts))


def _is_object_line(line: str) -> bool:
    return isinstance(_parsed(line)[0], _Object)


def _parsed(text: str) -> tuple[object, str]:
    """Return what a text holds, and what is wrong with it."""
    as_written: Callable[[str], str] = str
    try:
        found: object = json.loads(
            text, object_pairs_hook=_Object, parse_float=as_written, parse_int=as_written, parse_constant=as_written
        )
    except RecursionError:
        return None, "lists or objects are nested too deeply"
    except ValueError as error:
        return None, str(error)
    return found, ""


def _only_list(path: Path, found: object) -> tuple[list[object], list[Doubt]]:
    if isinstance(found, list):
        return found, []
    pairs = found.pairs if isinstance(found, _Object) else ()
    lists = [
        name for name, value in pairs if isinstance(value, list) and any(isinstance(one, _Object) for one in value)
    ]
    if len(lists) != 1:
        named = f"the lists {', '.join(repr(shown(name)) for name in lists)}" if lists else "no list of objects"
        raise ForeignFileError(
            f"{path.name}: {named} in it, expected one list of objects; leave only that one in the file"
        )
    others = [
        Doubt(f"'{shown(name)}'", shown(_plain(value)), "It stands beside the list of entries and was left out.")
        for name, value in pairs
        if name != lists[0]
    ]
    return next(value for name, value in pairs if name == lists[0] and isinstance(value, list)), others


def _checked(path: Path, entries: Sequence[tuple[str, object, str]]) -> list[tuple[str, _Object]]:
    """Return the entries that are objects; raise for all that are not."""
    good: list[tuple[str, _Object]] = []
    faults = []
    for place, found, fault in entries:
        if isinstance(found, _Object):
            good.append((place, found))
        else:
            what = fault or f"found {shown(_plain(found), 60)!r}"
            faults.append(f"{path.name}, {place}: {what}; expected a JSON object")
    if len(faults) > _SHOWN_FAULTS:
        faults = [*faults[:_SHOWN_FAULTS], f"... and {len(faults) - _SHOWN_FAULTS} more"]
    if faults:
        raise ForeignFileError("\n".join(faults))
    if not good:
        raise ForeignFileError(
            f"{path.name}: no entry in this file, expected JSON objects; check that it is the right one"
        )
    return good


def _rows(path: Path, entries: Sequence[tuple[str, _Object]]) -> tuple[tuple[ForeignRow, ...], list[Doubt]]:
    rows: list[ForeignRow] = []
    doubts: list[Doubt] = []
    for place, entry in entries:
        try:
            pairs = list(_flat("", entry))
        except RecursionError as error:
            raise ForeignFileError(f"{path.name}, {place}: nested too deeply; expected columns and values") from error
        names, name_doubts = distinct_names([name for name, _ in pairs], place)
        row = row_of(place, zip(names, [text for _, text in pairs], strict=True))
        rows.append(row)
        doubts.extend(name_doubts)
        if not row.values:
            doubts.append(
                Doubt(place, "an entry without any value", "It is an empty row; check whether something is missing.")
            )
    return tuple(rows), doubts


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield the columns of a value and their texts."""
    start = f"{name}." if name else ""
    if isinstance(value, _Object):
        for key, inner in value.pairs:
            yield from _flat(f"{start}{key}", inner)
    elif isinstance(value, list) and any(isinstance(one, list | _Object) for one in value):
        for number, inner in enumerate(value, start=1):
            yield from _flat(f"{start}{number}", inner)
    else:
        yield name, _plain(value)


def _plain(value: object) -> str:
    """Return a plain value, or a list of them, as text."""
    if isinstance(value, list):
        return "; ".join(text for text in map(_plain, value) if text)
    if isinstance(value, _Object):
        return f"an object with {len(value.pairs)} values"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
