"""Turn an embedding into hits: candidates by their windows, then ranked by how well single sentences answer too."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from indexer.encoder import Embedding, unit_rows
from indexer.passages import Passage
from indexer.practice import Practice
from indexer.release import Release
from indexer.thesaurus import glosses
from indexer.vectors import Mask
from service.filters import NO_FILTERS, FacetTable, Filters
from service.language import detect_language

Scorer = Literal["dense", "sentences"]
"""`dense`: cosine of the best window, as encoders are commonly measured. `sentences`: the product's own ranking."""

MIN_CANDIDATES = 100
"""Practices that the windows put forward; the sentences of so many are compared in about a millisecond."""

SENTENCES_COUNTED = 4
"""Best sentences whose mean counts: one alone is luck, many blur; flat from 3 to 5 on data/qrels."""

WINDOW_WEIGHT = 0.5
"""Weight of the best window beside the sentences; flat between 0.5 and 2 on data/qrels."""

_FIRST_WINDOWS = 4  # windows fetched for each candidate; more are fetched until the answer is exact


class UnknownPracticeError(LookupError):
    """No practice of the release has this id."""

    def __init__(self, practice_id: str) -> None:
        super().__init__(f"no practice with id '{practice_id}' in this catalogue")


@dataclass(frozen=True, slots=True)
class Hit:
    """One practice in one answer. `score`: higher is better, comparable within one answer; `rank` counts from 1.

    `sentence` is the sentence of the practice that answers best.
    """

    rank: int
    score: float
    practice: Practice
    sentence: Passage


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Rows of practices (k,) and the cosine of each one's best window (k,), best first."""

    rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]


class Retriever:
    """Search over one release. Same question, same answer; equal scores are ordered by practice id."""

    def __init__(self, release: Release, *, scorer: Scorer = "sentences") -> None:
        self.release = release
        self.facets = FacetTable(release.parts.practices, release.parts.vocabulary)
        self._scorer = scorer
        self._row_of = {practice.id: row for row, practice in enumerate(release.parts.practices)}
        self._window_owner = self._owners(release.parts.windows)
        self._sentence_owner = self._owners(release.parts.sentences)

    def practice(self, practice_id: str) -> Practice:
        """Return one practice. Raises UnknownPracticeError."""
        return self.release.parts.practices[self._row(practice_id)]

    def expand(self, query: str) -> str:
        """Return the text to encode for a query: with English glosses of the concepts that its words name."""
        found = glosses(query, detect_language(query), self.release.parts.thesaurus)
        return f"{query} ({'; '.join(found)})" if found else query

    def search(self, embedding: Embedding, *, top_k: int, filters: Filters = NO_FILTERS) -> list[Hit]:
        """Return the `top_k` best practices for a question that pass `filters`; fewer only where fewer pass."""
        return self._best(embedding, self.release.parts.query_centroid, top_k, self.facets.passing(filters))

    def similar(self, embedding: Embedding, *, top_k: int) -> list[Hit]:
        """Return the `top_k` practices most like a text of the catalogue's kind."""
        return self._best(embedding, self.release.parts.document_centroid, top_k, None)

    def related(self, practice_id: str, *, top_k: int) -> list[Hit]:
        """Return the practices most like a practice; itself is never among them."""
        row = self._row(practice_id)
        first, last = np.searchsorted(self._window_owner, (row, row + 1))
        windows = self.release.parts.vectors.rows(int(first), int(last))
        others = np.ones(len(self.release.parts.practices), dtype=np.bool_)
        others[row] = False
        embedding = unit_rows(windows.mean(axis=0, keepdims=True))[0]
        return self._best(embedding, self.release.parts.document_centroid, top_k, others)

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

    def _owners(self, passages: Sequence[Passage]) -> npt.NDArray[np.int64]:
        return np.array([self._row_of[passage.practice_id] for passage in passages], dtype=np.int64)

    def _best(self, embedding: Embedding, centroid: Embedding, top_k: int, allowed: Mask | None) -> list[Hit]:
        candidates = self._candidates(embedding, max(top_k, MIN_CANDIDATES), allowed)
        centred = unit_rows((embedding - centroid)[None, :])[0]
        practices = self.release.parts.practices
        hits = []
        for row, window_score in zip(candidates.rows, candidates.scores, strict=True):
            sentence_score, sentence = self._sentences(int(row), centred)
            score = float(window_score)
            if self._scorer == "sentences":
                score = (sentence_score + WINDOW_WEIGHT * score) / (1 + WINDOW_WEIGHT)
            hits.append(Hit(0, score, practices[row], sentence))
        hits.sort(key=lambda hit: (-hit.score, hit.practice.id))
        return [Hit(rank, hit.score, hit.practice, hit.sentence) for rank, hit in enumerate(hits[:top_k], start=1)]

    def _sentences(self, row: int, centred: Embedding) -> tuple[float, Passage]:
        """Return the mean cosine of a practice's best sentences, and the best of them."""
        first, last = np.searchsorted(self._sentence_owner, (row, row + 1))
        scores = self.release.parts.sentence_embeddings[first:last].astype(np.float32) @ centred
        best = np.sort(scores)[-SENTENCES_COUNTED:]
        return float(best.mean()), self.release.parts.sentences[int(first) + int(scores.argmax())]

    def _candidates(self, embedding: Embedding, count: int, allowed: Mask | None) -> _Candidates:
        """Fetch more windows until `count` practices are sure: a practice's first window is its best one."""
        vectors = self.release.parts.vectors
        allowed_windows = None if allowed is None else allowed[self._window_owner]
        fetched = count * _FIRST_WINDOWS
        while True:
            windows, scores = vectors.search(embedding, fetched, allowed_windows)
            rows, firsts = np.unique(self._window_owner[windows], return_index=True)
            order = np.lexsort((rows, -scores[firsts]))[:count]
            is_all = len(windows) < fetched
            # Equal scores come in no promised order, so a tie at the end may hide a practice of a smaller row.
            is_sure = len(order) == count and scores[-1] < scores[firsts[order[-1]]]
            if is_all or is_sure:
                return _Candidates(rows[order], scores[firsts[order]])
            fetched *= 4
