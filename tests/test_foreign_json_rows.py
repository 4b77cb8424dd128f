"""JSON becomes flat rows, each number as it is written, each bad row told."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.foreign.decoding import Decoded
from indexer.foreign.json_rows import read_json
from indexer.foreign.rows import ForeignFileError, ForeignTable

PATH = Path("a.json")


def read(text: str, *, has_object_lines: bool = False) -> ForeignTable:
    return read_json(PATH, Decoded(text, "UTF-8"), has_object_lines=has_object_lines)


def values(table: ForeignTable) -> list[dict[str, str]]:
    return [dict(row.values) for row in table.rows]


def test_a_list_of_objects_is_a_table() -> None:
    table = read('[{"id": "a", "year": 2010.0}, {"id": "b", "is_open": true, "note": null, "text": " "}]')

    assert (table.form, table.columns) == ("JSON, UTF-8", ("id", "year", "is_open"))
    assert [(row.place, dict(row.values)) for row in table.rows] == [
        ("entry 1", {"id": "a", "year": "2010.0"}),
        ("entry 2", {"id": "b", "is_open": "true"}),
    ]


def test_what_is_nested_is_flat() -> None:
    table = read('[{"tags": ["x", 2, null], "run": {"by": {"name": "A"}}, "sources": [{"url": "u"}, {"url": "v"}]}]')

    assert values(table) == [
        {"tags": "x; 2", "run.by.name": "A", "sources.1.url": "u", "sources.2.url": "v"},
    ]


def test_the_only_list_in_an_object_is_read_and_what_stands_beside_it_told() -> None:
    table = read('{"version": 3, "practices": [{"id": "a"}], "tags": ["x"]}')

    assert values(table) == [{"id": "a"}]
    assert [(doubt.place, doubt.found) for doubt in table.doubts] == [("'version'", "3"), ("'tags'", "x")]


def test_lines_of_objects_say_their_line() -> None:
    table = read('{"id": "a"}\n\n{"id": "b\u2028c"}\n')

    assert (table.form, [row.place for row in table.rows]) == ("JSON lines, UTF-8", ["line 1", "line 3"])
    assert values(read('{"id": "a", "sources": [{"url": "u"}]}', has_object_lines=True)) == [
        {"id": "a", "sources.1.url": "u"}
    ]


def test_a_name_that_stands_twice_keeps_both_values() -> None:
    table = read('[{"a": "1", "a": "2", "b.c": "3", "b": {"c": "4"}}]')

    assert values(table) == [{"a": "1", "a (2)": "2", "b.c": "3", "b.c (2)": "4"}]
    assert len(table.doubts) == 2


def test_an_entry_without_values_is_a_doubt() -> None:
    assert [doubt.place for doubt in read('[{"id": "a"}, {}]').doubts] == ["entry 2"]


def test_all_bad_rows_are_listed_at_once_but_no_more_than_fifty() -> None:
    with pytest.raises(ForeignFileError) as refusal:
        read('{"id": "a"}\n{"id": \n[1]\n', has_object_lines=True)
    assert [line.split(":")[0] for line in str(refusal.value).splitlines()] == ["a.json, line 2", "a.json, line 3"]

    with pytest.raises(ForeignFileError) as refusal:
        read(json.dumps([{"id": "a"}, *range(60)]))
    assert len(str(refusal.value).splitlines()) == 51
    assert str(refusal.value).endswith("... and 10 more")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "not readable as JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "no entry in this file"),
        ('{"a": 1}', "no list of objects in it"),
        ('{"a": [{"b": 1}], "c": [{"d": 1}]}', "the lists 'a', 'c' in it"),
        ('"text"', "no list of objects in it"),
    ],
)
def test_what_is_no_list_of_objects_is_refused(text: str, message: str) -> None:
    with pytest.raises(ForeignFileError, match=message):
        read(text)


@given(st.lists(st.dictionaries(st.text(st.sampled_from("abc"), min_size=1), st.text(max_size=5)), min_size=1))
def test_what_was_written_is_read(rows: list[dict[str, str]]) -> None:
    expected = [{name: text.strip() for name, text in row.items() if text.strip()} for row in rows]

    assert values(read(json.dumps(rows))) == expected
    assert values(read("\n".join(map(json.dumps, rows)), has_object_lines=True)) == expected


@given(st.text(st.sampled_from('[]{}":,a1 \n')))
def test_any_text_is_a_table_or_refused(text: str) -> None:
    with suppress(ForeignFileError):
        assert read(text).rows
