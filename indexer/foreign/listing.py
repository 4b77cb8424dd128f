"""Turn the lines of a saved listing page into a table: a bullet line, a title and paragraphs for each entry."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.foreign.pieces import blocks
from indexer.foreign.rows import Doubt, ForeignRow, ForeignTable, row_of, shown

COLUMNS = ("title", "description")

_COUNT = re.compile(r"(\d[\d.,' ]*)\s*[-–—]\s*(\d[\d.,' ]*)\D{1,30}?(\d[\d.,']*)")
_LONGEST_COUNT = 80  # characters of a line such as "Displaying results 1 - 12 out of 15"
_LONGEST_BULLET = 60
_MARKS = "•◦▪■●·*-–—+> \t"
_PAGER = frozenset(
    (
        *("pages", "page", "seiten", "seite", "páginas", "página", "pagine", "pagina", "pagina's", "sider", "sidor"),
        *("sivut", "strony", "stránky", "strani", "stranice", "pagini", "lapas", "puslapiai", "oldalak", "lehed"),
        *("σελίδες", "страници", "paġni"),
    )
)
"""What a line says that leads to the other pages of a listing."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Where the parts of a listing are. `bullets` are the numbers of its bullet lines, `end` is after the last entry.

    `count` is first, last and all results as the page says them; None where it does not.
    """

    lines: Sequence[str]
    bullets: Sequence[int]
    end: int
    count: tuple[int, int, int] | None


def find_listing(lines: Sequence[str]) -> Listing | None:
    """Return the listing in some lines, None where no line repeats in front of blocks.

    The bullet is the line that does so most often; the first of several, which are parts of the same blocks.
    """
    count_line, counted = next(
        ((number, found) for number, line in enumerate(lines) if (found := _count(line))), (-1, None)
    )
    places: defaultdict[str, list[int]] = defaultdict(list)
    for at in range(count_line + 1, len(lines)):
        if 0 < len(bare := _bare(lines[at])) <= _LONGEST_BULLET:
            places[bare].append(at)
    expected = counted[1] - counted[0] + 1 if counted else 0
    ranked = sorted(places.values(), key=lambda numbers: (len(numbers) != expected, -len(numbers)))
    for numbers in ranked:
        if len(numbers) < 2 and not (counted and len(numbers) == expected):
            continue
        starts = [
            at for at, after in zip(numbers, [*numbers[1:], len(lines)], strict=True) if _has_text(lines, at, after)
        ]
        if len(starts) * 2 > len(numbers):
            return Listing(lines, starts, _end(lines, starts[-1]), counted)
    return None


def read_listing(path: Path, form: str, listing: Listing) -> ForeignTable:
    """Return a row for each entry; paragraphs of its description have an empty line between them."""
    lines, ends = listing.lines, [*listing.bullets[1:], listing.end]
    rows, doubts = [], []
    for number, (start, end) in enumerate(zip(listing.bullets, ends, strict=True), start=1):
        row = _entry(f"entry {number}", lines[start + 1 : end])
        rows.append(row)
        if "description" not in row.values:
            doubts.append(Doubt(row.place, shown(row.values["title"]), "It has no description; check the page."))
    for place, rest in (("top of the page", lines[: listing.bullets[0]]), ("end of the page", lines[listing.end :])):
        text = shown(" / ".join(line.strip() for line in rest if line.strip()))
        if text:
            doubts.append(
                Doubt(place, text, "It is not part of an entry and was left out; check that no entry is in it.")
            )
    return ForeignTable(path, form, COLUMNS, tuple(rows), (*_count_doubts(listing), *doubts))


def _bare(line: str) -> str:
    return line.strip().lstrip(_MARKS).strip().casefold()


def _count(line: str) -> tuple[int, int, int] | None:
    found = _COUNT.search(line) if len(line.strip()) <= _LONGEST_COUNT else None
    if found is None:
        return None
    first, last, total = (int(re.sub(r"\D", "", part)) for part in found.groups())
    return (first, last, total) if 0 < first <= last <= total else None


def _has_text(lines: Sequence[str], start: int, end: int) -> bool:
    return any(lines[at].strip() for at in range(start + 1, end))


def _end(lines: Sequence[str], last_bullet: int) -> int:
    """Return where the last entry ends: at the line that leads to the other pages, or with the text."""
    for at in range(last_bullet + 2, len(lines)):
        if _bare(lines[at]).rstrip(" :") in _PAGER:
            return at
    return len(lines)


def _entry(place: str, lines: Sequence[str]) -> ForeignRow:
    at = next(at for at, line in enumerate(lines) if line.strip())
    paragraphs = blocks(lines[at + 1 :])
    if len(paragraphs) == 1:  # no empty lines inside: each line is a paragraph
        paragraphs = [[line] for line in paragraphs[0]]
    description = "\n\n".join("\n".join(line.strip() for line in paragraph) for paragraph in paragraphs)
    return row_of(place, (("title", lines[at]), ("description", description)))


def _count_doubts(listing: Listing) -> list[Doubt]:
    found = len(listing.bullets)
    if listing.count is None:
        meaning = "The page does not say how many entries there should be; count them."
        return [Doubt("whole file", f"{found} entries", meaning)]
    first, last, total = listing.count
    doubts = []
    if found != last - first + 1:
        meaning = f"The page says that it shows {last - first + 1} (from {first} to {last}); check what is missing."
        doubts.append(Doubt("whole file", f"{found} entries", meaning))
    if last - first + 1 < total:
        meaning = f"The page shows only a part of {total} entries; save its other pages, too."
        doubts.append(Doubt("whole file", f"entries {first} to {last}", meaning))
    return doubts
