"""Turn one foreign record into a `Practice`: a frozen, validated description of one programme."""

from datetime import date
from functools import cache
from typing import Annotated, Literal, Self

from babel import Locale
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""A text that says something: never empty, no white space at its ends."""

Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
"""A value of a controlled vocabulary, such as 'second-chance'."""

PracticeId = Annotated[str, StringConstraints(pattern=r"^[^\s/?#.\x00-\x1f][^\s/?#\x00-\x1f]{0,127}$")]
"""An id that is safe in a URL path and in a TREC run: no white space, no slash, no leading dot."""

Year = Annotated[int, Field(ge=1800, le=2200, strict=True)]
Age = Annotated[int, Field(ge=0, le=120, strict=True)]


@cache
def _known_codes(kind: Literal["territories", "languages"]) -> frozenset[str]:
    english = Locale("en")
    names = english.territories if kind == "territories" else english.languages
    return frozenset(str(code) for code in names if len(str(code)) == 2)


def _country(code: str) -> str:
    if code not in _known_codes("territories"):
        raise ValueError("expected an ISO 3166 code such as 'FR' ('EU' for several countries)")
    return code


def _language(code: str) -> str:
    if code not in _known_codes("languages"):
        raise ValueError("expected an ISO 639-1 code such as 'de'")
    return code


Country = Annotated[str, AfterValidator(_country)]
Language = Annotated[str, AfterValidator(_language)]


class _Record(BaseModel):
    """Frozen; an unknown field is an error, so that nothing of a foreign file is lost silently."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Record):
    """Where facts about a practice were read."""

    url: Text
    note: Text | None = None
    retrieved: date | None = None


class Result(_Record):
    """One reported outcome, and the address that reports it where that is known."""

    text: Text
    source: Text | None = None


class Practice(_Record):
    """One programme of a catalogue. Only `id` and `title` are required; what is not known is empty.

    `evidence_level`: 0 description only, 1 monitoring or provider figures, 2 survey or process evaluation,
    3 comparison group, 4 randomised trial or systematic review. `effect` is the direction of the effect on staying
    in or returning to education, kept apart from the level. `start_year` and `end_year` are calendar years,
    `age_min` and `age_max` years of age, both inclusive. `language` is the language of this record's own text,
    `languages` those in which the programme works.
    """

    id: PracticeId
    title: Text
    original_title: Text | None = None
    summary: Text | None = None
    description: Text | None = None
    language: Language | None = None

    country: Country | None = None
    region: Text | None = None
    languages: tuple[Language, ...] = ()

    period: Text | None = None
    start_year: Year | None = None
    end_year: Year | None = None
    status: Literal["running", "ended", "renamed", "unknown"] = "unknown"
    succeeded_by: PracticeId | None = None

    organisation: Text | None = None
    funding: Text | None = None

    target_groups: tuple[Code, ...] = ()
    target_group_note: Text | None = None
    age_min: Age | None = None
    age_max: Age | None = None

    approaches: tuple[Code, ...] = ()
    measure_types: tuple[Code, ...] = ()
    levels: tuple[Code, ...] = ()
    level_note: Text | None = None

    evidence_level: Annotated[int, Field(ge=0, le=4, strict=True)] | None = None
    evidence_note: Text | None = None
    effect: Literal["positive", "none", "negative", "mixed", "unknown"] = "unknown"
    results: tuple[Result, ...] = ()

    sources: tuple[Source, ...] = ()
    listed_in: tuple[Code, ...] = ()
    is_verified: bool | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _ranges_run_forwards(self) -> Self:
        for low, high in (("start_year", "end_year"), ("age_min", "age_max")):
            first, last = getattr(self, low), getattr(self, high)
            if first is not None and last is not None and first > last:
                raise ValueError(f"'{low}' is {first} and '{high}' is {last}, expected {low} <= {high}")
        return self


def field_values(practice: Practice, field: str) -> tuple[str, ...]:
    """Return the values of one field as filters and vocabularies name them; empty where it is not known."""
    value = getattr(practice, field)
    if value is None:
        return ()
    if isinstance(value, tuple):
        return tuple(map(str, value))
    return (str(value),)
