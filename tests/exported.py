"""A catalogue in which every field is told, hostile texts too, and the way its cells are read back."""

import json
from collections.abc import Mapping
from datetime import date

from indexer.description import Description
from indexer.practice import Practice, Result, Source
from indexer.source import CatalogueSource
from service.exports.cells import BETWEEN
from service.exports.fields import PracticeField, practice_fields
from tests.fakes import PRACTICES, THESAURUS, VOCABULARY

LICENCE_URL = "https://licence.example/by/4.0/"
DESCRIPTION = Description(
    title="Small catalogue",
    about="Practices that can be checked by hand.",
    publisher="Nobody & Sons",
    homepage="https://catalogue.example/",
    licence="CC-BY-4.0",
    licence_url=LICENCE_URL,
    provenance="Written for tests.",
)
TOLD = Practice(
    id="told",
    title="=HYPERLINK(1)",
    original_title="'=already",
    summary='Pupils; parents, and "masters"\nmeet.',
    description="One.\r\n\r\nTwo\ttabs.",
    language="en",
    country="FR",
    region="Île-de-France",
    languages=("fr", "de"),
    period="since 2001",
    start_year=2001,
    end_year=2020,
    status="renamed",
    succeeded_by="mentors",
    organisation="-- Ministry --",
    funding="<r>State</r>",
    target_groups=("apprentices", "neets"),
    target_group_note="Apprentices, and others",
    age_min=0,
    age_max=25,
    approaches=("mentoring", "outreach"),
    measure_types=("prevention",),
    levels=("upper-secondary",),
    level_note="Upper secondary",
    evidence_level=0,
    evidence_note="@home",
    effect="negative",
    results=(
        Result(text="80 % stayed; 20 % left.\n  source: none", source="https://result.example/?a=1;b=2"),
        Result(text="None of them paid."),
    ),
    sources=(
        Source(url="https://source.example/", note="Report\n\nof 2 pages", retrieved=date(2024, 2, 29)),
        Source(url="javascript:alert(1)", retrieved=date(2024, 3, 1)),
        Source(url="A book"),
    ),
    listed_in=("a-list",),
    is_verified=False,
    note="</script> & 'quotes'",
)
CATALOGUE = (*PRACTICES, TOLD)


def told_source(description: Description = DESCRIPTION) -> CatalogueSource:
    """Return a source with `CATALOGUE`."""
    return CatalogueSource("told.jsonl", CATALOGUE, VOCABULARY, THESAURUS, (), description=description)


def read_back(cells: Mapping[str, object]) -> Practice:
    """Return the practice that a row of cells was made of, by field; an empty cell is a field that is not known."""
    values = {
        field.name: _value(field, str(cells[field.name]))
        for field in practice_fields()
        if cells[field.name] not in ("", None)
    }
    return Practice.model_validate_json(json.dumps(values))


def _value(field: PracticeField, text: str) -> object:
    if field.parts:
        return _records(field.parts[0].name, text)
    if field.is_list:
        return text.split(BETWEEN)
    if field.value["type"] == "integer":
        return int(text)
    return {"true": True, "false": False}[text] if field.value["type"] == "boolean" else text


def _records(first: str, text: str) -> list[dict[str, str]]:
    records: list[dict[str, str]] = []
    name = first
    for line in text.split("\n"):
        if line.startswith("    "):
            records[-1][name] += "\n" + line[4:]
        elif line.startswith("  "):
            name, _, value = line[2:].partition(": ")
            records[-1][name] = value
        else:
            name = first
            records.append({first: line})
    return records
