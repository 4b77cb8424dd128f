"""CSV of any delimiter and encoding comes back as it was written."""

import codecs
import csv
import io
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.foreign.decoding import Decoded, decode
from indexer.foreign.delimited import is_delimited, read_delimited
from indexer.foreign.rows import ForeignFileError, ForeignTable

PATH = Path("a.csv")
CELL = st.text(st.sampled_from("abcdefgé ß,;|\t\"'\n=0123."), min_size=1, max_size=12).map(str.strip)


def read(text: str) -> ForeignTable:
    return read_delimited(PATH, Decoded(text, "UTF-8"))


def values(table: ForeignTable) -> list[dict[str, str]]:
    return [dict(row.values) for row in table.rows]


def places(table: ForeignTable) -> list[str]:
    return [doubt.place for doubt in table.doubts]


@pytest.mark.parametrize(
    ("delimiter", "form"),
    [
        (",", "CSV, UTF-8, separated by ','"),
        (";", "CSV, UTF-8, separated by ';'"),
        ("\t", "CSV, UTF-8, separated by tabs"),
        ("|", "CSV, UTF-8, separated by '|'"),
    ],
)
def test_the_delimiter_is_found(delimiter: str, form: str) -> None:
    table = read(f"id{delimiter}title\r\na{delimiter}Retired mentors\r\nb{delimiter}School\r\n")

    assert (table.form, table.columns) == (form, ("id", "title"))
    assert table.doubts == ()


def test_quoted_cells_hold_line_breaks_and_rows_say_where_they_begin() -> None:
    table = read('id,title\n"a","one\ntwo"\n\nb,"say ""yes"", please"\n')

    assert [(row.place, row.values["title"]) for row in table.rows] == [
        ("line 2", "one\ntwo"),
        ("line 5", 'say "yes", please'),
    ]
    assert table.doubts == ()


def test_a_line_for_excel_declares_the_delimiter() -> None:
    table = read("sep=;\nid;title\na;x, y\n")

    assert (table.columns, table.rows[0].place) == (("id", "title"), "line 3")


def test_text_above_the_names_does_not_hide_the_delimiter() -> None:
    table = read("Catalogue 2016\n\nid;title;country\n1;A, b;DE\n2;C, d;FR\n")

    assert table.columns == ("id", "title", "country")
    assert places(table) == ["line 1"]


def test_one_column_is_a_table_too() -> None:
    table = read("title\nSecond chance\nMentors\n")

    assert (table.form, values(table)) == (
        "CSV, UTF-8, one column",
        [{"title": "Second chance"}, {"title": "Mentors"}],
    )


@pytest.mark.parametrize(
    ("text", "place", "found"),
    [
        ('id,title\na,one\nb,"open\nc,three\n', "line 3", 'b,"open'),
        ('id,title\na,"one" more"\nb,two\n', "line 2", 'a,"one" more"'),
    ],
)
def test_quotes_that_do_not_pair_are_a_doubt(text: str, place: str, found: str) -> None:
    doubt = read(text).doubts[0]

    assert (doubt.place, doubt.found) == (place, found)


def test_a_cell_longer_than_the_csv_module_takes_is_read() -> None:
    usual = csv.field_size_limit()

    assert read(f"id,title\na,{'x' * 200_000}\n").rows[0].values["title"] == "x" * 200_000
    assert csv.field_size_limit() == usual


def test_no_text_is_refused() -> None:
    with pytest.raises(ForeignFileError, match=r"^a\.csv: there is no text in it"):
        read(",,\n,,\n")


def test_prose_is_not_taken_for_a_table() -> None:
    assert is_delimited("id;title\na;b\n")
    assert not is_delimited("Second chance\n\nA school, for adults.\n")


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=2, max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_was_written_is_read(rows: list[tuple[str, str, str]], delimiter: str, encoding: str, end: str) -> None:
    names = ("id", "title", "description")
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([names, *rows])
    mark = codecs.BOM_UTF16_LE if encoding == "utf-16-le" else b""

    table = read_delimited(PATH, decode(mark + file.getvalue().encode(encoding), "a.csv"))

    assert table.columns == names
    whole = [{name: cell for name, cell in zip(names, row, strict=True) if cell} for row in rows]
    assert values(table) == [row for row in whole if row]


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from('ab,;"\n\t|\\\r\x00'), max_size=40))
def test_any_text_is_a_table_or_refused(text: str) -> None:
    with suppress(ForeignFileError):
        assert read(text).columns
