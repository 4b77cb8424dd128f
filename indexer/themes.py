"""Turn a vocabulary into themes: what a question is near to when no practice fits it, and what a hit shares with it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexer.catalogue import Vocabulary
from indexer.encoder import Embeddings, unit_rows
from indexer.facets import FacetColumns
from indexer.row_blocks import Matrix
from indexer.vectors import Rows

_MOST_AVERAGED = 10_000  # practices of one theme whose mean is taken, spread evenly

THEME_FIELDS = ("approaches", "target_groups")


@dataclass(frozen=True, slots=True)
class Theme:
    """One code of a vocabulary and what people read for it."""

    field: str
    code: str
    label: str


def themes_of(vocabulary: Vocabulary) -> tuple[Theme, ...]:
    """Return the themes of a vocabulary in its order."""
    return tuple(
        Theme(field, code, label) for field in THEME_FIELDS for code, label in vocabulary.get(field, {}).items()
    )


def theme_embeddings(
    themes: Sequence[Theme], labels: Embeddings, facets: FacetColumns, embeddings: Matrix, firsts: Rows
) -> Embeddings:
    """Return one row a theme (k, dim): half its label (k, dim), half the mean of its practices.

    `embeddings` (n, dim) are those of all windows, of which `firsts` (practices,) are the first of each practice.
    """
    rows = labels.copy()
    for at, theme in enumerate(themes):
        has_theme = facets.rows(theme.field, theme.code)
        if len(has_theme):
            some = has_theme[:: -(-len(has_theme) // _MOST_AVERAGED)]
            rows[at] += unit_rows(embeddings[firsts[some]].mean(axis=0, keepdims=True))[0]
    return unit_rows(np.ascontiguousarray(rows, dtype=np.float32))
