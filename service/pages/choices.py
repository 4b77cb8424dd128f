"""Turn facet counts and filters into what a page offers: values to choose, chips to remove, and ways out of nothing."""

from dataclasses import dataclass

from service.facts import label_of
from service.filters import Facets, FacetTable
from service.pages.page_state import PageState
from service.phrases import field_title
from service.wording import Wording

CHOICE_FIELDS = (
    "country",
    "approaches",
    "target_groups",
    "levels",
    "measure_types",
    "status",
    "evidence_level",
    "effect",
)
"""Fields that pages offer to filter by, the most asked for first; a URL may name the others too."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a field: how many of the practices counted have it, and whether it is chosen."""

    value: str
    label: str
    count: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class FieldChoices:
    """The values of one field that can be chosen, the chosen ones first."""

    field: str
    title: str
    choices: tuple[Choice, ...]

    @property
    def chosen(self) -> int:
        """Return how many values are chosen."""
        return sum(choice.is_chosen for choice in self.choices)


@dataclass(frozen=True, slots=True)
class Chip:
    """One condition that is set, and the state without it."""

    title: str
    label: str
    without: PageState


@dataclass(frozen=True, slots=True)
class WayOut:
    """A field whose condition leaves nothing, the practices there are without it, and the state without it."""

    title: str
    labels: tuple[str, ...]
    count: int
    without: PageState


def field_choices(facets: Facets, state: PageState, table: FacetTable, wording: Wording) -> list[FieldChoices]:
    """Return what can be chosen, field by field; a value that is chosen is there even where its count is 0."""
    conditions = state.filters.conditions()
    found = []
    for field in dict.fromkeys((*CHOICE_FIELDS, *conditions)):
        chosen = conditions.get(field, ())
        counts = dict.fromkeys(chosen, 0) | {facet.value: facet.count for facet in facets[field]}
        choices = [
            Choice(value, label_of(field, value, table, wording), count, value in chosen)
            for value, count in counts.items()
        ]
        if choices:
            ordered = sorted(choices, key=lambda choice: (not choice.is_chosen, -choice.count, choice.label))
            found.append(FieldChoices(field, field_title(field, wording), tuple(ordered)))
    return found


def chips(state: PageState, table: FacetTable, wording: Wording) -> list[Chip]:
    """Return the conditions that are set, one a value."""
    return [
        Chip(field_title(field, wording), label_of(field, value, table, wording), state.without(field, value))
        for field, values in state.filters.conditions().items()
        for value in values
    ]


def ways_out(state: PageState, table: FacetTable, wording: Wording) -> list[WayOut]:
    """Return which one condition to drop where no practice passes all of them; the most fruitful first.

    Empty where none is enough by itself.
    """
    found = [
        WayOut(
            title=field_title(field, wording),
            labels=tuple(label_of(field, value, table, wording) for value in values),
            count=table.count(state.filters.without(field)),
            without=state.without(field),
        )
        for field, values in state.filters.conditions().items()
    ]
    return sorted((one for one in found if one.count), key=lambda one: (-one.count, one.title))
