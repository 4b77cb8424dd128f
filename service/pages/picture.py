"""Turn the layout of a release into a map to draw: one dot a practice, a group of colour and shape, hits on top."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexer.practice import Practice, field_values
from service.facts import label_of
from service.pages.page_state import ColourBy
from service.retriever import Retriever
from service.schemas import HitModel
from service.wording import Wording

WIDTH, HEIGHT, MARGIN = 1000, 640, 30
MOST_DRAWN = 1_000
"""Dots of one map; of a larger catalogue the hits and an even sample of the others are drawn."""

GROUPS = 7
"""Values that have a colour and a shape of their own; people cannot tell many more apart."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One practice on the map. `group` counts from 1, 0 for all other values; `rank` where it is a hit."""

    practice: Practice
    x: float
    y: float
    group: int
    country: str
    label: str
    rank: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """One colour of the map: the value it stands for and how many dots have it; value is empty for all others."""

    number: int
    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A map to draw on a canvas of `WIDTH` x `HEIGHT`; hits come last, to be on top. `total` counts all practices."""

    dots: tuple[Dot, ...]
    groups: tuple[Group, ...]
    total: int
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def table(self) -> list[Dot]:
        """Return the dots in the order to read them: hits by rank, then the others by title."""
        return sorted(self.dots, key=lambda dot: (dot.rank is None, dot.rank or 0, dot.practice.title.casefold()))


def picture_of(retriever: Retriever, colour: ColourBy, hits: Sequence[HitModel], wording: Wording) -> Picture:
    """Return the map of a release, coloured by the first of the most frequent values of a field that a practice has."""
    practices, layout = retriever.release.parts.practices, retriever.release.parts.layout
    ranks = {retriever.row(hit.practice.id): hit.rank for hit in hits}
    sample = np.linspace(0, len(practices) - 1, min(len(practices), MOST_DRAWN)).astype(int)
    drawn = [*sorted({int(row) for row in sample} - set(ranks)), *ranks]
    values = {row: field_values(practices[row], colour) for row in drawn}
    number_of = _numbers(list(values.values()))
    shown = {row: next((value for value in values[row] if value in number_of), "") for row in drawn}
    counts = Counter(shown.values())

    def label(field: str, value: str) -> str:
        return label_of(field, value, retriever.facets, wording) if value else ""

    dots = tuple(
        Dot(
            practice=practices[row],
            x=round(MARGIN + float(layout[row, 0]) * (WIDTH - 2 * MARGIN), 1),
            y=round(MARGIN + float(layout[row, 1]) * (HEIGHT - 2 * MARGIN), 1),
            group=number_of.get(shown[row], 0),
            country=label("country", practices[row].country or ""),
            label=label(colour, shown[row] or next(iter(values[row]), "")),
            rank=ranks.get(row),
        )
        for row in drawn
    )
    groups = [
        Group(number, value, label(colour, value), counts[value])
        for value, number in number_of.items()
        if counts[value]  # a value that all its practices have beside a more frequent one colours no dot
    ]
    if counts[""]:
        groups.append(Group(0, "", wording.gettext("Others"), counts[""]))
    return Picture(dots, tuple(groups), len(practices))


def _numbers(values: Sequence[tuple[str, ...]]) -> dict[str, int]:
    """Return the values that most practices have, numbered from 1."""
    counts = Counter(value for of_practice in values for value in of_practice)
    largest = sorted(counts, key=lambda value: (-counts[value], value))[:GROUPS]
    return {value: number for number, value in enumerate(largest, start=1)}
