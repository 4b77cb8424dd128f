"""Turn a vocabulary into themes: what a question is near to when no practice fits it, and what a hit shares with it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexer.catalogue import Vocabulary
from indexer.encoder import Embeddings, unit_rows
from indexer.practice import Practice, field_values

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
    themes: Sequence[Theme], labels: Embeddings, practices: Sequence[Practice], embeddings: Embeddings
) -> Embeddings:
    """Return one row a theme (k, dim): half its label (k, dim), half the mean of its practices among all (n, dim)."""
    rows = labels.copy()
    for at, theme in enumerate(themes):
        has_theme = [row for row, one in enumerate(practices) if theme.code in field_values(one, theme.field)]
        if has_theme:
            rows[at] += unit_rows(embeddings[has_theme].mean(axis=0, keepdims=True))[0]
    return unit_rows(np.ascontiguousarray(rows, dtype=np.float32))
