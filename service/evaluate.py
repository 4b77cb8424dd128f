"""Turn a retriever and a judged collection into measures; ir-measures computes them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import ir_measures
import numpy as np
from ir_measures import RR, P, R, nDCG

from indexer.encoder import Embeddings, Encoder
from service.collection import Collection, JudgedQuery, Qrels
from service.retriever import Retriever

MEASURES = (nDCG @ 10, R @ 100, RR @ 10, P @ 1)
DEPTH = 100
"""Hits kept for each query: R@100 needs so many."""

TRANSLATION = "translation"

Run = Mapping[str, Mapping[str, float]]
"""Query id -> practice id -> score, higher is better."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The mean of each measure over the judged queries of a group; a query without hits counts as 0."""

    group: str
    queries: int
    values: Mapping[str, float]


def search_all(queries: Sequence[JudgedQuery], retriever: Retriever, encoder: Encoder) -> Run:
    """Return the best hits for every query; the text of all queries is encoded together."""
    questions = [retriever.understand(query.text) for query in queries]
    embeddings = encoder.encode_queries([question.encoder_text for question in questions])
    run = {}
    for query, question, embedding in zip(queries, questions, embeddings, strict=True):
        hits = retriever.search(question, embedding, top_k=DEPTH)
        run[query.query_id] = {hit.practice.id: hit.score for hit in hits}
    return run


def search_all_plain(collection: Collection, encoder: Encoder, embeddings: Embeddings) -> Run:
    """Return the best hits as encoders are commonly measured: by the plain cosine of one embedding a practice."""
    practice_ids = [practice.id for practice in collection.source.practices]
    scores = encoder.encode_queries([query.text for query in collection.queries]) @ embeddings.T
    best = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
    return {
        query.query_id: {practice_ids[column]: float(row[column]) for column in columns}
        for query, row, columns in zip(collection.queries, scores, best, strict=True)
    }


def measure(collection: Collection, run: Run) -> list[Measurement]:
    """Return one measurement over all judged queries, then one for each kind, and for each language a kind is in."""
    values = _values_by_query(collection.qrels, run)
    groups: dict[str, list[str]] = defaultdict(list)
    for query in collection.queries:
        if query.query_id in collection.qrels:
            for group in _groups(query):
                groups[group].append(query.query_id)
    return [
        Measurement(
            group=group,
            queries=len(query_ids),
            values={
                str(one): sum(values[query_id][str(one)] for query_id in query_ids) / len(query_ids) for one in MEASURES
            },
        )
        for group, query_ids in groups.items()
    ]


def _groups(query: JudgedQuery) -> Iterator[str]:
    """Yield the groups of a query; translations repeat other questions, so they are groups of their own by language."""
    if query.kind == TRANSLATION:
        yield f"{TRANSLATION} {query.language}"
        return
    yield "all"
    if query.kind:
        yield f"kind {query.kind}"


def _values_by_query(qrels: Qrels, run: Run) -> Mapping[str, Mapping[str, float]]:
    """Return query id -> measure -> value for every judged query, 0 where the run has no hit for it."""
    values: dict[str, dict[str, float]] = {query_id: dict.fromkeys(map(str, MEASURES), 0.0) for query_id in qrels}
    plain_qrels = {query_id: dict(grades) for query_id, grades in qrels.items()}
    plain_run = {query_id: dict(scores) for query_id, scores in run.items() if query_id in qrels and scores}
    for metric in ir_measures.iter_calc(MEASURES, plain_qrels, plain_run):
        values[metric.query_id][str(metric.measure)] = metric.value
    return values
