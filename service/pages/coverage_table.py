"""Turn the coverage of an answer into the rows of a small table: the practices that do most, the best set first."""

from dataclasses import dataclass

from indexer.practice import Practice
from service.retriever import Retriever
from service.schemas import CoverageModel

ROWS_SHOWN = 7


@dataclass(frozen=True, slots=True)
class CoverageCell:
    """Whether a practice addresses a need, and how surely."""

    confidence: float
    addresses: bool


@dataclass(frozen=True, slots=True)
class CoverageTableRow:
    """One practice and its cells, one a need."""

    practice: Practice
    cells: tuple[CoverageCell, ...]
    is_in_set: bool


def coverage_rows(retriever: Retriever, coverage: CoverageModel) -> list[CoverageTableRow]:
    """Return the practices of the smallest set, then those that address most; none that addresses nothing."""
    rows = [
        CoverageTableRow(
            practice=retriever.practice(row.practice_id),
            cells=tuple(map(CoverageCell, row.confidence, row.addresses)),
            is_in_set=row.practice_id in coverage.smallest_set,
        )
        for row in coverage.matrix
    ]
    useful = [row for row in rows if row.is_in_set or any(cell.addresses for cell in row.cells)]
    return sorted(useful, key=_order)[:ROWS_SHOWN]


def _order(row: CoverageTableRow) -> tuple[bool, int, float, str]:
    addressed = sum(cell.addresses for cell in row.cells)
    return (not row.is_in_set, -addressed, -sum(cell.confidence for cell in row.cells), row.practice.id)
