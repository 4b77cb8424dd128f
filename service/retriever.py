"""Turn a question and its embedding into hits: candidates of two legs, ranked by meaning and by words together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from indexer.encoder import Embedding, unit_rows
from indexer.passages import Passage
from indexer.practice import Practice
from indexer.release import Release
from indexer.vectors import Mask, Rows, Scores
from service.filters import NO_FILTERS, FacetTable, Filters
from service.fusion import fused
from service.question import Question, understand

Leg = Literal["hybrid", "dense", "lexical"]
"""`dense`: meaning, by windows and sentences. `lexical`: words. `hybrid`: both, what the product does."""

MIN_CANDIDATES = 100
"""Practices that each leg puts forward; all their sentences are compared in a few milliseconds."""

SENTENCES_COUNTED = 4
"""Best sentences whose mean counts: one alone is luck, many blur; flat from 3 to 5 on data/qrels."""

WINDOW_WEIGHT = 0.25
"""Weight of the best window beside the sentences: .1 to .25 are best on data/qrels, .5 loses .01."""

_FIRST_WINDOWS = 4  # windows fetched for each candidate; more are fetched until there are enough practices


class UnknownPracticeError(LookupError):
    """No practice of the release has this id."""

    def __init__(self, practice_id: str) -> None:
        super().__init__(f"no practice with id '{practice_id}' in this catalogue")


@dataclass(frozen=True, slots=True)
class Hit:
    """One practice in one answer. `score`: higher is better, comparable within one answer; `rank` counts from 1.

    `sentence` is the sentence of the practice that is nearest in meaning.
    """

    rank: int
    score: float
    practice: Practice
    sentence: Passage


class Retriever:
    """Search over one release. Same question, same answer; equal scores are ordered by practice id."""

    def __init__(self, release: Release, *, leg: Leg = "hybrid") -> None:
        self.release = release
        self.facets = FacetTable(release.parts.practices, release.parts.vocabulary)
        self._leg = leg
        self._row_of = {practice.id: row for row, practice in enumerate(release.parts.practices)}
        self._order_of_ids = np.argsort(np.argsort([practice.id for practice in release.parts.practices]))
        self._window_owner = self._owners(release.parts.windows)
        self._sentence_owner = self._owners(release.parts.sentences)

    def practice(self, practice_id: str) -> Practice:
        """Return one practice. Raises UnknownPracticeError."""
        return self.release.parts.practices[self._row(practice_id)]

    def understand(self, query: str) -> Question:
        """Return what is known of a query; its `encoder_text` is what to encode."""
        return understand(query, self.release.parts.thesaurus)

    def search(
        self, question: Question, embedding: Embedding, *, top_k: int, filters: Filters = NO_FILTERS
    ) -> list[Hit]:
        """Return the `top_k` best practices for a question that pass `filters`; fewer only where fewer pass."""
        parts = self.release.parts
        allowed = self.facets.passing(filters)
        centred = unit_rows((embedding - parts.query_centroid)[None, :])[0]
        terms = self._lexical_terms(question)
        words = parts.lexical.scores(terms)
        count = max(top_k, MIN_CANDIDATES)
        rows = np.union1d(self._nearest(centred, count, allowed), self._with_words(words, count, allowed))
        dense, sentences = self._dense(rows, centred)
        if self._leg == "dense":
            scores = dense
        elif self._leg == "lexical":
            rows, scores, sentences = _only(words[rows] > 0, rows, words[rows], sentences)
        else:
            coverage = parts.lexical.coverage(terms, int(words.argmax())) if len(rows) else 0.0
            scores = fused(dense, words[rows], coverage)
        return self._hits(rows, scores, sentences, top_k)

    def similar(self, embedding: Embedding, *, top_k: int) -> list[Hit]:
        """Return the `top_k` practices most like a text of the catalogue's kind."""
        return self._like(unit_rows((embedding - self.release.parts.document_centroid)[None, :])[0], top_k, None)

    def related(self, practice_id: str, *, top_k: int) -> list[Hit]:
        """Return the practices most like a practice; itself is never among them."""
        row = self._row(practice_id)
        others = np.ones(len(self.release.parts.practices), dtype=np.bool_)
        others[row] = False
        sentences = self.release.parts.sentence_embeddings[self._span(self._sentence_owner, row)]
        return self._like(unit_rows(sentences.astype(np.float32).mean(axis=0, keepdims=True))[0], top_k, others)

    def shown(self, practices: Sequence[Practice]) -> Mask:
        """Return which practices of the release (n,) are among `practices`."""
        mask = np.zeros(len(self.release.parts.practices), dtype=np.bool_)
        mask[[self._row_of[practice.id] for practice in practices]] = True
        return mask

    def _row(self, practice_id: str) -> int:
        try:
            return self._row_of[practice_id]
        except KeyError:
            raise UnknownPracticeError(practice_id) from None

    def _owners(self, passages: Sequence[Passage]) -> Rows:
        return np.array([self._row_of[passage.practice_id] for passage in passages], dtype=np.int64)

    @staticmethod
    def _span(owners: Rows, row: int) -> slice:
        first, last = np.searchsorted(owners, (row, row + 1))
        return slice(int(first), int(last))

    def _lexical_terms(self, question: Question) -> list[str]:
        """Return what to look for by words; of a question in another language, its glosses and the words known here."""
        lexical = self.release.parts.lexical
        own = lexical.terms(question.text, question.language)
        if not question.glosses or question.language == lexical.language:
            return own
        glossed = lexical.terms(" ".join(question.glosses), lexical.language)
        return list(dict.fromkeys((*glossed, *filter(lexical.knows, own))))

    def _like(self, centred: Embedding, top_k: int, allowed: Mask | None) -> list[Hit]:
        rows = self._nearest(centred, max(top_k, MIN_CANDIDATES), allowed)
        scores, sentences = self._dense(rows, centred)
        return self._hits(rows, scores, sentences, top_k)

    def _hits(self, rows: Rows, scores: Scores, sentences: Rows, top_k: int) -> list[Hit]:
        parts = self.release.parts
        order = sorted(range(len(rows)), key=lambda at: (-scores[at], parts.practices[int(rows[at])].id))
        return [
            Hit(rank, float(scores[at]), parts.practices[int(rows[at])], parts.sentences[int(sentences[at])])
            for rank, at in enumerate(order[:top_k], start=1)
        ]

    def _dense(self, rows: Rows, centred: Embedding) -> tuple[Scores, Rows]:
        """Return for each practice its likeness in meaning (k,), and the row of its nearest sentence (k,)."""
        parts = self.release.parts
        scores = np.empty(len(rows), dtype=np.float32)
        sentences = np.empty(len(rows), dtype=np.int64)
        for at, row in enumerate(rows):
            span = self._span(self._sentence_owner, row)
            by_sentence = parts.sentence_embeddings[span].astype(np.float32) @ centred
            windows = self._span(self._window_owner, row)
            by_window = parts.vectors.rows(windows.start, windows.stop) @ centred
            best = np.sort(by_sentence)[-SENTENCES_COUNTED:].mean()
            scores[at] = (best + WINDOW_WEIGHT * by_window.max()) / (1 + WINDOW_WEIGHT)
            sentences[at] = span.start + int(by_sentence.argmax())
        return scores, sentences

    def _nearest(self, centred: Embedding, count: int, allowed: Mask | None) -> Rows:
        """Return the `count` practices whose best windows are nearest, in catalogue order."""
        allowed_windows = None if allowed is None else allowed[self._window_owner]
        fetched = count * _FIRST_WINDOWS
        while True:
            windows, scores = self.release.parts.vectors.search(centred, fetched, allowed_windows)
            rows, firsts = np.unique(self._window_owner[windows], return_index=True)
            order = np.lexsort((self._order_of_ids[rows], -scores[firsts]))[:count]
            # Equal scores come in no promised order, so a tie at the end may hide a practice with a smaller id.
            is_sure = len(order) == count and scores[-1] < scores[firsts[order[-1]]]
            if is_sure or len(windows) < fetched:
                return np.sort(rows[order])
            fetched *= 4

    def _with_words(self, words: Scores, count: int, allowed: Mask | None) -> Rows:
        """Return the `count` practices with the best words, in catalogue order."""
        scores = words if allowed is None else np.where(allowed, words, 0)
        best = np.lexsort((self._order_of_ids, -scores))[:count]
        return np.sort(best[scores[best] > 0])


def _only(wanted: Mask, rows: Rows, scores: Scores, sentences: Rows) -> tuple[Rows, Scores, Rows]:
    return rows[wanted], scores[wanted], sentences[wanted]
