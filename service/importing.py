"""Turn a file that somebody has into a catalogue, and say on the terminal and in a spreadsheet what is in doubt."""

import os
import re
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from indexer.catalogue import VOCABULARY_FILE, read_vocabulary
from indexer.foreign.mapping import (
    LEFT_OUT,
    NOTE,
    ColumnGuess,
    guess_mapping,
    read_mapping,
    write_mapping,
)
from indexer.foreign.practices import Imported, import_practices
from indexer.foreign.reading import read_foreign
from indexer.foreign.rows import Doubt, ForeignFileError, ForeignTable
from service.report_file import write_report
from service.terminal import OUT, printable

_PLACES_SHOWN = 3
_QUOTED = re.compile(r"'.*'|\d+")
_COLUMNS = {"where": 24, "found": 60, "what was done": 80}


def import_catalogue(
    source: Path, out: Path, *, mapping: Path | None = None, report: Path | None = None, replace: bool = False
) -> None:
    """Write the practices of a foreign file as a catalogue, its mapping beside the source, and perhaps a report.

    Raises ForeignFileError where the source or the mapping cannot be read, or `out` is there and not to be replaced.
    """
    if out.exists() and not replace:
        raise ForeignFileError(f"{out} is there already; give another name, or --replace to write it anew")
    table = read_foreign(source)
    guesses = guess_mapping(table)
    kept = mapping or source.with_name(f"{source.name}.mapping.toml")
    chosen = {guess.column: guess.field for guess in guesses}
    is_known = kept.exists()
    if is_known:
        chosen = read_mapping(kept, chosen)
    write_mapping(kept, chosen)
    imported = import_practices(table, chosen, read_vocabulary(out.parent / VOCABULARY_FILE))
    if not imported.practices:
        raise ForeignFileError(f"{source} has no row that says anything, so no catalogue was written")
    _write_whole(out, imported)
    if report is not None:
        rows = ((doubt.place, doubt.found, doubt.meaning) for doubt in imported.doubts)
        write_report(report, "doubts", _COLUMNS, rows)
    _print_mapping(table, guesses, chosen, kept, is_known=is_known)
    _print_doubts(imported.doubts, report)
    OUT.print(printable(f"{out}: {len(imported.practices)} practices of {len(table.rows)} rows"), soft_wrap=True)


def _write_whole(path: Path, imported: Imported) -> None:
    """Write a catalogue so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            for practice in imported.practices:
                file.write(practice.model_dump_json(exclude_defaults=True) + "\n")
        Path(draft).chmod(0o644)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)


def _print_mapping(
    table: ForeignTable, guesses: Sequence[ColumnGuess], chosen: Mapping[str, str], path: Path, *, is_known: bool
) -> None:
    shown = Table(title=f"{table.path.name}: {table.form}")
    for title in ("column", "becomes", "because of", "example"):
        shown.add_column(title)
    for guess in guesses:
        field = chosen[guess.column]
        becomes = {NOTE: "text in the note", LEFT_OUT: "left out"}.get(field, field)
        why = guess.why if field == guess.field else path.name
        shown.add_row(*(printable(cell) for cell in (guess.column, becomes, why, guess.example)))
    OUT.print(shown)
    what = "That is what the mapping says" if is_known else "That is a guess; it is kept as a mapping"
    OUT.print(
        printable(f"{what}: {path}. Change it where it is wrong, and import again with --replace."), soft_wrap=True
    )


def _print_doubts(doubts: Sequence[Doubt], report: Path | None) -> None:
    """Print the doubts, those of one kind together."""
    kinds: defaultdict[tuple[str, str], list[Doubt]] = defaultdict(list)
    for doubt in doubts:
        kinds[_QUOTED.sub("…", doubt.found), _QUOTED.sub("…", doubt.meaning)].append(doubt)
    if not doubts:
        OUT.print("Nothing is in doubt.")
        return
    shown = Table(title=f"doubts: {len(doubts)}", show_lines=True)
    shown.add_column("times", justify="right")
    for title in ("for example", "what was done", "where"):
        shown.add_column(title)
    for some in sorted(kinds.values(), key=lambda one: -len(one)):
        places = ", ".join(doubt.place for doubt in some[:_PLACES_SHOWN]) + (", …" if some[_PLACES_SHOWN:] else "")
        shown.add_row(str(len(some)), *(printable(cell) for cell in (some[0].found, some[0].meaning, places)))
    OUT.print(shown)
    where = f"All of them are in {report}." if report else "--report FILE.xlsx lists all of them."
    OUT.print(printable(where), soft_wrap=True)
