"""Turn practices into a table on disk: by row, by id, and in the orders in which people read them."""

from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from indexer.columns import Rows, part_of, read_column, write_column
from indexer.key_table import KeyTable, key_hashes
from indexer.practice import Practice
from indexer.practice_lines import PracticeLines

Order = Literal["title", "country", "newest", "evidence"]
"""What practices can be sorted by."""

PRACTICES_FILE = "practices.jsonl"

_LIMITS_FILE = "practice-limits.npy"
_RANKS_FILE = "practice-ranks.npy"
_IDS = "practice-ids"
_ORDER = "practice-order"
_ORDERS: tuple[Order, ...] = get_args(Order)
_NO_COUNTRY = "~~"  # behind all codes


class PracticeTable(PracticeLines):
    """The practices of a release in catalogue order; only those that are asked for are read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / PRACTICES_FILE, read_column(folder / _LIMITS_FILE))
        self._ids = KeyTable.load(folder / _IDS)
        self._ranks = read_column(folder / _RANKS_FILE)
        self._orders = {order: read_column(part_of(folder / _ORDER, order)) for order in _ORDERS}

    def row(self, practice_id: str) -> int | None:
        """Return the place of a practice in the catalogue, None where there is none of this id."""
        row = self._ids.number(practice_id)
        return row if row is not None and self[row].id == practice_id else None

    def id_ranks(self, rows: Rows) -> npt.NDArray[np.int32]:
        """Return the place (k,) of each of the `rows` among all practices in the order of their ids."""
        ranks: npt.NDArray[np.int32] = self._ranks[rows]
        return ranks

    def ordered(self, order: Order) -> npt.NDArray[np.int32]:
        """Return all rows (n,) in an order: what is not known comes last, equal ones by title, then by id."""
        rows: npt.NDArray[np.int32] = self._orders[order]
        return rows


def write_practice_table(folder: Path, practices: Iterable[Practice]) -> None:
    """Write the practices, and all by which they are found, into a folder."""
    ends = array("q", [0])
    ids, titles, countries = list[str](), list[str](), list[str]()
    years, levels = array("d"), array("d")
    with (folder / PRACTICES_FILE).open("wb") as file:
        for practice in practices:
            file.write(practice.model_dump_json(exclude_defaults=True).encode() + b"\n")
            ends.append(file.tell())
            ids.append(practice.id)
            titles.append(practice.title.casefold())
            countries.append(practice.country or _NO_COUNTRY)
            years.append(np.inf if practice.start_year is None else -practice.start_year)
            levels.append(np.inf if practice.evidence_level is None else -practice.evidence_level)
    write_column(folder / _LIMITS_FILE, np.column_stack([ends[:-1], ends[1:]]).astype(np.int64))
    KeyTable.build(key_hashes(ids)).save(folder / _IDS)
    by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int32)
    ranks = np.empty(len(ids), dtype=np.int32)
    ranks[by_id] = np.arange(len(ids), dtype=np.int32)
    write_column(folder / _RANKS_FILE, ranks)
    by_title = np.array(sorted(by_id.tolist(), key=titles.__getitem__), dtype=np.int32)
    write_column(part_of(folder / _ORDER, "title"), by_title)
    keys: dict[Order, npt.NDArray[np.generic]] = {
        "country": np.array(countries),
        "newest": np.array(years),
        "evidence": np.array(levels),
    }
    for order, of_row in keys.items():
        write_column(part_of(folder / _ORDER, order), by_title[np.argsort(of_row[by_title], kind="stable")])
