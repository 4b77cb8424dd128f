"""Turn a question into the rows that a Milvus finds nearest, with the scores that the release itself gives them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from indexer.columns import Rows
from indexer.encoder import Embedding, Embeddings
from indexer.facets import FacetColumns
from indexer.milvus_connection import SECONDS, MilvusConnection
from indexer.vectors import MOST_EXACT, Allowed, AwayError, Scores, VectorIndex, VectorIndexRecord

if TYPE_CHECKING:
    from pymilvus import MilvusClient

T = TypeVar("T")

WINDOW = "window"
PRACTICE = "practice"
EMBEDDING = "embedding"
"""Names of fields; those of the facets are called as in `FACET_FIELDS`."""

MOST_ASKED = 16_384
"""Rows that a Milvus returns at most."""

_SCANNED_SHARE = 0.25
"""Share of rows up to which a filter is left to the release where Milvus is not exact.

The graph of Milvus 2.3.5 finds 1.0 of the ten nearest of 60,000 rows where half of them pass, .976 where a tenth does,
and .978 with four times the effort: what does not pass cuts ways through it off.
"""

_EFFORT = "ef"  # the only parameter of an HNSW index that is given with a question


class MilvusVectors:
    """The vectors of a release of which a Milvus holds a copy, and searches it; `index` is that of the release.

    What Milvus finds gets its exact scores from the rows of the release. These are also compared, without Milvus, where
    more than `MOST_ASKED` are asked for, and where Milvus is not exact and a filter lets only `most_scanned` of them
    pass, or a small share: an approximate index finds too few of those.
    """

    def __init__(
        self,
        index: VectorIndex,
        columns: FacetColumns,
        connection: MilvusConnection,
        collection: str,
        record: VectorIndexRecord,
        *,
        most_scanned: int = MOST_EXACT,
    ) -> None:
        self.record = record
        self._index = index
        self._columns = columns
        self._connection = connection
        self._collection = collection
        self._most_scanned = max(most_scanned, int(_SCANNED_SHARE * index.size)) if record.parameters else 0

    @property
    def size(self) -> int:
        """Return the number of rows."""
        return self._index.size

    @property
    def dim(self) -> int:
        """Return the length of a row."""
        return self._index.dim

    def take(self, rows: Rows) -> Embeddings:
        """Return the embeddings of `rows` as the release keeps them, (k, dim) float32, in the order asked for."""
        return self._index.take(rows)

    def search(self, embedding: Embedding, count: int, allowed: Allowed | None = None) -> tuple[Rows, Scores]:
        """Return the `count` nearest rows and their cosines, best first; fewer where fewer are allowed.

        Equal scores come in no promised order. Raises AwayError.
        """
        passing = self.size if allowed is None else int(np.count_nonzero(allowed.mask))
        count = min(count, passing)
        is_scanned = allowed is not None and passing <= self._most_scanned
        if count == 0 or count > MOST_ASKED or is_scanned:
            return self._index.search(embedding, count, allowed)
        rows = self._candidates(embedding, count, allowed)
        if len(rows) < count:
            return self._index.search(embedding, count, allowed)
        scores = self.take(rows) @ embedding.astype(np.float32)
        order = np.argsort(-scores, kind="stable")[:count]
        return rows[order], scores[order]

    def fault(self) -> str | None:
        """Return why Milvus cannot be asked now, None where it can."""
        try:
            state = self._connection.ask(lambda client: client.get_load_state(self._collection, timeout=SECONDS))
        except AwayError as error:
            return str(error)
        name = state["state"].name
        return None if name == "Loaded" else f"collection {self._collection} of Milvus is not loaded but {name}"

    async def during(self, work: Callable[[], T]) -> T:
        """Return what `work` does, which searches, in another thread: the loop goes on while it waits."""
        return await self._connection.during(work)

    def _candidates(self, embedding: Embedding, count: int, allowed: Allowed | None) -> Rows:
        """Return at least `count` rows, or fewer where Milvus finds no more.

        An approximate index is asked for all that it looked at: for fewer, with a filter, it looks less far.
        """
        condition = "" if allowed is None else expression(allowed, self._columns)
        wanted = max(count, self.record.parameters.get(_EFFORT, 0))

        def search(client: "MilvusClient") -> list[list[Any]]:
            found: list[list[Any]] = client.search(
                self._collection,
                [embedding.astype(np.float32)],
                filter=condition,
                limit=wanted,
                output_fields=[WINDOW],
                search_params=search_parameters(self.record, wanted),
                timeout=SECONDS,
            )
            return found

        [hits] = self._connection.ask(search)
        return np.array([hit[WINDOW] for hit in hits], dtype=np.int64)


def expression(allowed: Allowed, columns: FacetColumns) -> str:
    """Return the Milvus expression of what may be found.

    It names values by their places among all of a field, so that no text of a catalogue or of a request is in it.
    """
    conditions = [
        f"array_contains_any({field}, {columns.places(field, values)})" for field, values in allowed.conditions.items()
    ]
    if allowed.but is not None:
        conditions.append(f"{PRACTICE} != {allowed.but}")
    return " and ".join(conditions)


def search_parameters(record: VectorIndexRecord, count: int) -> dict[str, Any]:
    """Return what Milvus is asked with for `count` rows: as many candidates as `record` says, or as are asked for."""
    effort = {_EFFORT: max(count, record.parameters[_EFFORT])} if record.parameters else {}
    return {"metric_type": "IP", "params": effort}
