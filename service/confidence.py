"""Turn scores into probabilities by the calibration of a release, and a question into the verdict on its answer."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from indexer.calibration import Calibration
from indexer.encoder import Embedding
from indexer.linear_head import LinearHead
from indexer.vectors import Scores

Verdict = Literal["good", "weak", "none"]

NONE_BELOW = 0.15
"""Probability to be on the topic below which a question is refused.

.3 refused 1 % of the real questions of data/qrels/queries.jsonl, but 9 % of others; .15 refuses 4 % of those.
"""

GOOD_FROM = 0.55
"""Probability to be on the topic from which an answer may be called good: 1 of 72 near-topic questions gets there."""

GOOD_HIT_FROM = 0.2
"""Confidence of the best hit from which an answer may be called good."""

NAMED_FROM = 0.5
"""Strength of a name from which a question has one, and share of the question that it makes up to be what is asked."""


class Confidence:
    """Probabilities for one release; everything is None where the release has no calibration."""

    def __init__(self, calibration: Calibration, topic_head: LinearHead | None) -> None:
        self._calibration = calibration
        self._topic_head = topic_head

    def topic(self, embedding: Embedding, *, name: float = 0.0, named_share: float = 0.0) -> float | None:
        """Return the log-odds that a question is on the topic.

        One that is hardly more than a name surely is; one that has a name among other words is not refused.
        """
        if self._topic_head is None:
            return None
        logit = float(self._topic_head.logits(embedding[None, :])[0, 0])
        if named_share >= NAMED_FROM:
            return max(logit, _logit(GOOD_FROM))
        return max(logit, _logit(NONE_BELOW)) if name >= NAMED_FROM else logit

    def of_hits(self, scores: Scores, topic: float | None) -> npt.NDArray[np.float64] | None:
        """Return the probability in [0, 1] that each hit (k,) is relevant, given the log-odds of the question."""
        fit = self._calibration.hit
        if fit is None or topic is None:
            return None
        in_spreads = scores.astype(np.float64) / self._calibration.spread
        return _probability(fit.bias + fit.score * in_spreads + fit.topic * topic)

    def verdict(self, topic: float | None, best: float | None) -> Verdict | None:
        """Return whether anything fits; `best` is the confidence of the best hit."""
        if topic is None or best is None:
            return None
        if topic < _logit(NONE_BELOW):
            return "none"
        return "good" if topic >= _logit(GOOD_FROM) and best >= GOOD_HIT_FROM else "weak"


def _probability(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float64)


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))
