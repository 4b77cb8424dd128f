"""Turn a question and its embeddings into hits: candidates of three legs, ranked by one score."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from indexer.encoder import Embedding, Embeddings, unit_rows
from indexer.fusion import fused
from indexer.practice import Practice
from indexer.question import Part, Question, understand
from indexer.release import Release
from indexer.scoring import Scorer
from indexer.themes import THEME_FIELDS, Theme, themes_of
from indexer.vectors import Mask, Rows, Scores
from service.confidence import Confidence, Verdict
from service.filters import NO_FILTERS, FacetTable, Filters

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


class Retriever:
    """Search over one release. Same question, same answer; equal scores are ordered by practice id."""

    def __init__(self, release: Release, *, leg: Leg = "hybrid") -> None:
        self.release = release
        self.facets = FacetTable(release.parts.practices, release.parts.vocabulary)
        self.scorer = Scorer(release.parts)
        self.confidence = Confidence(release.manifest.calibration, release.parts.topic_head)
        self._leg = leg
        self._row_of = {practice.id: row for row, practice in enumerate(release.parts.practices)}
        self._order_of_ids = np.argsort(np.argsort([practice.id for practice in release.parts.practices]))

    def practice(self, practice_id: str) -> Practice:
        """Return one practice. Raises UnknownPracticeError."""
        return self.release.parts.practices[self.row(practice_id)]

    def row(self, practice_id: str) -> int:
        """Return the place of a practice in the catalogue. Raises UnknownPracticeError."""
        try:
            return self._row_of[practice_id]
        except KeyError:
            raise UnknownPracticeError(practice_id) from None

    def understand(self, query: str) -> Question:
        """Return what is known of a query; its `encoder_texts` are what to encode."""
        return understand(query, self.release.parts.thesaurus)

    def topic(self, question: Question, embeddings: Embeddings) -> float | None:
        """Return the log-odds that a question is on the topic of the catalogue, None where nobody knows."""
        name, share = float(self.scorer.names(question.whole).max()), self.scorer.named_share(question.whole)
        return self.confidence.topic(embeddings[0], name=name, named_share=share)

    def verdict(self, topic: float | None, hits: Sequence[Hit]) -> Verdict | None:
        """Return whether anything fits a question with this topic and these hits, None where nobody knows."""
        return self.confidence.verdict(topic, hits[0].confidence if hits else None)

    def nearest_themes(self, embeddings: Embeddings) -> list[Theme]:
        """Return the themes that a question is about, nearest first: at most two of each field of the vocabulary.

        None of a field of which even the nearest theme is unlike the question (a cosine below 0).
        """
        parts = self.release.parts
        themes = themes_of(parts.vocabulary)
        likeness = parts.theme_embeddings @ self.scorer.centred(embeddings[0])
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
        words, names = self.scorer.words(question, part), self.scorer.names(part)
        rows, scores = self._scored(self.scorer.centred(embedding), words, names, top_k, self.facets.passing(filters))
        return self._hits(rows, scores, topic, top_k)

    def similar(self, text: str, embedding: Embedding, *, top_k: int) -> list[Hit]:
        """Return the `top_k` practices most like a text of the catalogue's kind; `embedding` is that as a document."""
        centred = unit_rows((embedding - self.release.parts.document_centroid)[None, :])[0]
        return self.like(text, centred, top_k=top_k)

    def like(self, text: str, centred: Embedding, *, top_k: int, allowed: Mask | None = None) -> list[Hit]:
        """Return the `top_k` practices among the `allowed` (n,) most like a text with a centred embedding (dim,)."""
        lexical = self.release.parts.lexical
        words: Scores = np.log1p(lexical.scores(lexical.terms(text, lexical.language)))
        rows, scores = self._scored(centred, words, np.zeros_like(words), top_k, allowed)
        return self._hits(rows, scores, None, top_k)

    def shown(self, practices: Sequence[Practice]) -> Mask:
        """Return which practices of the release (n,) are among `practices`."""
        mask = np.zeros(len(self.release.parts.practices), dtype=np.bool_)
        mask[[self._row_of[practice.id] for practice in practices]] = True
        return mask

    def _scored(
        self, centred: Embedding, words: Scores, names: Scores, top_k: int, allowed: Mask | None
    ) -> tuple[Rows, Scores]:
        """Return the candidates of all legs in catalogue order, and their scores."""
        count = max(top_k, MIN_CANDIDATES)
        legs = (self._nearest(centred, count, allowed), *(self._best(leg, count, allowed) for leg in (words, names)))
        rows: Rows = np.unique(np.concatenate(legs))
        if self._leg == "lexical":
            rows = rows[words[rows] > 0]
            return rows, words[rows]
        dense = self.scorer.dense(rows, centred)
        if self._leg == "dense":
            return rows, dense
        return rows, fused(dense, words[rows], names[rows], self.release.manifest.calibration.spread)

    def _hits(self, rows: Rows, scores: Scores, topic: float | None, top_k: int) -> list[Hit]:
        practices = self.release.parts.practices
        order = sorted(range(len(rows)), key=lambda at: (-scores[at], practices[int(rows[at])].id))[:top_k]
        confidences = self.confidence.of_hits(scores[order], topic)
        return [
            Hit(
                rank=rank,
                score=float(scores[at]),
                confidence=None if confidences is None else float(confidences[rank - 1]),
                practice=practices[int(rows[at])],
                row=int(rows[at]),
            )
            for rank, at in enumerate(order, start=1)
        ]

    def _nearest(self, centred: Embedding, count: int, allowed: Mask | None) -> Rows:
        """Return the `count` practices whose best windows are nearest, in catalogue order."""
        owner = self.scorer.window_owner
        allowed_windows = None if allowed is None else allowed[owner]
        fetched = count * _FIRST_WINDOWS
        while True:
            windows, scores = self.release.parts.vectors.search(centred, fetched, allowed_windows)
            rows, firsts = np.unique(owner[windows], return_index=True)
            order = np.lexsort((self._order_of_ids[rows], -scores[firsts]))[:count]
            # Equal scores come in no promised order, so a tie at the end may hide a practice with a smaller id.
            is_sure = len(order) == count and scores[-1] < scores[firsts[order[-1]]]
            if is_sure or len(windows) < fetched:
                return np.sort(rows[order])
            fetched *= 4

    def _best(self, scores: Scores, count: int, allowed: Mask | None) -> Rows:
        """Return the `count` practices with the best scores above 0, in catalogue order."""
        scores = scores if allowed is None else np.where(allowed, scores, 0)
        best = np.lexsort((self._order_of_ids, -scores))[:count]
        return np.sort(best[scores[best] > 0])
