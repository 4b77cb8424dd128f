"""Turn the raw scores of three legs into one, on a scale that is the same for every question of a release."""

import numpy as np

from indexer.vectors import Scores

LEXICAL_WEIGHT = 1.5
"""Weight of log(1 + BM25), in spreads of the dense leg: 1 to 2 are best on feedbackqa-valid and on data/qrels."""

NAME_WEIGHT = 4.0
"""Weight of a name in the query, in spreads of the dense leg: from 4 on the practice that is named comes first."""


def fused(dense: Scores, words: Scores, names: Scores, spread: float) -> Scores:
    """Return one score (n,) a practice in units of the cosine, higher is better.

    A convex combination of calibrated scores (Bruch, Gai and Ingber, 2023) whose scale does not depend on the question:
    `spread` is the standard deviation of the dense scores of typical questions, `words` are those of `Scorer.words`, of
    which the logarithm keeps a long question from drowning the meaning, and `names` are in [0, 1]. In a language that
    the catalogue is not written in `words` is near 0 where few are known, and the meaning decides alone. Scaling each
    leg by its own range for each question ranked as well, but made scores of two questions incomparable; ranks instead
    of scores (RRF) let the noise of a foreign question's words through.
    """
    return (dense + spread * (LEXICAL_WEIGHT * np.log1p(words) + NAME_WEIGHT * names)).astype(np.float32)
