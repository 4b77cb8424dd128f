"""Turn embeddings into an index that can be searched and filtered: exact while that is cheap, measured above that."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from indexer.columns import Rows
from indexer.encoder import Embedding, Embeddings, unit_rows
from indexer.release_files import ReleaseError
from indexer.vector_kinds import ListFile, Mask, RowFile, RowType, Scores, write_lists, write_rows

__all__ = [
    "MIN_RECALL",
    "MOST_EXACT",
    "MOST_FULL",
    "Allowed",
    "AwayError",
    "Mask",
    "RecallError",
    "Rows",
    "Scores",
    "VectorIndex",
    "VectorIndexRecord",
    "Vectors",
]

T = TypeVar("T")

MOST_EXACT = 50_000
"""Rows up to which every row is compared: 5 ms and 38 MB at 384 dimensions, and nothing to explain or to tune."""

MOST_FULL = 10_000
"""Rows up to which they are kept as float32. Above that halves, which are read in half the time, save a millisecond."""

MIN_RECALL = 0.98
"""Share of the ten nearest rows that an index has to find, or it is not built."""

AIM = 0.995
"""What the calibration tries to find, for its questions are easier than real ones.

Titles of real projects, asked of 173,000 real passages, found .985 with the setting that it found .996 with.
"""

RECALL_AT = 10
_SAME_SCORE = 1e-6  # faiss and a matrix product add in another order
_SAMPLE = 500  # questions of the calibration: the standard error of a recall of .98 is below .003

LADDER = ((8, 400), (16, 400), (32, 400), (64, 400), (128, 400), (128, 1_000), (256, 1_000), (256, 2_000), (512, 4_000))
"""Lists that are read and candidates that get an exact score, cheapest first. The retriever asks for 400 rows first.

The last are for what is hard: texts that are repeated hundreds of times fill up the candidates of their neighbours.
"""

_LISTS = 2  # times the square root of the rows; 1 needs twice the rows for the same recall, 4 takes three times as long
_MOST_CANDIDATES = 0.1  # share of all rows; for more, comparing every row costs no more

RECORD_FILE = "index.json"
ROWS_FILE = "rows.faiss"
LISTS_FILE = "lists.faiss"


class RecallError(ValueError):
    """An index found less than MIN_RECALL of the nearest rows, however hard it looked."""


class AwayError(ReleaseError):
    """What searches the vectors is another program, and does not answer now."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be found, said twice: row by row in `mask` (n,), and as what that was made of.

    A practice may be found that has any of the values of each field in `conditions`, and is not the one at row `but`.
    """

    mask: Mask
    conditions: Mapping[str, Sequence[str]]
    but: int | None = None


@dataclass(frozen=True, slots=True)
class VectorIndexRecord:
    """What an index is and how near to exact it was measured to be.

    `parameters`: `nlist` lists, of which `nprobe` are read for `rescored` candidates that get an exact score; none for
    an exact index. `recall_at_10` was measured on `recall_sample` questions made of the index's own rows; 1.0 on 0
    where every row is compared.
    """

    name: str
    parameters: Mapping[str, int]
    recall_at_10: float
    recall_sample: int


class Vectors(Protocol):
    """The embeddings of a release and what searches them: the release itself, or another program that holds a copy."""

    @property
    def record(self) -> VectorIndexRecord:
        """Return what searches, and how near to exact it was measured to be."""
        ...

    @property
    def size(self) -> int:
        """Return the number of rows."""
        ...

    @property
    def dim(self) -> int:
        """Return the length of a row."""
        ...

    def take(self, rows: Rows) -> Embeddings:
        """Return the embeddings of `rows` as the release keeps them, (k, dim) float32, in the order asked for."""
        ...

    def search(self, embedding: Embedding, count: int, allowed: Allowed | None = None) -> tuple[Rows, Scores]:
        """Return the `count` nearest rows and their cosines, best first; fewer where fewer are allowed.

        Equal scores come in no promised order. Raises AwayError.
        """
        ...

    def fault(self) -> str | None:
        """Return why nothing can be searched now, None where it can."""
        ...

    async def during(self, work: Callable[[], T]) -> T:
        """Return what `work` does, which searches: in another thread where a search waits for another program."""
        ...


RECORD = TypeAdapter(VectorIndexRecord)
_PARAMETERS = ("nlist", "nprobe", "rescored")
_NAMES = {"float32": "Flat, exact", "float16": "Flat of float16 rows, exact"}


class VectorIndex:
    """Inner-product search over unit rows in a folder, so that a score is a cosine: higher is better.

    Up to MOST_FULL rows are float32, more are float16, which moves a cosine by less than 0.0005. Up to MOST_EXACT all
    are compared, of more those of the lists nearest to a question, unless a filter is given.
    """

    def __init__(self, record: VectorIndexRecord, rows: RowFile, lists: ListFile | None) -> None:
        self.record = record
        self._rows = rows
        self._lists = lists

    @classmethod
    def build(
        cls,
        embeddings: npt.NDArray[np.floating[Any]],
        folder: Path,
        *,
        most_exact: int = MOST_EXACT,
        most_full: int = MOST_FULL,
        ladder: Sequence[tuple[int, int]] = LADDER,
    ) -> Self:
        """Write the index of `embeddings` (n, dim), float32 or float16, into `folder` and return it as `load` does.

        Row numbers are positions in `embeddings`, which may be mapped from a file: they are read block by block. The
        same embeddings give the same bytes. Raises RecallError when no rung of the `ladder` finds enough.
        """
        folder.mkdir(parents=True, exist_ok=True)
        row_type: RowType = "float32" if len(embeddings) <= min(most_exact, most_full) else "float16"
        write_rows(folder / ROWS_FILE, embeddings, row_type)
        if len(embeddings) <= most_exact:
            record = VectorIndexRecord(_NAMES[row_type], parameters={}, recall_at_10=1.0, recall_sample=0)
        else:
            write_lists(folder / LISTS_FILE, embeddings, _LISTS * math.isqrt(len(embeddings)))
            rows = RowFile(folder / ROWS_FILE)
            record = _calibrated(rows, ListFile(folder / LISTS_FILE, rows), ladder)
        (folder / RECORD_FILE).write_bytes(RECORD.dump_json(record))
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the index in `folder`, mapped into memory. Raises ValueError when a file is missing or damaged."""
        try:
            record = RECORD.validate_json((folder / RECORD_FILE).read_bytes())
        except (OSError, ValueError) as error:
            raise ValueError(f"{folder / RECORD_FILE} is not the record of an index: {error}") from error
        if set(record.parameters) not in (set(), set(_PARAMETERS)):
            found = ", ".join(record.parameters)
            raise ValueError(f"{folder / RECORD_FILE} has the parameters {found}, expected {', '.join(_PARAMETERS)}")
        rows = RowFile(folder / ROWS_FILE)
        return cls(record, rows, ListFile(folder / LISTS_FILE, rows) if record.parameters else None)

    @property
    def size(self) -> int:
        """Return the number of rows."""
        return self._rows.size

    @property
    def dim(self) -> int:
        """Return the length of a row."""
        return self._rows.dim

    def take(self, rows: Rows) -> Embeddings:
        """Return the embeddings of `rows` as they are kept, (k, dim) float32, in the order asked for."""
        return self._rows.take(rows)

    def search(self, embedding: Embedding, count: int, allowed: Allowed | None = None) -> tuple[Rows, Scores]:
        """Return the `count` nearest rows and their cosines, best first; fewer where there are fewer.

        `allowed` says which rows may be found; the answer is exact for every mask, and without one as `record` says.
        Equal scores come in no promised order.
        """
        count = min(count, self.size if allowed is None else int(np.count_nonzero(allowed.mask)))
        if count == 0:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        if self._lists is not None and allowed is None:
            # A longer answer reads as many more lists: within the same ones it would be no neighbourhood any more.
            effort = math.ceil(count / self.record.parameters["rescored"])
            candidates = effort * self.record.parameters["rescored"]
            if candidates <= self.size * _MOST_CANDIDATES:
                lists = effort * self.record.parameters["nprobe"]
                rows, scores = self._lists.search(embedding[None, :], candidates, lists)
                if rows[0, count - 1] >= 0:
                    return rows[0, :count], scores[0, :count]
        return self._rows.scan(embedding, count, None if allowed is None else allowed.mask)

    def questions(self) -> tuple[Embeddings, Scores]:
        """Return (k, dim) questions to measure another index of these rows by, and their exact tenth best scores."""
        questions = _questions(self._rows)
        return questions, self._rows.best_scores(questions, RECALL_AT)[:, -1]

    def fault(self) -> None:
        """Return that it can be searched: it is there."""
        return

    async def during(self, work: Callable[[], T]) -> T:
        """Return what `work` does, at once and in place: it waits for nothing."""
        return work()


def recall(scores: Scores, tenth: Scores) -> float:
    """Return the share of the ten nearest rows that was found: of `scores` (k, 10) those that reach the `tenth` (k,).

    By score and not by row: texts that occur twice have equal scores, and either is a right answer.
    """
    return float(np.mean(scores >= tenth[:, None] - _SAME_SCORE))


def _calibrated(rows: RowFile, lists: ListFile, ladder: Sequence[tuple[int, int]]) -> VectorIndexRecord:
    """Return the record with the cheapest rung of the ladder that finds AIM, else the one that finds most.

    Raises RecallError when that is less than MIN_RECALL.
    """
    questions = _questions(rows)
    tenth = rows.best_scores(questions, RECALL_AT)[:, -1]
    recalls: dict[tuple[int, int], float] = {}
    for nprobe, rescored in ladder:
        _, scores = lists.search(questions, rescored, nprobe)
        recalls[nprobe, rescored] = recall(scores[:, :RECALL_AT], tenth)
        if recalls[nprobe, rescored] >= AIM:
            break
    nprobe, rescored = best = max(recalls, key=lambda rung: recalls[rung])
    name = f"{lists.description} + exact scores of float16 rows"
    if recalls[best] < MIN_RECALL:
        tried = ", ".join(f"{rung[0]} / {rung[1]}: {recall:.3f}" for rung, recall in recalls.items())
        raise RecallError(
            f"index '{name}' of {rows.size} rows finds {recalls[best]:.3f} of the ten nearest rows, expected at least "
            f"{MIN_RECALL}; tried (lists read / rows scored: recall) {tried}; check that the embeddings are those of "
            "different texts by one encoder, or raise MOST_EXACT in indexer/vectors.py so that every row is compared"
        )
    parameters = {"nlist": lists.list_count, "nprobe": min(nprobe, lists.list_count), "rescored": rescored}
    return VectorIndexRecord(name, parameters, recall_at_10=round(recalls[best], 4), recall_sample=len(questions))


def _questions(rows: RowFile) -> Embeddings:
    """Return a seeded sample of rows, each mixed with another, as (k, dim) unit rows.

    A question is no passage: it is near to several and equal to none. A row as it is finds itself and the middle of a
    list, so its recall flatters; .8 of a row and .6 of another are as far from both as questions are from passages.
    """
    generator = np.random.default_rng(0)
    sample = generator.choice(rows.size, min(_SAMPLE, rows.size), replace=False)
    others = generator.choice(rows.size, len(sample))
    return unit_rows(0.8 * rows.take(sample) + 0.6 * rows.take(others))
