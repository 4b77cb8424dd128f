"""Turn releases into collections of a Milvus, one each, and say which one answers: by an alias."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import pairwise
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from indexer.encoder import Embeddings
from indexer.facets import FACET_FIELDS, FacetColumns
from indexer.milvus_connection import MilvusConnection
from indexer.milvus_vectors import EMBEDDING, PRACTICE, WINDOW, MilvusVectors, search_parameters
from indexer.parts import Parts
from indexer.release import Release
from indexer.release_files import VECTORS_FOLDER, ReleaseError
from indexer.vectors import (
    AIM,
    MIN_RECALL,
    MOST_EXACT,
    RECALL_AT,
    RECORD,
    RecallError,
    Scores,
    VectorIndex,
    VectorIndexRecord,
    recall,
)

if TYPE_CHECKING:
    from pymilvus import CollectionSchema, MilvusClient

ALIAS = "practices_current"
"""What other programs may call the collection of the current release."""

LADDER = (400, 800, 1_600, 3_200, 6_400)
"""Candidates that an HNSW index keeps while it looks; the retriever asks for 400 rows first."""

_GRAPH: Mapping[str, int] = {"M": 16, "efConstruction": 200}  # what the authors of hnswlib advise to begin with
_SECONDS = 600.0  # what one step of making a collection may take: an index of millions of rows
_BLOCK_BYTES = 4_000_000  # of embeddings in one request; a server takes 64 MB, and holds several at once
_RELEASE, _ENCODER, _MEASURED = "practices.release", "practices.encoder", "practices.record"


class MilvusCollections:
    """The collections of the releases in one database of a Milvus, which answers for no other folder of releases.

    Up to `most_exact` windows are all compared; more get an HNSW index, with as much effort as it takes.
    """

    def __init__(self, connection: MilvusConnection, *, most_exact: int = MOST_EXACT) -> None:
        self._connection = connection
        self._most_exact = most_exact

    def hold(self, release: Release) -> None:
        """Make sure that there is the collection of a release; one that is not as it should be is made again.

        Raises AwayError, RecallError.
        """
        if self._faults(release):
            self.remove([release.manifest.release_id])
            self._make(release)

    def opened(self, release: Release) -> Release:
        """Return a release whose vectors Milvus searches. Raises AwayError, and ReleaseError where it cannot."""
        faults = self._faults(release)
        name = _name(release.manifest.release_id)
        if faults:
            raise ReleaseError(
                f"collection {name} of Milvus at {self._connection.place} is not that of release "
                f"{release.manifest.release_id}; make it with `practices index` or `practices activate`:\n  "
                + "\n  ".join(faults)
            )
        record = RECORD.validate_json(self._properties(name)[_MEASURED])
        index = VectorIndex.load(release.folder / VECTORS_FOLDER)
        vectors = MilvusVectors(index, release.parts.facets, self._connection, name, record)
        return replace(release, parts=replace(release.parts, vectors=vectors))

    def let_answer(self, release: Release) -> None:
        """Make sure of the same, and point the alias at it, in one step. Raises AwayError, RecallError."""
        self.hold(release)
        self._connection.ask(partial(_point, name=_name(release.manifest.release_id)))

    def remove(self, release_ids: Sequence[str]) -> None:
        """Remove the collections of releases, as far as there are any. Raises AwayError."""
        for release_id in release_ids:
            self._connection.ask(partial(_drop, name=_name(release_id)))

    def _faults(self, release: Release) -> list[str]:
        """Return how the collection of a release differs from its manifest; it is loaded where it is complete."""
        manifest, name = release.manifest, _name(release.manifest.release_id)
        if not self._connection.ask(methodcaller("has_collection", name)):
            return ["there is none"]
        properties = self._properties(name)
        if not _is_record(properties.get(_MEASURED, "")):
            return ["it is not complete"]
        self._connection.ask(methodcaller("load_collection", name, timeout=_SECONDS))
        pairs = (
            ("release", properties.get(_RELEASE), manifest.release_id),
            ("encoder", properties.get(_ENCODER), manifest.encoder.identity),
            ("windows", self._count(name), manifest.counts.windows),
        )
        return [f"{what}: {found}, the manifest says {said}" for what, found, said in pairs if found != said]

    def _make(self, release: Release) -> None:
        manifest, name = release.manifest, _name(release.manifest.release_id)
        index = VectorIndex.load(release.folder / VECTORS_FOLDER)
        identity = {_RELEASE: manifest.release_id, _ENCODER: manifest.encoder.identity}
        ask = self._connection.ask
        ask(partial(_create, name=name, parts=release.parts, properties=identity))
        for rows in _rows(release.parts, index):
            ask(methodcaller("insert", name, rows, timeout=_SECONDS))
        parameters = _GRAPH if index.size > self._most_exact else {}
        ask(methodcaller("flush", name, timeout=_SECONDS))
        ask(partial(_index, name=name, parameters=parameters))
        ask(methodcaller("load_collection", name, timeout=_SECONDS))
        measured = {_MEASURED: RECORD.dump_json(self._measured(name, index, parameters)).decode()}
        ask(methodcaller("alter_collection_properties", name, measured))

    def _measured(self, name: str, index: VectorIndex, parameters: Mapping[str, int]) -> VectorIndexRecord:
        """Return the record with the least effort that finds AIM, else the most. Raises RecallError."""
        if not parameters:
            return VectorIndexRecord("Milvus FLAT, exact", parameters={}, recall_at_10=1.0, recall_sample=0)
        questions, tenth = index.questions()
        for effort in LADDER:
            record = VectorIndexRecord("Milvus HNSW", {**parameters, "ef": effort}, 1.0, len(questions))
            found = self._connection.ask(partial(_best_scores, name=name, questions=questions, record=record))
            record = replace(record, recall_at_10=round(recall(found, tenth), 4))
            if record.recall_at_10 >= AIM:
                break
        if record.recall_at_10 < MIN_RECALL:
            raise RecallError(
                f"collection {name} of {index.size} rows finds {record.recall_at_10} of the ten nearest rows with "
                f"{LADDER[-1]} candidates, expected at least {MIN_RECALL}; let the release itself be searched "
                "(PRACTICES_VECTORS=faiss), or raise MOST_EXACT in indexer/vectors.py so that every row is compared"
            )
        return record

    def _properties(self, name: str) -> Mapping[str, str]:
        described = self._connection.ask(methodcaller("describe_collection", name))
        properties: Mapping[str, str] = described["properties"]
        return properties

    def _count(self, name: str) -> int:
        count = methodcaller("query", name, output_fields=["count(*)"], consistency_level="Strong")
        [found] = self._connection.ask(count)
        return int(found["count(*)"])


def _name(release_id: str) -> str:
    return f"practices_{release_id}"


def _is_record(text: str) -> bool:
    with suppress(ValidationError):
        return bool(RECORD.validate_json(text))
    return False


def _drop(client: "MilvusClient", name: str) -> None:
    """Remove a collection; newer servers refuse to remove one that has an alias."""
    if client.has_collection(name):
        for alias in client.list_aliases(name)["aliases"]:
            client.drop_alias(alias)
        client.drop_collection(name)


def _point(client: "MilvusClient", name: str) -> None:
    is_there = ALIAS in client.list_aliases()["aliases"]
    (client.alter_alias if is_there else client.create_alias)(name, ALIAS)


def _create(client: "MilvusClient", name: str, parts: Parts, properties: Mapping[str, str]) -> None:
    """Make an empty collection; once it is complete nothing of it changes, so no search has to wait for changes."""
    client.create_collection(
        name, schema=_schema(client, parts), consistency_level="Eventually", properties=dict(properties)
    )


def _schema(client: "MilvusClient", parts: Parts) -> "CollectionSchema":
    from pymilvus import DataType  # noqa: PLC0415

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field(WINDOW, DataType.INT64, is_primary=True)
    schema.add_field(PRACTICE, DataType.INT64)
    for field in FACET_FIELDS:
        bounds, _ = parts.facets.of_practices(field)
        most = max(1, int(np.diff(bounds).max(initial=0)))
        schema.add_field(field, DataType.ARRAY, element_type=DataType.INT32, max_capacity=most)
    schema.add_field(EMBEDDING, DataType.FLOAT_VECTOR, dim=parts.vectors.dim)
    return schema


def _rows(parts: Parts, index: VectorIndex) -> Iterator[list[dict[str, Any]]]:
    """Yield all windows, block by block, as Milvus takes them: with the values of their practices, by place."""
    values = {field: _lists(parts.facets, field) for field in FACET_FIELDS}
    block = max(1, _BLOCK_BYTES // (4 * index.dim))
    for start in range(0, index.size, block):
        windows = np.arange(start, min(start + block, index.size))
        owners = parts.windows.owners(windows).tolist()
        yield [
            {WINDOW: window, PRACTICE: owner, EMBEDDING: embedding}
            | {field: of_practice[owner] for field, of_practice in values.items()}
            for window, owner, embedding in zip(windows.tolist(), owners, index.take(windows), strict=True)
        ]


def _lists(columns: FacetColumns, field: str) -> list[list[int]]:
    bounds, places = columns.of_practices(field)
    return [places[start:end].tolist() for start, end in pairwise(bounds.tolist())]


def _index(client: "MilvusClient", name: str, parameters: Mapping[str, int]) -> None:
    """Let every row be compared, or where there are parameters make the graph of them; wait until that is done."""
    wanted = client.prepare_index_params()
    wanted.add_index(EMBEDDING, index_type="HNSW" if parameters else "FLAT", metric_type="IP", params=dict(parameters))
    client.create_index(name, wanted, timeout=_SECONDS)


def _best_scores(client: "MilvusClient", name: str, questions: Embeddings, record: VectorIndexRecord) -> Scores:
    found = client.search(
        name, list(questions), limit=RECALL_AT, search_params=search_parameters(record, RECALL_AT), timeout=_SECONDS
    )
    scores = np.full((len(questions), RECALL_AT), -np.inf, dtype=np.float32)  # a poor graph does not lead to ten rows
    for row, hits in zip(scores, found, strict=True):
        row[: len(hits)] = [hit["distance"] for hit in hits]
    return scores
