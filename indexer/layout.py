"""Turn the embeddings of practices into places on a map: what is alike lies together, and no dot hides another."""

import numpy as np
import numpy.typing as npt

from indexer.encoder import Embeddings
from indexer.row_blocks import Matrix, blocks
from indexer.vectors import Rows

Layout = npt.NDArray[np.float32]
"""A matrix (n, 2) of places x, y in [0, 1], float32."""

_Places = npt.NDArray[np.float64]

CANVAS = np.array([1_000.0, 700.0])  # pixels in which the least distance of two dots is meant
LEAST_DISTANCE = 25.0
"""Pixels between two dots: WCAG 2.2 (2.5.8) asks for targets of 24; the rest is for rounds that run out."""

MOST_APART = 500
"""Practices that are pushed apart; squares of the least distance fill 45 % of the canvas, more hardly find room."""

MOST_BY_NEIGHBOURS = 5_000
"""Practices that t-SNE places: three quarters of a minute for so many, and more than twice that for twice as many.

More are placed by principal components alone, which keep hardly any neighbours but take seconds.
"""

_FEWEST_BY_NEIGHBOURS = 10  # fewer have no neighbourhoods that principal components could tear apart
_PERPLEXITY = 10.0  # 10 to 30 keep as many neighbours on the shipped catalogue, 3 and 5 fewer; 30 keeps fewer of 1,000
_ITERATIONS, _ITERATIONS_OF_MANY = 1_000, 500  # many are more than `MOST_APART`: they keep the same neighbours
_START = 1e-4  # spread of the places that t-SNE starts from, as scikit-learn has it
_NUDGE = 1e-6  # how far equal places are moved before they are pushed apart, which needs a direction
_GOLDEN_ANGLE = np.pi * (3 - 5**0.5)
_FLATTEST = 0.1  # an axis that spreads less than this share of the other is not stretched: it would magnify noise
_ROUNDS = 300
_BEYOND = 1.02  # dots that are too near aim at a little more than the least distance, so that rounds are few


def layout(rows: Matrix, firsts: Rows) -> Layout:
    """Return the place of each practice by its embedding; the same embeddings give the same bytes.

    `firsts` (practices,) says which of the `rows` (n, dim) is that of a practice: its first window.

    t-SNE (van der Maaten and Hinton, 2008) that starts from principal components, stretched to the unit square; then
    dots that lie on top of each other are pushed apart.
    """
    places = _principal_components(rows, firsts)
    if _FEWEST_BY_NEIGHBOURS <= len(places) <= MOST_BY_NEIGHBOURS and np.ptp(places) > _NUDGE:
        places = _by_neighbours(rows[firsts].astype(np.float32), places)
    places = _stretched(places + _NUDGE * _spiral(len(places)))
    if len(places) <= MOST_APART:
        places = _pushed_apart(places * CANVAS) / CANVAS
    return places.astype(np.float32)


def _principal_components(rows: Matrix, firsts: Rows) -> _Places:
    """Return the first two components (n, 2): of many rows by their covariance, which stays small."""
    dim = rows.shape[1]
    if len(firsts) <= dim:
        few = rows[firsts].astype(np.float64)
        left, values, _ = np.linalg.svd(few - few.mean(axis=0), full_matrices=False)
        found = (left * values)[:, :2]
        return np.pad(found, ((0, 0), (0, 2 - found.shape[1])))  # one practice has one component
    mean, products = np.zeros(dim), np.zeros((dim, dim))
    for block in blocks(len(firsts)):
        some = rows[firsts[block]].astype(np.float64)
        mean += some.sum(axis=0)
        products += some.T @ some
    mean /= len(firsts)
    _, axes = np.linalg.eigh(products - len(firsts) * np.outer(mean, mean))
    places = np.concatenate([(rows[firsts[block]] - mean) @ axes[:, :-3:-1] for block in blocks(len(firsts))])
    return np.pad(places, ((0, 0), (0, 2 - places.shape[1])))


def _by_neighbours(embeddings: Embeddings, start: _Places) -> _Places:
    from sklearn.manifold import TSNE  # noqa: PLC0415  only a build needs it
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  scikit-learn brings it

    model = TSNE(
        perplexity=min(_PERPLEXITY, (len(start) - 1) / 3),
        init=(start / start[:, 0].std() * _START).astype(np.float32),
        max_iter=_ITERATIONS if len(start) <= MOST_APART else _ITERATIONS_OF_MANY,
        random_state=0,
    )
    with threadpool_limits(1):  # on a busy machine its threads wait for each other, for ten times as long as one needs
        return np.asarray(model.fit_transform(embeddings), dtype=np.float64)


def _spiral(size: int) -> _Places:
    """Return places that are all different and fill a disc evenly."""
    at = np.arange(size)
    places: _Places = np.sqrt(at)[:, None] * np.column_stack([np.cos(at * _GOLDEN_ANGLE), np.sin(at * _GOLDEN_ANGLE)])
    return places


def _stretched(places: _Places) -> _Places:
    """Return the places within [0, 1], each axis in the middle and stretched as far as it goes."""
    low, high = places.min(axis=0), places.max(axis=0)
    spread = np.maximum(high - low, _FLATTEST * (high - low).max())
    stretched: _Places = 0.5 + (places - (low + high) / 2) / np.maximum(spread, np.finfo(np.float64).tiny)
    return stretched


def _pushed_apart(places: _Places) -> _Places:
    """Move dots on the canvas that are too near each other, by the mean of the pushes of each, until none is."""
    for _ in range(_ROUNDS):
        squares = sum(np.subtract.outer(axis, axis) ** 2 for axis in places.T)
        near, other = np.nonzero((squares < LEAST_DISTANCE**2) & ~np.eye(len(places), dtype=np.bool_))
        if not len(near):
            break
        away = places[near] - places[other]
        gaps = np.maximum(np.linalg.norm(away, axis=1), _NUDGE)
        moves = np.zeros_like(places)
        np.add.at(moves, near, away * ((_BEYOND * LEAST_DISTANCE - gaps) / gaps)[:, None])
        counts = np.bincount(near, minlength=len(places))
        places = np.clip(places + moves / np.maximum(counts, 1)[:, None], 0, CANVAS)
    return places
