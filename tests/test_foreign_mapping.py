"""Columns are known by their names in many languages where their values agree, else by their values."""

from pathlib import Path

import pytest

from indexer.foreign.mapping import FIELDS, NOTE, guess_mapping, read_mapping, write_mapping
from indexer.foreign.rows import ForeignFileError, ForeignRow, ForeignTable

LONG = (
    "A master of the trade meets each apprentice every week and helps to settle quarrels before a contract ends. " * 2
)


def table(*columns: tuple[str, list[str]]) -> ForeignTable:
    names = tuple(name for name, _ in columns)
    count = max(len(cells) for _, cells in columns)
    rows = (
        ForeignRow(f"line {at}", {name: cells[at] for name, cells in columns if at < len(cells) and cells[at]})
        for at in range(count)
    )
    return ForeignTable(Path("some.csv"), "CSV", names, tuple(rows), ())


def guessed(*columns: tuple[str, list[str]]) -> dict[str, str]:
    return {guess.column: guess.field for guess in guess_mapping(table(*columns))}


@pytest.mark.parametrize(
    ("name", "field"),
    [
        *(("Title", "title"), ("NAZIV PROJEKTA", "title"), ("Bezeichnung des Vorhabens", "title"), ("Τίτλος", "title")),
        *(("Zusammenfassung", "summary"), ("Project summary (EN)", "summary"), ("Descripton", "description")),
        *(("Zielgruppe", "target_groups"), ("Beneficiary name", "organisation"), ("Интернет страница", NOTE)),
        *(("Bemerkung", "note"), ("xyzzy", NOTE)),
    ],
)
def test_a_column_is_known_by_its_name(name: str, field: str) -> None:
    assert guessed((name, ["x 9"])) == {name: field}


def test_a_name_that_its_values_contradict_is_not_believed() -> None:
    assert guessed(("Country", ["Mountains", "Lakes"]), ("start", ["soon", "later"])) == {
        "Country": NOTE,
        "start": NOTE,
    }


def test_a_word_of_two_languages_means_what_its_values_say() -> None:
    assert guessed(("kraj", ["Polska", "Niemcy", "Czechy"])) == {"kraj": "country"}


def test_columns_without_a_telling_name_are_known_by_their_values() -> None:
    found = guessed(
        ("a", ["https://a.example", "https://b.example"]),
        ("b", ["Deutschland", "France"]),
        ("c", ["Mentors for apprentices", "A second chance school"]),
        ("d", [LONG, LONG[::-1]]),
        ("e", []),
    )
    assert found == {"a": "sources", "b": "country", "c": "title", "d": "description", "e": NOTE}


def test_of_two_columns_for_a_field_that_takes_one_the_first_keeps_it() -> None:
    assert guessed(("title", ["A"]), ("name", ["B"])) == {"title": "title", "name": NOTE}
    assert guessed(("description", ["A"]), ("details", ["B"])) == {
        "description": "description",
        "details": "description",
    }


def test_a_mapping_is_kept_as_a_file_that_says_how_to_change_it(tmp_path: Path) -> None:
    mapping = {"Titel, deutsch": "title", 'a "quoted" name': NOTE, "leer": ""}
    write_mapping(tmp_path / "mapping.toml", mapping)
    assert read_mapping(tmp_path / "mapping.toml", mapping) == mapping
    text = (tmp_path / "mapping.toml").read_text(encoding="utf-8")
    assert all(field in text for field in FIELDS)


def test_a_column_that_is_new_in_the_source_is_guessed_and_one_that_is_gone_is_left_out(tmp_path: Path) -> None:
    write_mapping(tmp_path / "mapping.toml", {"old": "title", "gone": "summary"})
    assert read_mapping(tmp_path / "mapping.toml", {"old": NOTE, "new": "country"}) == {
        "old": "title",
        "new": "country",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[columns", "is not a mapping"),
        ("[other]\na = 'title'", "is not a mapping"),
        ("columns = 1", "is not a mapping"),
        ("[columns]\na = 'titel'", "column 'a' is mapped to 'titel', expected one of: id, title"),
        ("[columns]\na = ['title']", "column 'a' is mapped to ['title'], expected one of"),
        ("[columns]\na = 'title'\nb = 'title'", "columns 'a', 'b' are all mapped to 'title', expected one"),
    ],
)
def test_a_mapping_that_cannot_be_used_says_why(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ForeignFileError) as refusal:
        read_mapping(path, {"a": NOTE, "b": NOTE})
    assert str(path) in str(refusal.value)
    assert message in str(refusal.value)
