"""Turn measurements into tables for the terminal."""

from collections.abc import Sequence

from rich.table import Table

from service.evaluate import MEASURES, Measurement
from service.verdicts import VerdictMeasurement


def measurement_table(title: str, measurements: Sequence[Measurement]) -> Table:
    """Return one row a group of questions, one column a measure."""
    table = Table(title=title)
    table.add_column("questions")
    for name in ("count", *map(str, MEASURES), "to English"):
        table.add_column(name, justify="right")
    for one in measurements:
        to_english = "" if one.to_english is None else f"{one.to_english:+.3f}"
        table.add_row(one.group, str(one.queries), *(f"{one.values[str(name)]:.3f}" for name in MEASURES), to_english)
    return table


def verdict_table(measured: VerdictMeasurement) -> Table:
    """Return one row a measure."""
    table = Table(title=f"verdicts, {measured.group}: {measured.questions} questions", show_header=False)
    values = {
        "AUROC of on the topic against elsewhere": measured.auroc,
        "precision of 'none'": measured.precision,
        "recall of 'none'": measured.recall,
        "questions on the topic refused": measured.refused,
        **{f"called good: {kind}": share for kind, share in measured.good.items()},
    }
    for name, value in values.items():
        table.add_row(name, f"{value:.3f}")
    return table
