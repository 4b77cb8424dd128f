"""Turn a question and the parts of a release into raw scores of practices: by meaning, by words and by name."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from indexer.encoder import Embedding, Embeddings, unit_rows
from indexer.names import NameIndex
from indexer.parts import Parts
from indexer.passages import Passage
from indexer.question import Part, Question
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


class Scorer:
    """Scores over the parts of one release; `rows` are positions in `parts.practices`, higher is better everywhere."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        row_of = {practice.id: row for row, practice in enumerate(parts.practices)}
        self.window_owner = _owners(parts.windows, row_of)
        self.sentence_owner = _owners(parts.sentences, row_of)
        bounds = np.arange(len(parts.practices) + 1)
        self._window_bounds = np.searchsorted(self.window_owner, bounds)
        self._sentence_bounds = np.searchsorted(self.sentence_owner, bounds)
        self._names = NameIndex(parts.practices, parts.lexical.word_rarity, parts.lexical.knows_word)

    def centred(self, embedding: Embedding) -> Embedding:
        """Return the embedding of a query less what all queries have in common, of unit length."""
        centred: Embedding = unit_rows((embedding - self._parts.query_centroid)[None, :])[0]
        return centred

    def dense(self, rows: Rows, centred: Embedding) -> Scores:
        """Return the likeness in meaning (k,) of the practices `rows`: cosines of best contexts and best window."""
        if not len(rows):
            return np.empty(0, dtype=np.float32)
        sentences, firsts = _ranges(self._sentence_bounds, rows)
        by_context = self._parts.context_embeddings[sentences].astype(np.float32) @ centred
        windows, first_windows = _ranges(self._window_bounds, rows)
        by_window = np.maximum.reduceat(self._parts.vectors.take(windows) @ centred, first_windows)
        scores = CONTEXT_WEIGHT * _mean_of_best(by_context, firsts) + (1 - CONTEXT_WEIGHT) * by_window
        return scores.astype(np.float32)

    def telling_sentences(self, row: int) -> Rows:
        """Return which sentences tell something of a practice, as positions among all sentences; at least one."""
        span = slice(int(self._sentence_bounds[row]), int(self._sentence_bounds[row + 1]))
        return span.start + np.flatnonzero(self._parts.is_telling[span])

    def first_windows(self, rows: Rows) -> Embeddings:
        """Return the embedding (k, dim) of the first window of each of the practices `rows`: what they are about."""
        return self._parts.vectors.take(self._window_bounds[rows])

    def words(self, question: Question, part: Part) -> Scores:
        """Return log(1 + BM25) of every practice (n,) for a part of a question, 0 where none of its words is in it.

        In a language that the catalogue is not written in, BM25 is that of the glosses and, by the square of their
        coverage, that of the words themselves: where even the best text has few of them, they are there by chance. The
        logarithm keeps a long question from drowning the meaning.
        """
        lexical = self._parts.lexical
        own = lexical.terms(part.text, question.language)
        scores = lexical.scores(own)
        if question.language != lexical.language:
            covered = lexical.coverage(own, int(scores.argmax()))
            glossed = lexical.scores(lexical.terms(" ".join(part.glosses), lexical.language))
            scores = glossed + scores * min(1.0, covered / FULL_COVERAGE) ** 2
        return np.log1p(scores).astype(np.float32)

    def names(self, part: Part) -> Scores:
        """Return how surely a part of a question calls each practice (n,) by its name, in [0, 1]."""
        return self._names.scores(part.text)

    def named_share(self, part: Part) -> float:
        """Return how far a part of a question is nothing but the name of a practice, in [0, 1]."""
        return self._names.share(part.text)


def _owners(passages: Sequence[Passage], row_of: dict[str, int]) -> Rows:
    return np.array([row_of[passage.practice_id] for passage in passages], dtype=np.int64)


def _ranges(bounds: npt.NDArray[np.int64], rows: Rows) -> tuple[Rows, Rows]:
    """Return the passages of all `rows` one after the other, and where those of each row begin."""
    starts, counts = bounds[rows], bounds[rows + 1] - bounds[rows]
    firsts = np.cumsum(counts) - counts
    return np.arange(counts.sum()) + np.repeat(starts - firsts, counts), firsts


def _mean_of_best(scores: Scores, firsts: Rows) -> Scores:
    """Return the mean of the `CONTEXTS_COUNTED` best scores (of fewer where there are fewer) of each run."""
    counts = np.diff(np.append(firsts, len(scores)))
    order = np.lexsort((-scores, np.repeat(np.arange(len(firsts)), counts)))
    ranked = scores[order]
    counted = np.minimum(counts, CONTEXTS_COUNTED)
    sums = ranked[firsts].copy()
    for place in range(1, CONTEXTS_COUNTED):
        has_more = counted > place
        sums[has_more] += ranked[firsts[has_more] + place]
    means: Scores = (sums / counted).astype(np.float32)
    return means
