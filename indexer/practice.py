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

    url: Text = Field(description="Address of the page or document; where there is none, its name.")
    note: Text | None = Field(default=None, description="What it is, or what was read in it.")
    retrieved: date | None = Field(default=None, description="Day on which it was read.")


class Result(_Record):
    """One reported outcome, and the address that reports it where that is known."""

    text: Text = Field(description="The outcome, in words.")
    source: Text | None = Field(default=None, description="Address of the page or document that reports it.")


class Practice(_Record):
    """One programme of a catalogue. Only `id` and `title` are required; what is not known is empty."""

    id: PracticeId = Field(description="Name of the practice in addresses; it is used once and never changes.")
    title: Text = Field(description="Title, in the language of the record.")
    original_title: Text | None = Field(default=None, description="Title in the language in which it is known there.")
    summary: Text | None = Field(default=None, description="What the practice is, in one or two sentences.")
    description: Text | None = Field(default=None, description="What is done, by whom and for whom, as a whole.")
    language: Language | None = Field(
        default=None, description="Language of this record's own text, an ISO 639-1 code such as 'de'."
    )

    country: Country | None = Field(
        default=None, description="Where it takes place, an ISO 3166 code such as 'FR'; 'EU' for several countries."
    )
    region: Text | None = Field(default=None, description="The part of the country.")
    languages: tuple[Language, ...] = Field(
        default=(), description="Languages in which the programme works, ISO 639-1 codes."
    )

    period: Text | None = Field(default=None, description="When it runs, in words.")
    start_year: Year | None = Field(default=None, description="Calendar year in which it began.")
    end_year: Year | None = Field(default=None, description="Calendar year in which it ended, itself included.")
    status: Literal["running", "ended", "renamed", "unknown"] = Field(
        default="unknown", description="Whether it still runs."
    )
    succeeded_by: PracticeId | None = Field(default=None, description="Id of the practice that came in its place.")

    organisation: Text | None = Field(default=None, description="Who is responsible for it.")
    funding: Text | None = Field(default=None, description="Who pays for it.")

    target_groups: tuple[Code, ...] = Field(default=(), description="Who it is for, as codes.")
    target_group_note: Text | None = Field(default=None, description="Who it is for, in words.")
    age_min: Age | None = Field(default=None, description="Lowest age in years that it takes, itself included.")
    age_max: Age | None = Field(default=None, description="Highest age in years that it takes, itself included.")

    approaches: tuple[Code, ...] = Field(default=(), description="What it does, as codes.")
    measure_types: tuple[Code, ...] = Field(default=(), description="When it acts, as codes.")
    levels: tuple[Code, ...] = Field(default=(), description="Levels of education, as codes.")
    level_note: Text | None = Field(default=None, description="Levels of education, in words.")

    evidence_level: Annotated[int, Field(ge=0, le=4, strict=True)] | None = Field(
        default=None,
        description="How it was examined: 0 description only, 1 monitoring or provider figures, 2 survey or process "
        "evaluation, 3 comparison group, 4 randomised trial or systematic review.",
    )
    evidence_note: Text | None = Field(default=None, description="How it was examined, in words.")
    effect: Literal["positive", "none", "negative", "mixed", "unknown"] = Field(
        default="unknown",
        description="Direction of the effect on staying in or returning to education; the level of evidence is apart.",
    )
    results: tuple[Result, ...] = Field(default=(), description="Outcomes that were reported.")

    sources: tuple[Source, ...] = Field(default=(), description="Where the facts were read.")
    listed_in: tuple[Code, ...] = Field(default=(), description="Collections that have the practice too, as codes.")
    is_verified: bool | None = Field(
        default=None, description="Whether its facts could be checked against the sources that are named."
    )
    note: Text | None = Field(default=None, description="What else is to be known, doubts above all.")

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
