"""Turn a long description of a problem into its aspects, and into the few practices that cover them together."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

import numpy as np
import numpy.typing as npt

from indexer.encoder import Embeddings, unit_rows
from indexer.parts import ROLES
from indexer.question import Part, Question
from service.filters import NO_FILTERS, Filters
from service.retriever import Hit, Retriever

PRACTICES_AN_ASPECT = 5
"""Hits of each aspect, the practices from which the smallest covering set is chosen."""

COVERED_FROM = 0.25
"""Confidence from which a practice addresses an aspect; chosen on data/qrels/problems.jsonl."""

LARGEST_SET = 4
"""Practices that a covering set may have."""

ENOUGH = 0.8
"""Share of what the largest set is expected to address; .8 chosen on data/qrels/problems.jsonl.

Counting the aspects that one practice of a set surely addresses met fewer needs there than as many plain hits did.
"""

SAME_NEED_FROM = 0.4
"""Likeness from which two parts of a text speak of the same need; chosen on data/qrels/problems.jsonl."""

_CONTEXT = 0.5  # weight of the whole text in an aspect's embedding: a part alone often does not say what it is about
_PROFILE_WEIGHT = 0.6  # of which practices the parts bring up, beside the likeness of the parts themselves
_NEIGHBOUR_BONUS = 0.2  # for parts that follow one another, less by a factor of e for each part between them
_MAX_COMPARED = 2_000  # practices whose scores make a profile
_MOST_TRIED = 12  # practices, the first in the order of coverage, that sets are made of: 793 sets
_CONFIDENCE_DIGITS = 4  # rounded before anything is decided by it, so that an answer agrees with what it shows

Likeness = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Aspect:
    """One need within a problem: its parts in order, the role of each (None: not known), and its best practices."""

    parts: tuple[Part, ...]
    roles: tuple[str | None, ...]
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which practice addresses which aspect.

    `confidence[p][a]` is that of practice p of `practice_ids` for aspect a. `smallest_set` holds the fewest practices
    that together are expected to address `ENOUGH` of what the best `LARGEST_SET` would.
    """

    practice_ids: tuple[str, ...]
    confidence: tuple[tuple[float, ...], ...]
    smallest_set: tuple[str, ...]

    def addresses(self, practice: int, aspect: int) -> bool:
        """Say whether a practice addresses an aspect."""
        return self.confidence[practice][aspect] >= COVERED_FROM


def find_aspects(
    retriever: Retriever,
    question: Question,
    embeddings: Embeddings,
    topic: float | None,
    *,
    filters: Filters = NO_FILTERS,
) -> list[Aspect]:
    """Return the aspects of a question in the order of the text; none of a short one.

    `embeddings` (k, dim) are those of `question.encoder_texts`, `topic` are its log-odds to be on the topic. Parts that
    only greet or set the scene belong to no aspect. The practices of each aspect pass `filters`.
    """
    if not question.parts:
        return []
    rows = embeddings[1:]
    roles = _roles(retriever, rows)
    telling = [at for at, role in enumerate(roles) if role != "other"] or list(range(len(roles)))
    groups = grouped(_likeness(retriever, rows[telling], telling))
    aspects = []
    for group in groups:
        members = [telling[at] for at in group]
        parts = [question.parts[at] for at in members]
        embedding = _CONTEXT * embeddings[0] + (1 - _CONTEXT) * rows[members].mean(axis=0)
        hits = retriever.rank_part(
            question, _joined(parts), embedding, topic, top_k=PRACTICES_AN_ASPECT, filters=filters
        )
        aspects.append(Aspect(tuple(parts), tuple(roles[at] for at in members), tuple(hits)))
    return aspects


def grouped(likeness: Likeness) -> list[list[int]]:
    """Return groups of items (n, n) in the order of their first members.

    Agglomerative clustering with average linkage: the two groups that are most alike on average are joined as long as
    they reach `SAME_NEED_FROM`.
    """
    groups = [[item] for item in range(len(likeness))]
    while len(groups) > 1:
        pairs = list(combinations(range(len(groups)), 2))
        means = [likeness[np.ix_(groups[one], groups[other])].mean() for one, other in pairs]
        best = int(np.argmax(means))
        if means[best] < SAME_NEED_FROM:
            break
        one, other = pairs[best]
        groups[one] = sorted(groups[one] + groups.pop(other))
    return sorted(groups)


def coverage(aspects: Sequence[Aspect]) -> Coverage:
    """Return which of the aspects' practices addresses which of them; a practice not among an aspect's hits does not.

    Practices are ordered by how many aspects they address, then by their confidence in all, then by id.
    """
    confidences: dict[str, list[float]] = {}
    for at, aspect in enumerate(aspects):
        for hit in aspect.hits:
            confidence = round(hit.confidence or 0.0, _CONFIDENCE_DIGITS)
            confidences.setdefault(hit.practice.id, [0.0] * len(aspects))[at] = confidence
    order = sorted(confidences, key=lambda one: (-_addressed(confidences[one]), -sum(confidences[one]), one))
    rows = tuple(tuple(confidences[one]) for one in order)
    return Coverage(tuple(order), rows, _smallest_set(order, confidences))


def _smallest_set(order: Sequence[str], confidences: dict[str, list[float]]) -> tuple[str, ...]:
    """Return the smallest set that is expected to address enough; all sets are tried, for there are few."""
    useful = [one for one in order if _addressed(confidences[one])][:_MOST_TRIED]

    def expected(chosen: Sequence[str]) -> float:
        """Return how many aspects the chosen practices address in the mean, were they independent of each other."""
        columns = zip(*(confidences[one] for one in chosen), strict=True)
        return sum((1 - prod((1 - value for value in column), start=1.0) for column in columns), start=0.0)

    best = [max(combinations(useful, size), key=expected) for size in range(1, min(LARGEST_SET, len(useful)) + 1)]
    return next((chosen for chosen in best if expected(chosen) >= ENOUGH * expected(best[-1])), ())


def _addressed(row: Sequence[float]) -> int:
    return sum(value >= COVERED_FROM for value in row)


def _roles(retriever: Retriever, embeddings: Embeddings) -> list[str | None]:
    head = retriever.release.parts.role_head
    if head is None:
        return [None] * len(embeddings)
    return [ROLES[int(at)] for at in head.logits(embeddings).argmax(axis=1)]


def _likeness(retriever: Retriever, embeddings: Embeddings, places: Sequence[int]) -> Likeness:
    """Return how surely each two parts (n, n) speak of the same need: they bring up the same practices, and are near.

    `places` says where the parts stand in the text.
    """
    centred = np.stack([retriever.scorer.centred(row) for row in embeddings])
    size = len(retriever.release.parts.practices)
    some = np.arange(0, size, -(-size // _MAX_COMPARED))
    scores = retriever.scorer.dense_of_many(some, centred)
    profiles = unit_rows(scores - scores.mean(axis=1, keepdims=True))
    gaps = np.abs(np.subtract.outer(places, places))
    likeness: Likeness = (
        _PROFILE_WEIGHT * (profiles @ profiles.T)
        + (1 - _PROFILE_WEIGHT) * (centred @ centred.T)
        + _NEIGHBOUR_BONUS * np.exp(1.0 - gaps)
    )
    return likeness


def _joined(parts: Sequence[Part]) -> Part:
    glosses = tuple(dict.fromkeys(gloss for part in parts for gloss in part.glosses))
    return Part(parts[0].start, parts[-1].end, " ".join(part.text for part in parts), glosses)
