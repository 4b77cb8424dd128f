"""Turn a retriever and a judged collection into measures; ir-measures computes them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple, TypeVar

import ir_measures
import numpy as np
from ir_measures import RR, P, R, nDCG

from indexer.encoder import Embeddings, Encoder
from service.collection import Collection, JudgedQuery
from service.retriever import Retriever

MEASURES = (nDCG @ 10, R @ 100, RR @ 10, P @ 1)
MAIN_MEASURE = str(nDCG @ 10)
"""The measure by which languages and legs are compared."""

DEPTH = 100
"""Hits kept for each query: R@100 needs so many."""

Run = Mapping[str, Mapping[str, float]]
"""Query id -> practice id -> score, higher is better."""

Values = Mapping[str, float]
"""Measure -> value, or the mean of it."""

LANGUAGE, TRANSLATION = "language", "translation"
_FAMILIES = ("all", "kind", "held-out", "held-out kind", LANGUAGE, TRANSLATION)

Value = TypeVar("Value", int, float)


class Group(NamedTuple):
    """Questions that are measured together: a family of groups, and which of its groups, empty if it has one."""

    family: str
    name: str = ""

    def __str__(self) -> str:
        """Return the name that a report shows, such as 'kind need'."""
        return f"{self.family} {self.name}".rstrip()


@dataclass(frozen=True, slots=True)
class Measurement:
    """The mean of each measure over the judged queries of a group; a query without hits counts as 0.

    `to_english` is its nDCG@10 less that of the English group of its family: below 0 the language is served worse. It
    is None where there is nothing to compare: outside the groups by language, and where there is no English group.
    """

    group: str
    queries: int
    values: Values
    to_english: float | None = None


def search_all(queries: Sequence[JudgedQuery], retriever: Retriever, encoder: Encoder) -> Run:
    """Return the best hits for every query; the text of all queries is encoded together."""
    questions = [retriever.understand(query.text) for query in queries]
    embeddings = encoder.encode_queries([question.whole.encoder_text for question in questions])
    run = {}
    for query, question, embedding in zip(queries, questions, embeddings, strict=True):
        hits = retriever.rank(question, embedding[None, :], top_k=_depth(query))
        run[query.query_id] = {hit.practice.id: hit.score for hit in hits}
    return run


def search_all_plain(collection: Collection, encoder: Encoder, embeddings: Embeddings) -> Run:
    """Return the best hits as encoders are commonly measured: by the plain cosine of one embedding a practice."""
    practice_ids = [practice.id for practice in collection.source.practices]
    scores = encoder.encode_queries([query.text for query in collection.queries]) @ embeddings.T
    best = np.argsort(-scores, axis=1, kind="stable")
    return {
        query.query_id: {practice_ids[column]: float(row[column]) for column in columns[: _depth(query)]}
        for query, row, columns in zip(collection.queries, scores, best, strict=True)
    }


def measure(collection: Collection, run: Run) -> list[Measurement]:
    """Return one measurement a group of judged queries.

    `all` and `kind X` are the questions used for tuning, without translations; `held-out` and `held-out kind X` the
    others. `language X` is every question in a language; `translation X` the translations into it, where `translation
    en` is the questions that they were made from: the only groups that ask the same in each language.
    """
    values = values_by_query(collection, run)
    bases = {query.base for query in collection.queries}
    groups: dict[Group, list[Values]] = defaultdict(list)
    for query in collection.queries:
        if query.query_id in values:
            for group in _groups(query, is_base=query.query_id in bases):
                groups[group].append(values[query.query_id])
    means = {group: mean_values(groups[group]) for group in sorted(groups, key=_place)}
    return [
        Measurement(str(group), len(groups[group]), values=mean, to_english=_to_english(group, means))
        for group, mean in means.items()
    ]


def values_by_query(collection: Collection, run: Run) -> Mapping[str, Values]:
    """Return query id -> measure -> value for every judged query, 0 where the run has no hit for it.

    A query's seed counts neither as a hit nor as a judgement.
    """
    judged = [query for query in collection.queries if query.query_id in collection.qrels]
    qrels = {query.query_id: _without_seed(query, collection.qrels[query.query_id]) for query in judged}
    found = {query.query_id: _without_seed(query, run.get(query.query_id, {})) for query in judged}
    values: dict[str, dict[str, float]] = {query_id: dict.fromkeys(map(str, MEASURES), 0.0) for query_id in qrels}
    not_empty = {query_id: scores for query_id, scores in found.items() if scores}
    for metric in ir_measures.iter_calc(MEASURES, qrels, not_empty):
        values[metric.query_id][str(metric.measure)] = metric.value
    return values


def mean_values(values: Iterable[Values]) -> Values:
    """Return the mean of each measure over some queries, one at least."""
    rows = list(values)
    return {str(one): fmean(row[str(one)] for row in rows) for one in MEASURES}


def _depth(query: JudgedQuery) -> int:
    """Return how many hits to keep: one more where one of them will be the query's seed."""
    return DEPTH + 1 if query.seed_id else DEPTH


def _without_seed(query: JudgedQuery, by_practice: Mapping[str, Value]) -> dict[str, Value]:
    return {practice_id: value for practice_id, value in by_practice.items() if practice_id != query.seed_id}


def _groups(query: JudgedQuery, *, is_base: bool) -> Iterator[Group]:
    """Yield the groups of a query. Translations repeat other questions, so they count only by language."""
    if query.language:
        yield Group(LANGUAGE, query.language)
    if query.base or is_base:
        yield Group(TRANSLATION, query.language)
    if query.base:
        return
    yield Group("held-out" if query.is_held_out else "all")
    if query.kind:
        yield Group("held-out kind" if query.is_held_out else "kind", query.kind)


def _place(group: Group) -> tuple[int, str]:
    return _FAMILIES.index(group.family), group.name


def _to_english(group: Group, means: Mapping[Group, Values]) -> float | None:
    english = means.get(Group(group.family, "en"))
    if group.family not in (LANGUAGE, TRANSLATION) or english is None:
        return None
    return means[group][MAIN_MEASURE] - english[MAIN_MEASURE]
