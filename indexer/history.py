"""Turn the release before and the practices of now into the moments at which each practice was last changed."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from indexer.parts import Parts
from indexer.practice import Practice

Moments = npt.NDArray[np.int64]
"""Seconds since 1970 (n,), UTC, one a practice."""


def last_changes(practices: Iterable[Practice], former: Parts | None, now: int) -> Moments:
    """Return when each practice came to be what it is: `now`, unless the `former` release has the same record."""

    def moment(practice: Practice) -> int:
        row = None if former is None else former.practices.row(practice.id)
        if former is None or row is None or former.practices[row] != practice:
            return now
        return int(former.changed_at[row])

    return np.fromiter(map(moment, practices), dtype=np.int64)
