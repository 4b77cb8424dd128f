"""Facet tables of a few practices that are in no release."""

from collections.abc import Sequence

from indexer.catalogue import Vocabulary
from indexer.facets import FacetColumns
from indexer.practice import Practice
from service.filters import FacetTable


def facet_table(practices: Sequence[Practice], vocabulary: Vocabulary) -> FacetTable:
    return FacetTable(FacetColumns.build(practices), vocabulary)
