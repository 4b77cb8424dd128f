"""Turn a practice into its facts in the reader's language: what its page, a comparison and a download show alike."""

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.practice import Practice, field_values
from service.filters import FacetTable
from service.phrases import field_title
from service.wording import Wording

FACT_FIELDS = (
    *("country", "region", "period", "status", "organisation", "funding", "target_groups", "ages", "approaches"),
    *("measure_types", "levels", "languages", "evidence_level", "effect", "results", "listed_in"),
)
"""The facts of a practice in the order in which they are shown; sources and notes stand apart."""

_NOTE_OF = {"target_groups": "target_group_note", "levels": "level_note", "evidence_level": "evidence_note"}
_CODED = frozenset(
    (
        *("country", "status", "target_groups", "approaches", "measure_types", "levels", "languages"),
        *("evidence_level", "effect", "listed_in"),
    )
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One field of a practice: its title and values, in the reader's language where they are codes.

    `values` is empty where nothing is known. `note` is a remark in the practice's own language.
    """

    field: str
    title: str
    values: tuple[str, ...]
    is_coded: bool
    note: str | None = None


def facts_of(
    practice: Practice, facets: FacetTable, wording: Wording, fields: Sequence[str] = FACT_FIELDS
) -> list[Fact]:
    """Return the facts of a practice, one a field in the order of `fields`, those that are not known too."""
    return [
        Fact(
            field=field,
            title=field_title(field, wording),
            values=_values(practice, field, facets, wording),
            is_coded=field in _CODED or field == "ages",
            note=getattr(practice, _NOTE_OF[field]) if field in _NOTE_OF else None,
        )
        for field in fields
    ]


def labels_of(practice: Practice, field: str, facets: FacetTable, wording: Wording) -> tuple[str, ...]:
    """Return what people read for the codes of one field; empty where nothing is known."""
    codes = [code for code in field_values(practice, field) if code != "unknown"]
    return tuple(label_of(field, code, facets, wording) for code in codes)


def label_of(field: str, value: str, facets: FacetTable, wording: Wording) -> str:
    """Return what people read for a value of a field, in the reader's language."""
    return wording.label(field, value, facets.label(field, value))


def age_range(practice: Practice, wording: Wording) -> str | None:
    """Return the ages that a practice is for, None where they are not known."""
    low, high = practice.age_min, practice.age_max
    if low is None and high is None:
        return None
    if high is None:
        return wording.gettext("{age} and older").format(age=low)
    if low is None:
        return wording.gettext("up to {age}").format(age=high)
    return wording.gettext("{low} to {high}").format(low=low, high=high) if low != high else str(low)


def _values(practice: Practice, field: str, facets: FacetTable, wording: Wording) -> tuple[str, ...]:
    if field in _CODED:
        return labels_of(practice, field, facets, wording)
    if field == "results":
        return tuple(result.text for result in practice.results)
    value = age_range(practice, wording) if field == "ages" else getattr(practice, field)
    return () if value is None else (str(value),)
