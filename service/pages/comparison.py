"""Turn practices into rows of facts side by side, and say what all of them have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.practice import Practice
from service.facts import Fact, facts_of
from service.filters import FacetTable
from service.wording import Wording


@dataclass(frozen=True, slots=True)
class ComparedFact:
    """One fact of each of the practices compared, in their order, and the coded values that all of them have."""

    title: str
    facts: tuple[Fact, ...]
    shared: frozenset[str]


def compared_facts(practices: Sequence[Practice], facets: FacetTable, wording: Wording) -> list[ComparedFact]:
    """Return one row a fact; facts that are known of none of the practices are left out."""
    rows = zip(*(facts_of(practice, facets, wording) for practice in practices), strict=True)
    return [ComparedFact(row[0].title, row, _shared(row)) for row in rows if any(fact.values for fact in row)]


def _shared(facts: Sequence[Fact]) -> frozenset[str]:
    if len(facts) < 2 or not facts[0].is_coded:
        return frozenset()
    return frozenset.intersection(*(frozenset(fact.values) for fact in facts))
