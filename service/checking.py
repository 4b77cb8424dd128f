"""Say on the terminal and in a spreadsheet what is wrong or doubtful in a catalogue."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from indexer.catalogue import CatalogueError, CatalogueRows, read_rows
from indexer.checks import Finding, errors_of, warnings_of
from indexer.embedding_cache import EmbeddingCache
from indexer.practice import Practice
from service.commands import print_error
from service.report_file import write_report
from service.settings import Settings, settings_with
from service.terminal import OUT, encoding_progress, loaded_encoder, printable

_COLUMNS = {"severity": 10, "line": 8, "practice": 24, "field": 16, "found": 60, "expected": 40, "suggestion": 40}
_MOST_SHOWN = 50  # findings that are printed one by one; the report has all of them


def print_quality(catalogue: Path, *, report: Path | None, strict: bool, encoder: str | None) -> None:
    """Print what is wrong and what is doubtful in a catalogue, and write both to a report.

    Leaves with status 1 where a row is bad, or where there is a warning and it is `strict`. Raises CatalogueError
    where the vocabulary cannot be read, FileNotFoundError and EncoderError.
    """
    try:
        rows = read_rows(catalogue)
    except CatalogueError as error:
        _write(report, errors_of(error.problems))
        raise
    errors = errors_of(rows.problems)
    if errors:
        # Before anything is encoded: nobody should wait for what is known already, or miss it without an encoder.
        print_error(CatalogueError(rows.problems))
        _write(report, errors)
    warnings = _warnings(rows, settings_with(encoder=encoder))
    _write(report, sorted([*errors, *warnings], key=lambda finding: finding.line))
    OUT.print(_unknown(catalogue, rows.practices, len(errors)))
    if warnings:
        OUT.print(_table(warnings))
    if len(warnings) > _MOST_SHOWN:
        where = f"all are in {report}" if report else "--report FILE.xlsx lists all"
        OUT.print(printable(f"The first {_MOST_SHOWN} of {len(warnings)} warnings; {where}."))
    if errors or (warnings and strict):
        raise SystemExit(1)


def _warnings(rows: CatalogueRows, settings: Settings) -> list[Finding]:
    if not rows.practices:
        return []
    loaded = loaded_encoder(settings)
    cache = EmbeddingCache(settings.cache, loaded.spec.identity, loaded.spec.dim)
    with encoding_progress() as progress:
        return warnings_of(rows, loaded, cache, progress, folder=settings.cache)


def _write(report: Path | None, findings: Sequence[Finding]) -> None:
    if report is not None:
        rows = ((one.severity, one.line, one.practice_id, *_said(one)) for one in findings)
        write_report(report, "findings", _COLUMNS, rows)


def _unknown(catalogue: Path, practices: Sequence[Practice], errors: int) -> Table:
    """Return in how many practices a field is not known, which is no fault: unknown stays empty."""
    bad = f"{errors} error{'s' if errors > 1 else ''} in the file" if errors else "no bad row"
    table = Table(title=f"{catalogue.name}: {len(practices)} practices, {bad}")
    table.add_column("field")
    table.add_column("not known", justify="right")
    table.add_column("practices")
    for field in ("summary", "description", "country", "start_year", "organisation", "evidence_level", "sources"):
        empty = [practice.id for practice in practices if getattr(practice, field) in (None, ())]
        if empty:
            table.add_row(field, str(len(empty)), printable(", ".join(empty[:5]) + (", ..." if len(empty) > 5 else "")))
    return table


def _said(finding: Finding) -> tuple[str, str, str, str]:
    return finding.field, finding.found, finding.expected, finding.suggestion


def _table(findings: Sequence[Finding]) -> Table:
    """Return the findings as a table, those of the most frequent kinds first."""
    by_field: defaultdict[str, list[Finding]] = defaultdict(list)
    for one in findings:
        by_field[one.field].append(one)
    table = Table(title=f"{len(findings)} warning{'s' if len(findings) > 1 else ''}", show_lines=True)
    for title in list(_COLUMNS)[1:]:
        table.add_column(title, overflow="fold")
    shown = [one for some in sorted(by_field.values(), key=lambda one: -len(one)) for one in some]
    for one in shown[:_MOST_SHOWN]:
        table.add_row(str(one.line), *map(printable, (one.practice_id, *_said(one))))
    return table
