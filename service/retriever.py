"""Turn a question and its embeddings into hits: candidates of three legs, ranked by one score."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache, cachedmethod

from indexer.encoder import Embedding, Embeddings, unit_rows
from indexer.fusion import fused
from indexer.names import NOBODY, Called
from indexer.practice import Practice
from indexer.question import Part, Question, understand
from indexer.release import Release
from indexer.scoring import Scorer, called_at
from indexer.themes import THEME_FIELDS, Theme, themes_of
from indexer.vectors import Allowed, Rows, Scores
from service.confidence import Confidence, Verdict
from service.filters import NO_FILTERS, FacetTable, Filters
from service.salted_hash import SaltedHash
from service.trace import stage

T = TypeVar("T")

Leg = Literal["hybrid", "dense", "lexical"]
"""`dense`: meaning, by windows and contexts. `lexical`: words. `hybrid`: both and names, what the product does."""

MIN_CANDIDATES = 100
"""Practices that each leg puts forward; all their sentences are compared in a few milliseconds."""

_THEMES_A_FIELD = 2  # that a question is taken to be about, where the second is near enough
_NEAR_ENOUGH = 0.85  # of the likeness of the nearest theme

_FIRST_WINDOWS = 4  # windows fetched for each candidate; more are fetched until there are enough practices


class UnknownPracticeError(LookupError):
    """No practice of the release has this id."""

    def __init__(self, practice_id: str) -> None:
        super().__init__(f"no practice with id '{practice_id}' in this catalogue")


@dataclass(frozen=True, slots=True)
class Hit:
    """One practice in one answer. `score`: higher is better; `rank` counts from 1.

    `confidence` is the probability that the practice is relevant, None where the release is not calibrated; unlike the
    score it can be compared between catalogues and encoders too. `row` is the practice's place in the catalogue.
    """

    rank: int
    score: float
    confidence: float | None
    practice: Practice
    row: int


@dataclass(frozen=True, slots=True)
class Sought:
    """What practices are compared with: a centred meaning (dim,), BM25 of the words (n,), and who is called by name."""

    centred: Embedding
    words: Scores
    called: Called


@dataclass(frozen=True, slots=True)
class Ranking:
    """The practices `rows` (k,), best first, their `scores` (k,) and, of a calibrated release, `confidences` (k,)."""

    rows: Rows
    scores: Scores
    confidences: npt.NDArray[np.float64] | None


class Retriever:
    """Search over one release. Same question, same answer; equal scores are ordered by practice id.

    The last `remembered` rankings are kept, each under a salted hash of its question: no question can be read from
    them, and none is found in them whose words, meaning or filters differ.
    """

    def __init__(self, release: Release, *, leg: Leg = "hybrid", remembered: int = 0) -> None:
        self.release = release
        self.facets = FacetTable(release.parts.facets, release.parts.vocabulary)
        self.scorer = Scorer(release.parts)
        self.confidence = Confidence(release.manifest.calibration, release.parts.topic_head)
        self._leg = leg
        self._remembered = remembered
        self._kept: LRUCache[bytes, Ranking] = LRUCache(remembered)
        self._lock = Lock()
        self._hash = SaltedHash()
        self._themes = themes_of(release.parts.vocabulary)

    def over(self, release: Release) -> "Retriever":
        """Return one that searches another release in the same way."""
        return Retriever(release, leg=self._leg, remembered=self._remembered)

    async def during(self, work: Callable[[], T]) -> T:
        """Return what `work` does, which ranks, without holding up others while it waits for what searches."""
        return await self.release.parts.vectors.during(work)

    def practice(self, practice_id: str) -> Practice:
        """Return one practice. Raises UnknownPracticeError."""
        return self.release.parts.practices[self.row(practice_id)]

    def row(self, practice_id: str) -> int:
        """Return the place of a practice in the catalogue. Raises UnknownPracticeError."""
        row = self.release.parts.practices.row(practice_id)
        if row is None:
            raise UnknownPracticeError(practice_id)
        return row

    def understand(self, query: str) -> Question:
        """Return what is known of a query; its `encoder_texts` are what to encode."""
        return understand(query, self.release.parts.thesaurus)

    def topic(self, question: Question, embeddings: Embeddings) -> float | None:
        """Return the log-odds that a question is on the topic of the catalogue, None where nobody knows."""
        called = self.scorer.names(question.whole)
        name = float(called.scores.max(initial=0))
        return self.confidence.topic(embeddings[0], name=name, named_share=called.share)

    def verdict(self, topic: float | None, hits: Sequence[Hit]) -> Verdict | None:
        """Return whether anything fits a question with this topic and these hits, None where nobody knows."""
        return self.confidence.verdict(topic, hits[0].confidence if hits else None)

    def nearest_themes(self, embeddings: Embeddings) -> list[Theme]:
        """Return the themes that a question is about, nearest first: at most two of each field of the vocabulary.

        None of a field of which even the nearest theme is unlike the question (a cosine below 0).
        """
        themes = self._themes
        likeness = self.release.parts.theme_embeddings @ self.scorer.centred(embeddings[0])
        order = [int(at) for at in np.argsort(-likeness, kind="stable")]
        found = []
        for field in THEME_FIELDS:
            places = [at for at in order if themes[at].field == field][:_THEMES_A_FIELD]
            found += [at for at in places if likeness[at] >= _NEAR_ENOUGH * likeness[places[0]]]
        return [themes[at] for at in sorted(found, key=order.index)]

    def rank(
        self, question: Question, embeddings: Embeddings, *, top_k: int, filters: Filters = NO_FILTERS
    ) -> list[Hit]:
        """Return the `top_k` best practices for a question that pass `filters`; fewer only where fewer pass.

        `embeddings` (k, dim) are those of `question.encoder_texts`.
        """
        topic = self.topic(question, embeddings)
        return self.rank_part(question, question.whole, embeddings[0], topic, top_k=top_k, filters=filters)

    def rank_part(
        self,
        question: Question,
        part: Part,
        embedding: Embedding,
        topic: float | None,
        *,
        top_k: int,
        filters: Filters = NO_FILTERS,
    ) -> list[Hit]:
        """Return the `top_k` best practices for a part of a question, whose log-odds to be on the topic are given."""
        return self.hits(self._ranked(question, part, embedding, topic, top_k, filters))

    def _key(self, question: Question, part: Part, embedding: Embedding, *others: object) -> bytes:
        """Return a salted hash of all that a ranking depends on."""
        told = repr((question.language, part.text, part.glosses, *others))
        return self._hash(told, after=embedding.tobytes())

    @cachedmethod(lambda self: self._kept, key=_key, lock=lambda self: self._lock)
    def _ranked(
        self, question: Question, part: Part, embedding: Embedding, topic: float | None, top_k: int, filters: Filters
    ) -> Ranking:
        with stage("retrieve"):
            sought = self.sought(question, part, embedding)
            rows = self.candidates(sought, max(top_k, MIN_CANDIDATES), self.facets.allowed(filters))
        with stage("fuse"):
            return self.ranking(sought, rows, topic, top_k)

    def similar(self, text: str, embedding: Embedding, *, top_k: int) -> list[Hit]:
        """Return the `top_k` practices most like a text of the catalogue's kind; `embedding` is that as a document."""
        centred = unit_rows((embedding - self.release.parts.document_centroid)[None, :])[0]
        return self.like(text, centred, top_k=top_k)

    def like(self, text: str, centred: Embedding, *, top_k: int, allowed: Allowed | None = None) -> list[Hit]:
        """Return the `top_k` practices among the `allowed` most like a text with a centred embedding (dim,)."""
        lexical = self.release.parts.lexical
        with stage("retrieve"):
            words = lexical.scores(lexical.terms(text, lexical.language))
            sought = Sought(centred, words, NOBODY)
            rows = self.candidates(sought, max(top_k, MIN_CANDIDATES), allowed)
        with stage("fuse"):
            return self.hits(self.ranking(sought, rows, None, top_k))

    def sought(self, question: Question, part: Part, embedding: Embedding) -> Sought:
        """Return what a part of a question is compared by."""
        return Sought(self.scorer.centred(embedding), self.scorer.words(question, part), self.scorer.names(part))

    def candidates(self, sought: Sought, count: int, allowed: Allowed | None) -> Rows:
        """Return the `count` best practices of each leg among the `allowed`, in catalogue order."""
        worded = np.flatnonzero(sought.words > 0)  # of booleans: of numbers it takes ten times as long
        legs = (
            self._nearest(sought.centred, count, allowed),
            self._best(worded, sought.words[worded], count, allowed),
            self._best(sought.called.rows, sought.called.scores, count, allowed),
        )
        rows: Rows = np.unique(np.concatenate(legs))
        return rows[sought.words[rows] > 0] if self._leg == "lexical" else rows

    def ranking(self, sought: Sought, rows: Rows, topic: float | None, top_k: int) -> Ranking:
        """Return the `top_k` best of the practices `rows`, which are in order, for a question with these log-odds."""
        scores = self._scores(sought, rows)
        order = np.lexsort((self.release.parts.practices.id_ranks(rows), -scores))[:top_k]
        return Ranking(rows[order], scores[order], self.confidence.of_hits(scores[order], topic))

    def hits(self, ranking: Ranking) -> list[Hit]:
        """Return the practices of a ranking."""
        practices, rows, scores = self.release.parts.practices, ranking.rows.tolist(), ranking.scores.tolist()
        confidences = [None] * len(rows) if ranking.confidences is None else ranking.confidences.tolist()
        return [
            Hit(rank=rank, score=score, confidence=confidence, practice=practices[row], row=row)
            for rank, (row, score, confidence) in enumerate(zip(rows, scores, confidences, strict=True), start=1)
        ]

    def _scores(self, sought: Sought, rows: Rows) -> Scores:
        """Return the score (k,) of each of the practices `rows`."""
        if self._leg == "lexical":
            return sought.words[rows]
        dense = self.scorer.dense(rows, sought.centred)
        if self._leg == "dense":
            return dense
        spread = self.release.manifest.calibration.spread
        return fused(dense, sought.words[rows], called_at(rows, sought.called), spread)

    def _nearest(self, centred: Embedding, count: int, allowed: Allowed | None) -> Rows:
        """Return the `count` practices whose best windows are nearest, in catalogue order."""
        parts = self.release.parts
        allowed_windows = None if allowed is None else replace(allowed, mask=parts.windows.of_allowed(allowed.mask))
        fetched = count * _FIRST_WINDOWS
        while True:
            windows, scores = parts.vectors.search(centred, fetched, allowed_windows)
            rows, firsts = np.unique(parts.windows.owners(windows), return_index=True)
            order = np.lexsort((parts.practices.id_ranks(rows), -scores[firsts]))[:count]
            # Equal scores come in no promised order, so a tie at the end may hide a practice with a smaller id.
            is_sure = len(order) == count and scores[-1] < scores[firsts[order[-1]]]
            if is_sure or len(windows) < fetched:
                return np.sort(rows[order])
            fetched *= 4

    def _best(self, rows: Rows, scores: Scores, count: int, allowed: Allowed | None) -> Rows:
        """Return the `count` of some practices that are allowed and have the best scores, in catalogue order."""
        if allowed is not None:
            is_allowed = allowed.mask[rows]
            rows, scores = rows[is_allowed], scores[is_allowed]
        if len(rows) > count:
            is_near = scores >= np.partition(scores, len(scores) - count)[len(scores) - count]
            rows, scores = rows[is_near], scores[is_near]
        return np.sort(rows[np.lexsort((self.release.parts.practices.id_ranks(rows), -scores))[:count]])
