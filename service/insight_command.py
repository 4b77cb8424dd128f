"""Print what is asked and how well it is answered in the terminal: what the catalogue lacks comes first."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import typer
from rich.table import Table

from service.insight_store import Count, InsightStore
from service.redaction import FEWEST, NOT_KNOWN
from service.settings import Settings
from service.terminal import LOG, OUT, printable

_WEEK = re.compile(r"\d{4}-W(0[1-9]|[1-4]\d|5[0-3])")
_LACKING = ("none", "weak")
_VERDICTS = (*_LACKING, "good", NOT_KNOWN)
_NOTHING_KEPT = "·"

_Topic = tuple[str, str]
"""Kind and value."""


def print_insights(settings: Settings, *, since: str | None, as_json: bool) -> None:
    """Print the counts of a week and those after it, of all weeks by default. Raises OSError."""
    if since is not None and not _WEEK.fullmatch(since):
        raise typer.BadParameter(f"found '{since}', expected an ISO week such as 2026-W48", param_hint="--since")
    counts = InsightStore(settings.insight_counts).counts(since or "")
    if as_json:
        rows = [{"week": one.week, **asdict(one.topic), "questions": one.questions} for one in counts]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif counts:
        OUT.print(_table(counts))
    else:
        hint = "" if settings.insights else "; a service counts where PRACTICES_INSIGHTS is true"
        LOG.print(printable(f"{settings.insight_counts}: nothing has been counted{hint}"), soft_wrap=True)


def _table(counts: Sequence[Count]) -> Table:
    sums: dict[_Topic, Counter[str]] = {}
    for one in counts:
        sums.setdefault((one.topic.kind, one.topic.value), Counter())[one.topic.verdict] += one.questions
    weeks = f"{counts[0].week} to {counts[-1].week}"
    caption = f"{_NOTHING_KEPT} fewer than {FEWEST} in each week and process"
    table = Table(title=f"Different questions, {weeks}", caption=caption)
    for title in ("kind", "topic"):
        table.add_column(title, overflow="fold")
    for verdict in _VERDICTS:
        table.add_column(verdict, justify="right")
    for (kind, value), by_verdict in sorted(sums.items(), key=_most_lacking):
        numbers = (str(by_verdict[verdict]) if by_verdict[verdict] else _NOTHING_KEPT for verdict in _VERDICTS)
        table.add_row(kind, printable(value), *numbers)
    return table


def _most_lacking(row: tuple[_Topic, Counter[str]]) -> tuple[str, int, int, str]:
    (kind, value), by_verdict = row
    return kind, -sum(by_verdict[verdict] for verdict in _LACKING), -by_verdict.total(), value
