"""Turn a catalogue file into practices; report every bad row at once and lose nothing silently."""

import json
import tomllib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from pydantic import ValidationError

from indexer.practice import Practice, field_values
from indexer.practice_lines import PracticeLines

Vocabulary = Mapping[str, Mapping[str, str]]
"""Field name -> code -> label. A field that is not in it takes any code."""

VOCABULARY_FILE = "vocabulary.toml"
_SHOWN_PROBLEMS = 50
_LONGEST_LINE = 2**26  # bytes; the longest practice of the shipped catalogue has 9,000
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a catalogue file. `line` counts from 1; `field` is empty where the whole row is meant."""

    path: Path
    line: int
    field: str
    found: str
    expected: str

    def __str__(self) -> str:
        where = f"{self.path.name}, line {self.line}"
        what = f"field '{self.field}' is {self.found}" if self.field else self.found
        return f"{where}: {what}; {self.expected}"


class CatalogueError(ValueError):
    """A catalogue has bad rows; `problems` holds all of them in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[:_SHOWN_PROBLEMS]]
        if len(self.problems) > _SHOWN_PROBLEMS:
            lines.append(f"... and {len(self.problems) - _SHOWN_PROBLEMS} more")
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """One line of a catalogue: its practice where it is one, and what is wrong; `id` is what it calls itself."""

    id: str | None
    practice: Practice | None
    problems: Sequence[Problem]


@dataclass(frozen=True, slots=True)
class CatalogueRows:
    """What stands in a catalogue file: the rows that are a practice, the line of each, and all that is wrong.

    A row with a wrong code, id or reference is a practice all the same; `problems` are in the order of the file.
    """

    practices: PracticeLines
    lines: Sequence[int]
    problems: Sequence[Problem]


def read_vocabulary(path: Path) -> Vocabulary:
    """Return the controlled vocabularies of a `vocabulary.toml`; empty when there is no such file.

    Raises CatalogueError when the file is not TOML of the form `[field]` with `code = "label"`.
    """
    if not path.is_file():
        return MappingProxyType({})
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CatalogueError([Problem(path, 1, "", f"not readable: {error}", "expected TOML in UTF-8")]) from error
    for field, labels in tables.items():
        if not isinstance(labels, dict) or not all(isinstance(label, str) for label in labels.values()):
            raise CatalogueError([Problem(path, 1, field, repr(labels), 'expected a table of code = "label"')])
    return MappingProxyType({field: MappingProxyType(labels) for field, labels in tables.items()})


def read_catalogue(path: Path, vocabulary: Vocabulary | None = None) -> PracticeLines:
    """Return the practices of a JSONL file in file order; blank lines are skipped, and none is held in memory.

    `vocabulary` is by default the `vocabulary.toml` beside the file. Raises CatalogueError that names every bad row:
    broken JSON, fields that are missing, unknown or wrong, codes outside the vocabulary, ids that occur twice,
    and references to practices that are not there. Raises FileNotFoundError when there is no such file.
    """
    rows = read_rows(path, vocabulary)
    if rows.problems:
        raise CatalogueError(rows.problems)
    return rows.practices


def read_rows(path: Path, vocabulary: Vocabulary | None = None) -> CatalogueRows:
    """Return what `read_catalogue` would return or refuse, side by side.

    Raises CatalogueError only where the vocabulary cannot be read, and FileNotFoundError when there is no such file.
    """
    if vocabulary is None:
        vocabulary = read_vocabulary(path.parent / VOCABULARY_FILE)
    limits, lines = array("q"), array("q")
    line_of: dict[str, int] = {}
    successors: list[tuple[int, str]] = []
    problems = _vocabulary_problems(path, vocabulary)
    for line, start, text in numbered_lines(path):
        row = read_row(path, line, text, vocabulary)
        if row.id is not None:
            if row.id in line_of:
                expected = f"expected an id of its own, line {line_of[row.id]} has this one already"
                problems.append(Problem(path, line, "id", repr(row.id), expected))
            line_of.setdefault(row.id, line)
        problems.extend(row.problems)
        if row.practice is None:
            continue
        limits.extend((start, start + len(text)))
        lines.append(line)
        if row.practice.succeeded_by is not None:
            successors.append((line, row.practice.succeeded_by))
    problems.extend(_reference_problems(path, successors, line_of))
    if not limits and not problems:
        problems.append(Problem(path, 1, "", "no practice in this file", "expected one JSON object a line"))
    practices = PracticeLines(path, np.array(limits, dtype=np.int64).reshape(-1, 2))
    return CatalogueRows(practices, lines, sorted(problems, key=lambda problem: problem.line))


def read_row(path: Path, line: int, text: bytes, vocabulary: Vocabulary) -> CatalogueRow:
    """Return what one line of a catalogue says, and all that is wrong with it by itself."""
    try:
        row = json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        return CatalogueRow(None, None, [Problem(path, line, "", "row is not valid", f"Invalid JSON: {error}")])
    row_id = row.get("id") if isinstance(row, dict) else None
    known_id = row_id if isinstance(row_id, str) else None
    try:
        practice = Practice.model_validate_json(text)
    except ValidationError as error:
        return CatalogueRow(known_id, None, _row_problems(path, line, error))
    return CatalogueRow(known_id, practice, _code_problems(path, line, practice, vocabulary))


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse a field that stands twice in one object: reading on would lose the first value silently."""
    row = dict(pairs)
    if len(row) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise ValueError(f"field {sorted(name for name, count in counts.items() if count > 1)} stands there twice")
    return row


def _vocabulary_problems(path: Path, vocabulary: Vocabulary) -> list[Problem]:
    known = {*Practice.model_fields}
    return [
        Problem(path.parent / VOCABULARY_FILE, 1, field, "a table", "no practice has a field of this name")
        for field in vocabulary
        if field not in known
    ]


def numbered_lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield the number of each line that is not blank, the byte at which it begins, and the line.

    Raises CatalogueError at a line that is longer than any practice: what is in it may not fit into memory; and for
    what is no file, such as a pipe: it would be waited for, and cannot be read again.
    """
    if path.exists() and not path.is_file():
        expected = "expected a file with one JSON object a line; save what comes out of a pipe first"
        raise CatalogueError([Problem(path, 1, "", "this is a folder, a pipe or a device", expected)])
    start = 0
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE + 1), b""), start=1):
            if len(line) > _LONGEST_LINE:
                expected = f"expected at most {_LONGEST_LINE:,} bytes, one JSON object a line"
                raise CatalogueError([Problem(path, number, "", "the line is too long", expected)])
            text = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
            if text.strip():
                yield number, start + len(line) - len(text), text
            start += len(line)


def _row_problems(path: Path, line: int, error: ValidationError) -> list[Problem]:
    problems = []
    for fault in error.errors(include_url=False, include_context=False):
        field = ".".join(str(part) for part in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "missing":
            problems.append(Problem(path, line, field, "missing", "expected a value"))
        elif field:
            problems.append(Problem(path, line, field, _shortened(fault["input"]), message))
        else:
            problems.append(Problem(path, line, "", "row is not valid", message))
    return problems


def _shortened(value: object, length: int = 80) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= length else text[: length - 1] + "…"


def _code_problems(path: Path, line: int, practice: Practice, vocabulary: Vocabulary) -> list[Problem]:
    problems = []
    for field, labels in vocabulary.items():
        for code in field_values(practice, field):
            if code not in labels:
                expected = f"expected one of: {', '.join(sorted(labels))}"
                problems.append(Problem(path, line, field, repr(code), expected))
    return problems


def _reference_problems(path: Path, successors: Iterable[tuple[int, str]], line_of: Mapping[str, int]) -> list[Problem]:
    return [
        Problem(path, line, "succeeded_by", repr(successor), "no practice has this id")
        for line, successor in successors
        if successor not in line_of
    ]
