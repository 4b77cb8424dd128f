"""Turn the values of two rankings for the same questions into the probability that they differ by luck alone."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from scipy.stats import permutation_test

PERMUTATIONS = 9_999  # the smallest p is 2 in 10,000, one a side: after the correction of 26 comparisons still .005
SEED = 20_240_601
_AT_ONCE = 500  # permutations in memory together: 8 MB for 2,000 questions

Name = TypeVar("Name")


def paired_p(differences: Sequence[float]) -> float:
    """Return the two-sided p value of the mean of paired differences, one a question.

    A randomisation test (Smucker, Allan and Carterette, CIKM 2007): if the rankings were equally good, the sign of each
    difference would be a coin's. All signs are tried for few questions, else `PERMUTATIONS` of them, seeded.
    """
    if len(differences) < 2:  # both signs are as far from 0, and scipy refuses so few
        return 1.0
    outcome = permutation_test(
        (np.asarray(differences, dtype=np.float64),),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=PERMUTATIONS,
        batch=_AT_ONCE,
        rng=np.random.default_rng(SEED),
    )
    return float(outcome.pvalue)


def holm(p_values: Mapping[Name, float]) -> Mapping[Name, float]:
    """Return p values corrected for their number, in the same order (Holm, Scandinavian Journal of Statistics 1979)."""
    corrected: dict[Name, float] = {}
    highest = 0.0
    for place, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[name] * (len(p_values) - place)))
        corrected[name] = highest
    return {name: corrected[name] for name in p_values}
