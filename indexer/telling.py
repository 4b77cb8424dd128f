"""Turn the sentences of a catalogue into those that tell something of their practice: no titles, no boilerplate."""

import numpy as np
import numpy.typing as npt

from indexer.half_floats import as_float32
from indexer.passages import Passages
from indexer.row_blocks import Matrix, blocks
from indexer.vectors import Mask

_SAID_ALIKE_FROM = 0.6  # cosine of centred embeddings from which two sentences say the same
_OFTEN = 0.003  # share of the other practices' sentences that say the same, from which a sentence is boilerplate
_AT_LEAST = 3  # such sentences, so that an echo in a small catalogue is no boilerplate
_MOST_COMPARED, _FEWEST_COMPARED = 5_000, 1_000  # sentences to compare with, spread evenly
_MOST_PAIRS = 10**10  # some minutes of work: of more than two million sentences fewer are compared


def telling_sentences(sentences: Passages, title_ends: npt.NDArray[np.int32], embeddings: Matrix) -> Mask:
    """Return which of the sentences (n,) tell something; `embeddings` (n, dim) are centred, unit rows.

    Left out are titles, which end at `title_ends` (practices,), and what many other practices say too, such as that no
    evaluation was found. A practice of which nothing else is left keeps its boilerplate, and one that has only a title
    keeps that.
    """
    owners = sentences.all_owners()
    is_title = sentences.limits[:, 1] <= title_ends[owners]
    telling: Mask = ~(is_title | _is_boilerplate(owners, embeddings))
    for kept in (~is_title, np.ones_like(is_title)):
        tells = np.zeros(len(title_ends), dtype=np.bool_)
        tells[owners[telling]] = True
        telling |= ~tells[owners] & kept
    return telling


def _is_boilerplate(owners: npt.NDArray[np.int32], embeddings: Matrix) -> Mask:
    size = len(owners)
    compared = min(_MOST_COMPARED, max(_FEWEST_COMPARED, _MOST_PAIRS // max(size, 1)))
    some = np.arange(0, size, -(-size // compared) or 1)
    samples = as_float32(embeddings[some])
    found = np.zeros(size, dtype=np.bool_)
    for block in blocks(size):
        is_alike = as_float32(embeddings[block]) @ samples.T >= _SAID_ALIKE_FROM
        is_alike &= owners[block, None] != owners[None, some]
        found[block] = is_alike.sum(axis=1) >= max(_AT_LEAST, _OFTEN * len(some))
    return found
