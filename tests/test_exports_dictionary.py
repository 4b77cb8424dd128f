"""The data dictionary says of each field its type, its values and its meaning, from the model and the vocabulary."""

from typing import Literal

import pytest
from pydantic import Field

from indexer.practice import Practice
from service.exports import fields
from service.exports.dictionary import FieldRow, FieldValue, data_dictionary
from tests.fakes import VOCABULARY

ROWS = {row.field: row for row in data_dictionary(VOCABULARY)}


def test_a_record_within_a_practice_is_told_behind_its_field() -> None:
    names = list(ROWS)
    at = names.index("sources")

    assert names[at : at + 4] == ["sources", "sources.url", "sources.note", "sources.retrieved"]
    assert ROWS["sources"].type == "list of: record of the fields below"
    assert ROWS["sources.url"].is_required
    assert ROWS["sources.retrieved"].type == "date, such as 2026-11-25"


@pytest.mark.parametrize(
    ("field", "type_"),
    [
        ("title", "text"),
        ("age_min", "whole number from 0 to 120"),
        ("is_verified", "true or false"),
        ("languages", "list of: text"),
        ("approaches", "list of: text of the form ^[a-z0-9]+(-[a-z0-9]+)*$ of at most 64 characters"),
    ],
)
def test_types_are_in_plain_words_with_their_bounds(field: str, type_: str) -> None:
    assert ROWS[field].type == type_


def test_values_are_those_of_the_vocabulary_with_labels_and_those_of_the_model() -> None:
    expected = tuple(FieldValue(code, label) for code, label in VOCABULARY["approaches"].items())

    assert ROWS["approaches"].values == expected
    assert [value.code for value in ROWS["effect"].values] == ["positive", "none", "negative", "mixed", "unknown"]
    assert ROWS["title"].values == ()


def test_a_field_that_is_added_to_the_model_appears_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    class Longer(Practice):
        cost: Literal["low", "high"] | None = Field(default=None, description="What it costs.")

    monkeypatch.setattr(fields, "Practice", Longer)
    fields.practice_fields.cache_clear()
    try:
        last = data_dictionary({"cost": {"low": "Little"}})[-1]
    finally:
        fields.practice_fields.cache_clear()

    assert last == FieldRow(
        "cost", "text", is_required=False, values=(FieldValue("low", "Little"), FieldValue("high", "")),
        description="What it costs.",
    )  # fmt: skip
