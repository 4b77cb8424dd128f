"""Turn the sentences of a catalogue into those that tell something of their practice: no titles, no boilerplate."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from indexer.encoder import Embeddings
from indexer.passages import Passage, heading
from indexer.practice import Practice
from indexer.vectors import Mask

_SAID_ALIKE_FROM = 0.6  # cosine of centred embeddings from which two sentences say the same
_OFTEN = 0.003  # share of the other practices' sentences that say the same, from which a sentence is boilerplate
_AT_LEAST = 3  # such sentences, so that an echo in a small catalogue is no boilerplate
_MAX_COMPARED = 5_000  # sentences to compare with, spread evenly: a build of any size stays bounded
_AT_ONCE = 2_000


def telling_sentences(practices: Sequence[Practice], sentences: Sequence[Passage], embeddings: Embeddings) -> Mask:
    """Return which of the sentences (n,) tell something; `embeddings` (n, dim) are centred, unit rows.

    Left out are titles, and what many other practices say too, such as that no evaluation was found. A practice of
    which nothing else is left keeps its boilerplate, and one that has only a title keeps that.
    """
    titles = {practice.id: len(heading(practice)) for practice in practices}
    is_title = np.array([sentence.end <= titles[sentence.practice_id] for sentence in sentences])
    is_boilerplate = _is_boilerplate(sentences, embeddings)
    telling: Mask = ~(is_title | is_boilerplate)
    for span in _spans(sentences):
        if not telling[span].any():
            telling[span] = ~is_title[span] if not is_title[span].all() else True
    return telling


def _is_boilerplate(sentences: Sequence[Passage], embeddings: Embeddings) -> Mask:
    owners = np.unique([sentence.practice_id for sentence in sentences], return_inverse=True)[1]
    some = np.arange(0, len(sentences), -(-len(sentences) // _MAX_COMPARED))
    found = np.zeros(len(sentences), dtype=np.bool_)
    for start in range(0, len(sentences), _AT_ONCE):
        span = slice(start, start + _AT_ONCE)
        is_alike = embeddings[span] @ embeddings[some].T >= _SAID_ALIKE_FROM
        is_alike &= owners[span, None] != owners[None, some]
        found[span] = is_alike.sum(axis=1) >= max(_AT_LEAST, _OFTEN * len(some))
    return found


def _spans(sentences: Sequence[Passage]) -> list[slice]:
    """Return where the sentences of each practice stand."""
    owners: npt.NDArray[np.str_] = np.array([sentence.practice_id for sentence in sentences])
    firsts = [0, *(int(at) + 1 for at in np.flatnonzero(owners[1:] != owners[:-1])), len(owners)]
    return [slice(first, last) for first, last in pairwise(firsts)]
