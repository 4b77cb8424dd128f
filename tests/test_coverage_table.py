"""The rows of the table of needs: the smallest set first, then the practices that address most."""

import pytest

from service.pages import coverage_table
from service.pages.coverage_table import CoverageCell, coverage_rows
from service.retriever import Retriever
from service.schemas import CoverageModel, CoverageRow
from tests.fakes import PRACTICES


def row(practice_id: str, *cells: tuple[float, bool]) -> CoverageRow:
    return CoverageRow(
        practice_id=practice_id,
        confidence=tuple(confidence for confidence, _ in cells),
        addresses=tuple(addresses for _, addresses in cells),
    )


def order(retriever: Retriever, *matrix: CoverageRow, smallest_set: tuple[str, ...] = ()) -> list[tuple[str, bool]]:
    rows = coverage_rows(retriever, CoverageModel(matrix=list(matrix), smallest_set=smallest_set))
    return [(one.practice.id, one.is_in_set) for one in rows]


def test_the_set_comes_first_even_where_others_address_as_many_needs(retriever: Retriever) -> None:
    found = order(
        retriever,
        row("absence-call", (0.9, True), (0.9, True)),
        row("street-work", (0.4, True), (0.1, False)),
        row("mentors", (0.1, False), (0.5, True)),
        smallest_set=("mentors", "street-work"),
    )

    assert found == [("mentors", True), ("street-work", True), ("absence-call", False)]


def test_more_needs_come_first_then_more_confidence_then_the_id(retriever: Retriever) -> None:
    found = order(
        retriever,
        row("street-work", (0.5, True), (0.3, False)),
        row("second-school", (0.5, True), (0.3, False)),
        row("mentors", (0.6, True), (0.3, False)),
        row("absence-call", (0.4, True), (0.4, True)),
    )

    assert [practice_id for practice_id, _ in found] == ["absence-call", "mentors", "second-school", "street-work"]


def test_a_practice_that_addresses_nothing_is_left_out_unless_it_is_in_the_set(retriever: Retriever) -> None:
    unsure = [row(one, (0.2, False), (0.1, False)) for one in ("mentors", "street-work")]

    assert order(retriever, *unsure) == []
    assert order(retriever, *unsure, smallest_set=("street-work",)) == [("street-work", True)]


def test_each_need_has_a_cell_with_its_confidence(retriever: Retriever) -> None:
    (found,) = coverage_rows(
        retriever, CoverageModel(matrix=[row("mentors", (0.7, True), (0.2, False))], smallest_set=())
    )

    assert found.practice == PRACTICES[0]
    assert found.cells == (CoverageCell(0.7, addresses=True), CoverageCell(0.2, addresses=False))


def test_only_the_first_rows_are_shown(retriever: Retriever, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage_table, "ROWS_SHOWN", 2)
    rows = [row(practice.id, (0.5 + at / 10, True)) for at, practice in enumerate(PRACTICES)]

    assert [practice_id for practice_id, _ in order(retriever, *rows)] == ["street-work", "absence-call"]
