"""Turn filters on the fields of practices into the rows that pass, and rows into facet counts. Both are exact."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from babel import Locale
from pydantic import BaseModel, ConfigDict, Field

from indexer.catalogue import Vocabulary
from indexer.facets import FACET_FIELDS, FacetColumns
from indexer.practice import Practice, field_values
from indexer.vectors import Allowed, Mask
from service.limits import MOST_FILTER_VALUES
from service.wording import SEVERAL_COUNTRIES, translatable

Values = Annotated[tuple[str, ...], Field(max_length=MOST_FILTER_VALUES)]

_ENGLISH = Locale("en")
COUNTRY_LABELS: Mapping[str, str] = {
    **_ENGLISH.territories,
    SEVERAL_COUNTRIES: translatable("Several European countries"),
}
_LABELS: Mapping[str, Mapping[str, str]] = {
    "country": COUNTRY_LABELS,
    "languages": _ENGLISH.languages,
    "evidence_level": {
        "0": translatable("Description only"),
        "1": translatable("Monitoring or provider figures"),
        "2": translatable("Survey or process evaluation"),
        "3": translatable("Comparison group"),
        "4": translatable("Randomised trial or systematic review"),
    },
    "status": {
        "running": translatable("Running"),
        "ended": translatable("Ended"),
        "renamed": translatable("Renamed or merged"),
        "unknown": translatable("Not known"),
    },
    "effect": {
        "positive": translatable("Positive"),
        "none": translatable("No effect found"),
        "negative": translatable("Negative"),
        "mixed": translatable("Mixed"),
        "unknown": translatable("Not known"),
    },
}


class Filters(BaseModel):
    """Conditions on practices: within one field any of the values, and every field that has values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    country: Values = Field(default=(), description="ISO 3166 codes; 'EU' for several countries")
    region: Values = Field(default=(), description="names of regions as the catalogue writes them")
    languages: Values = Field(default=(), description="ISO 639-1 codes of the languages a programme works in")
    status: Values = Field(default=(), description="running, ended, renamed or unknown")
    approaches: Values = Field(default=(), description="codes of the vocabulary, such as 'coaching'")
    target_groups: Values = Field(default=(), description="codes of the vocabulary, such as 'apprentices'")
    measure_types: Values = Field(default=(), description="prevention, intervention or compensation")
    levels: Values = Field(default=(), description="codes of the vocabulary, such as 'apprenticeship'")
    evidence_level: Values = Field(default=(), description="'0' to '4'")
    effect: Values = Field(default=(), description="positive, none, negative, mixed or unknown")

    def conditions(self) -> dict[str, Values]:
        """Return the fields that have values."""
        found = {field: getattr(self, field) for field in FILTER_FIELDS}
        return {field: values for field, values in found.items() if values}

    def alone(self) -> "Filters":
        """Return the filters without what a request with more fields says beside them."""
        return Filters(**self.model_dump(include=set(FILTER_FIELDS)))

    def without(self, field: str) -> "Filters":
        """Return the filters without the condition on one field."""
        return Filters(**{name: values for name, values in self.conditions().items() if name != field})


FILTER_FIELDS = FACET_FIELDS
NO_FILTERS = Filters()


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value of a field and how many practices have it."""

    value: str
    label: str
    count: int


Facets = dict[str, list[FacetValue]]


class FacetTable:
    """Which practices pass filters, and how many have which value."""

    def __init__(self, columns: FacetColumns, vocabulary: Vocabulary) -> None:
        self.columns = columns
        self._vocabulary = vocabulary

    def passing(self, filters: Filters) -> Mask | None:
        """Return which practices (n,) pass, None where there is no condition."""
        conditions = filters.conditions()
        if not conditions:
            return None
        passing: Mask = np.logical_and.reduce(
            [self.columns.having(field, values) for field, values in conditions.items()]
        )
        return passing

    def allowed(self, filters: Filters) -> Allowed | None:
        """Return the same with the conditions that it was made of, for what searches by these."""
        passing = self.passing(filters)
        return None if passing is None else Allowed(passing, filters.conditions())

    def counts(self, shown: Mask | None = None) -> Facets:
        """Return the values that occur among the practices `shown` (n,), the most frequent first, then by label."""
        return {field: self._counts(field, shown) for field in FILTER_FIELDS}

    def counts_of(self, practices: Sequence[Practice]) -> Facets:
        """Return the values that occur among a few practices, the most frequent first, then by label."""
        return {field: self._facet_values(field, _counted(practices, field).items()) for field in FILTER_FIELDS}

    def counts_to_choose(self, filters: Filters) -> Facets:
        """Return for each field its values among the practices that pass the conditions on all other fields.

        A count says what one more value of a field brings: several values of a field mean any of them.
        """
        return {field: self._counts(field, self.passing(filters.without(field))) for field in FILTER_FIELDS}

    def count(self, filters: Filters) -> int:
        """Return how many practices pass."""
        passing = self.passing(filters)
        return self.columns.size if passing is None else int(passing.sum())

    def label(self, field: str, value: str) -> str:
        """Return what people read, in English, for a value of a field; the value where nothing is known of it."""
        labels = self._vocabulary.get(field) or _LABELS.get(field, {})
        return labels.get(value, value)

    def _counts(self, field: str, shown: Mask | None) -> list[FacetValue]:
        return self._facet_values(field, self.columns.counts(field, shown))

    def _facet_values(self, field: str, counts: Iterable[tuple[str, int]]) -> list[FacetValue]:
        found = [FacetValue(value, self.label(field, value), count) for value, count in counts if count]
        return sorted(found, key=lambda facet: (-facet.count, facet.label, facet.value))


def _counted(practices: Sequence[Practice], field: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for practice in practices:
        for value in dict.fromkeys(field_values(practice, field)):
            counts[value] = counts.get(value, 0) + 1
    return counts
