"""Turn a practice into the practices related to it: by substance, each with its reason, and none said twice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.encoder import Embedding, Embeddings, unit_rows
from indexer.half_floats import as_float32
from indexer.passages import lexical_text
from indexer.practice import Practice, field_values
from indexer.scoring import SAME_FROM
from indexer.vectors import Allowed
from service.explain import Explanation, sentence_span, shared_values
from service.limits import Mode
from service.retriever import Hit, Retriever

MOST_RELATED = 300
"""Practices that are put in order, once for all pages; the pages behind them are empty.

A number that grew with the page would change the order from page to page, and cost its square in time and memory.
"""

RELEVANCE_WEIGHT = 0.7
"""Weight of relatedness beside novelty in the mode `diverse`, the usual starting value of MMR."""

_SHARING_FIELD = {"same-approach": "approaches", "same-target-group": "target_groups"}

Similarities = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RelatedHit:
    """A practice related to another one, why, and the ids of practices that say the same as it.

    In the explanation `answers` is a stretch of the seed's text.
    """

    hit: Hit
    explanation: Explanation
    same_as: tuple[str, ...]


def related(retriever: Retriever, practice_id: str, *, mode: Mode, top_k: int, page: int = 1) -> list[RelatedHit]:
    """Return page `page` (from 1) of the practices related to one, `top_k` a page; itself is never among them.

    The order is the same for all pages: together they hold each of the `MOST_RELATED` nearest practices once, as a hit
    or in its `same_as`. Raises UnknownPracticeError.
    """
    row = retriever.row(practice_id)
    seed = retriever.practice(practice_id)
    embedding = _seed_embedding(retriever, row)
    text = lexical_text(seed, retriever.release.parts.vocabulary)
    hits = retriever.like(text, embedding, top_k=MOST_RELATED, allowed=_allowed(retriever, row, mode))
    groups = _without_repeats(hits, _likeness(retriever, hits))
    if mode == "diverse":
        groups = _diverse(groups, _likeness(retriever, [group[0] for group in groups]))
    shown = list(enumerate(groups, start=1))[(page - 1) * top_k : page * top_k]
    return [
        RelatedHit(
            hit=Hit(rank, group[0].score, None, group[0].practice, group[0].row),
            explanation=_explanation(retriever, seed, group[0]),
            same_as=tuple(hit.practice.id for hit in group[1:]),
        )
        for rank, group in shown
    ]


def _allowed(retriever: Retriever, row: int, mode: Mode) -> Allowed:
    parts = retriever.release.parts
    seed = parts.practices[row]
    conditions: dict[str, Sequence[str]] = {}
    if mode in _SHARING_FIELD:
        field = _SHARING_FIELD[mode]
        conditions[field] = field_values(seed, field)
    elif mode == "other-country":
        others = [country for country in parts.facets.values("country") if country != seed.country]
        conditions["country"] = others if seed.country else ()
    mask = np.ones(len(parts.practices), dtype=np.bool_)
    for field, values in conditions.items():
        mask &= parts.facets.having(field, values)
    mask[row] = False
    return Allowed(mask, conditions, but=row)


def _seed_embedding(retriever: Retriever, row: int) -> Embedding:
    telling = retriever.scorer.telling_sentences(row)
    sentences = as_float32(retriever.release.parts.sentence_embeddings.take(telling))
    mean = unit_rows(sentences.mean(axis=0, keepdims=True))
    seed: Embedding = unit_rows(mean + retriever.scorer.first_windows(np.array([row])))[0]
    return seed


def _likeness(retriever: Retriever, hits: Sequence[Hit]) -> Similarities:
    if not hits:
        return np.empty((0, 0), dtype=np.float32)
    rows: Embeddings = retriever.scorer.first_windows(np.array([hit.row for hit in hits]))
    return rows @ rows.T


def _without_repeats(hits: Sequence[Hit], likeness: Similarities) -> list[list[Hit]]:
    """Return the hits in order, each with those behind it that say the same as it."""
    is_same = likeness >= SAME_FROM
    is_first = np.zeros(len(hits), dtype=np.bool_)
    groups: dict[int, list[Hit]] = {}
    for at, hit in enumerate(hits):
        firsts = np.flatnonzero(is_same[at] & is_first)
        is_first[at] = not len(firsts)
        groups.setdefault(at if is_first[at] else int(firsts[0]), []).append(hit)
    return list(groups.values())


def _diverse(groups: list[list[Hit]], likeness: Similarities) -> list[list[Hit]]:
    """Return the groups in the order of maximal marginal relevance (Carbonell and Goldstein, 1998)."""
    relevance = RELEVANCE_WEIGHT * np.array([group[0].score for group in groups])
    nearest = np.zeros(len(groups), dtype=np.float32)
    left, order = np.ones(len(groups), dtype=np.bool_), list[int]()
    while left.any():
        values = np.where(left, relevance - (1 - RELEVANCE_WEIGHT) * nearest, -np.inf)
        at = int(values.argmax())
        nearest = np.maximum(nearest, likeness[at]) if order else likeness[at]
        left[at] = False
        order.append(at)
    return [groups[at] for at in order]


def _explanation(retriever: Retriever, seed: Practice, hit: Hit) -> Explanation:
    """Return the sentences of two practices that are nearest to each other and to what both practices are about."""
    parts, scorer = retriever.release.parts, retriever.scorer
    of_hit, of_seed = scorer.telling_sentences(hit.row), scorer.telling_sentences(retriever.row(seed.id))
    hit_rows, seed_rows = (as_float32(parts.sentence_embeddings.take(places)) for places in (of_hit, of_seed))
    both = scorer.first_windows(np.array([hit.row, retriever.row(seed.id)])).sum(axis=0)
    likeness = hit_rows @ seed_rows.T + (hit_rows @ both)[:, None] + (seed_rows @ both)[None, :]
    at, answers = divmod(int(likeness.argmax()), len(of_seed))
    return Explanation(
        sentence=sentence_span(parts, hit.practice, int(of_hit[at])),
        answers=sentence_span(parts, seed, int(of_seed[answers])),
        shared=shared_values(seed, hit.practice, parts.vocabulary),
    )
