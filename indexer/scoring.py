"""Turn a question and the parts of a release into raw scores of practices: by meaning, by words and by name."""

from functools import lru_cache

import numpy as np

from indexer.encoder import Embedding, Embeddings, unit_rows
from indexer.half_floats import as_float32
from indexer.names import Called
from indexer.parts import Parts
from indexer.question import Part, Question
from indexer.row_blocks import AT_ONCE, blocks
from indexer.stored_rows import StoredRows
from indexer.vectors import Rows, Scores

CONTEXT_WEIGHT = 0.6
"""Weight of the best contexts beside the best window: .5 and .6 are best on feedbackqa-valid and on data/qrels."""

CONTEXTS_COUNTED = 2
"""Best contexts whose mean counts; flat from 1 to 3 on feedbackqa-valid and on data/qrels."""

FULL_COVERAGE = 0.5
"""Share of a question's words (by rarity) in the best text from which on they have their full weight.

With .5 and the square, foreign questions without glosses lose nothing on data/qrels (.471; .470 by meaning alone, .463
without this); questions in the catalogue's language would lose .01 there by it.
"""

SAME_FROM = 0.9
"""Cosine of the first windows from which two practices count as the same one, told twice."""

_MANY = 64  # embeddings that rows are multiplied with together
_ROWS_AT_ONCE = 1_024  # they stay in the processor's cache until they are multiplied


class Scorer:
    """Scores over the parts of one release; `rows` are positions in `parts.practices`, higher is better everywhere."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._called = lru_cache(1)(parts.names.called)  # what a question calls says its topic too, just before

    def centred(self, embedding: Embedding) -> Embedding:
        """Return the embedding of a query less what all queries have in common, of unit length."""
        centred: Embedding = unit_rows((embedding - self._parts.query_centroid)[None, :])[0]
        return centred

    def dense(self, rows: Rows, centred: Embedding) -> Scores:
        """Return the likeness in meaning (k,) of the practices `rows`: cosines of best contexts and best window."""
        scores: Scores = self.dense_of_many(rows, centred[None, :])[0]
        return scores

    def dense_of_many(self, rows: Rows, centred: Embeddings) -> Scores:
        """Return what `dense` returns for each of many embeddings (q, dim), as (q, k)."""
        scores = np.empty((len(centred), len(rows)), dtype=np.float32)
        if len(rows):
            for many in blocks(len(centred), _MANY):
                scores[many] = self._dense(rows, centred[many])
        return scores

    def _dense(self, rows: Rows, centred: Embeddings) -> Scores:
        """Return the same (q, k) for few embeddings and at least one practice."""
        sentences, firsts = self._parts.sentences.spans(rows)
        by_context = _products(self._parts.context_embeddings, sentences, centred)
        windows, first_windows = self._parts.windows.spans(rows)
        by_window = centred @ self._parts.vectors.take(windows).T
        pairs = zip(by_context, by_window, strict=True)
        return np.stack([_likeness(contexts, firsts, texts, first_windows) for contexts, texts in pairs])

    def telling_sentences(self, row: int) -> Rows:
        """Return which sentences tell something of a practice, as positions among all sentences; at least one."""
        span = self._parts.sentences.span(row)
        telling: Rows = span.start + np.flatnonzero(self._parts.is_telling[span])
        return telling

    def first_windows(self, rows: Rows) -> Embeddings:
        """Return the embedding (k, dim) of the first window of each of the practices `rows`: what they are about."""
        return self._parts.vectors.take(self._parts.windows.bounds[rows])

    def words(self, question: Question, part: Part) -> Scores:
        """Return BM25 of every practice (n,) for a part of a question, 0 where none of its words is in it.

        In a language that the catalogue is not written in, that is BM25 of the glosses and, by the square of their
        coverage, of the words themselves: where even the best text has few of them, they are there by chance.
        """
        lexical = self._parts.lexical
        own = lexical.terms(part.text, question.language)
        scores = lexical.scores(own)
        if question.language != lexical.language:
            covered = lexical.coverage(own, int(scores.argmax()))
            glossed = lexical.scores(lexical.terms(" ".join(part.glosses), lexical.language))
            scores *= np.float32(min(1.0, covered / FULL_COVERAGE) ** 2)
            scores += glossed
        return scores

    def names(self, part: Part) -> Called:
        """Return which practices a part of a question calls by name."""
        return self._called(part.text)


def _likeness(by_context: Scores, firsts: Rows, by_window: Scores, first_windows: Rows) -> Scores:
    """Return the likeness of practices, of which the contexts and windows have these cosines and begin at these."""
    best = np.maximum.reduceat(by_window, first_windows)
    scores = CONTEXT_WEIGHT * _mean_of_best(by_context, firsts) + (1 - CONTEXT_WEIGHT) * best
    return scores.astype(np.float32)


def called_at(rows: Rows, called: Called) -> Scores:
    """Return how surely each of the `rows` (k,), which are in order, is called by its name; 0 where it is not."""
    scores = np.zeros(len(rows), dtype=np.float32)
    if len(called.rows):
        _, at, of_called = np.intersect1d(rows, called.rows, assume_unique=True, return_indices=True)
        scores[at] = called.scores[of_called]
    return scores


def _products(matrix: StoredRows, rows: Rows, vectors: Embeddings) -> Scores:
    """Return the inner products (q, k) of some rows of a matrix (n, dim) with some vectors (q, dim).

    Where they are most of a small matrix, to multiply all of it is several times as fast.
    """
    if 2 * len(rows) > len(matrix) and len(matrix) <= AT_ONCE:
        products: Scores = (as_float32(matrix.mapped) @ vectors.T)[rows].T
        return products
    parts = (as_float32(matrix.take(rows[some])) @ vectors.T for some in blocks(len(rows), _ROWS_AT_ONCE))
    return np.concatenate([*parts]).T


def _mean_of_best(scores: Scores, firsts: Rows) -> Scores:
    """Return the mean of the `CONTEXTS_COUNTED` best scores (of fewer where there are fewer) of each run.

    Runs begin at `firsts`, and none is empty.
    """
    counts = np.diff(np.append(firsts, len(scores)))
    runs = np.repeat(np.arange(len(firsts)), counts)
    left, sums = scores.copy(), np.zeros(len(firsts), dtype=np.float32)
    for place in range(CONTEXTS_COUNTED):
        best = np.maximum.reduceat(left, firsts)
        sums += np.where(counts > place, best, 0)
        at = np.flatnonzero(left == best[runs])
        of_run = runs[at]
        left[at[np.append(True, of_run[1:] != of_run[:-1])]] = -np.inf  # of equal ones the first
    means: Scores = (sums / np.minimum(counts, CONTEXTS_COUNTED)).astype(np.float32)
    return means
