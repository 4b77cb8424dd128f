"""Reading a catalogue reports every bad row at once, says where and what it is, and loses no row."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.catalogue import CatalogueError, Problem, read_catalogue, read_vocabulary
from indexer.practice import Practice
from tests.fakes import PRACTICES

VOCABULARY = {"approaches": {"mentoring": "Mentoring", "outreach": "Outreach"}}
BOM = b"\xef\xbb\xbf"
ONE_OBJECT = "Input should be an object"


def row(practice_id: str, **fields: object) -> bytes:
    return json.dumps({"id": practice_id, "title": f"Title of {practice_id}"} | fields, ensure_ascii=False).encode()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_lines(*lines: bytes, end: bytes = b"\n", start: bytes = b"") -> Path:
        path = tmp_path / "practices.jsonl"
        path.write_bytes(start + b"".join(line + end for line in lines))
        return path

    return write_lines


def problems(path: Path, vocabulary: dict[str, dict[str, str]] | None = None) -> list[tuple[int, str, str, str]]:
    with pytest.raises(CatalogueError) as refusal:
        read_catalogue(path, vocabulary or {})
    assert {problem.path for problem in refusal.value.problems} == {path}
    return [(problem.line, problem.field, problem.found, problem.expected) for problem in refusal.value.problems]


def ids(path: Path) -> list[str]:
    return [practice.id for practice in read_catalogue(path, {})]


def test_good_rows_come_whole_and_in_the_order_of_the_file(write: Callable[..., Path]) -> None:
    path = write(*(practice.model_dump_json().encode() for practice in PRACTICES))
    assert list(read_catalogue(path, {})) == list(PRACTICES)


def test_blank_lines_are_skipped_but_counted(write: Callable[..., Path]) -> None:
    assert ids(write(b"", row("b"), b" \t", b"", row("a"), b"")) == ["b", "a"]
    assert problems(write(b"", row("b"), b"  ", b"{}")) == [
        (4, "id", "missing", "expected a value"),
        (4, "title", "missing", "expected a value"),
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"  \r\n\r\n"])
@pytest.mark.parametrize("start", [b"", BOM])
def test_a_byte_order_mark_and_windows_lines_change_nothing(
    write: Callable[..., Path], end: bytes, start: bytes
) -> None:
    lines = [practice.model_dump_json().encode() for practice in PRACTICES]
    assert list(read_catalogue(write(*lines, end=end, start=start), {})) == list(PRACTICES)


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    path = tmp_path / "practices.jsonl"
    path.write_bytes(row("a") + b"\n" + row("b"))
    assert ids(path) == ["a", "b"]


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\u0085", "\u00a0", "\\n", "\\u000b", "😀", "ß"])
def test_no_character_inside_a_text_ends_a_row(write: Callable[..., Path], character: str) -> None:
    path = write(f'{{"id": "a", "title": "Second{character}chance"}}'.encode(), row("b"))
    meant = json.loads(f'"{character}"')
    assert [practice.title for practice in read_catalogue(path, {})] == [f"Second{meant}chance", "Title of b"]


def test_a_practice_is_read_again_from_its_place_in_the_file(write: Callable[..., Path]) -> None:
    lines = [practice.model_dump_json().encode() for practice in PRACTICES]
    path = write(b"", lines[0], b" \t", lines[1], b"", lines[2], lines[3], end=b"\r\n", start=BOM)
    found = read_catalogue(path, {})
    assert len(found) == 4
    assert [found[row] for row in (3, 1, -2, 0)] == [PRACTICES[row] for row in (3, 1, 2, 0)]
    assert found[1:3] == list(PRACTICES[1:3])


def test_a_catalogue_is_read_on_as_it_was_when_its_file_is_replaced(write: Callable[..., Path], tmp_path: Path) -> None:
    found = read_catalogue(write(row("a"), row("b")), {})
    (tmp_path / "other.jsonl").write_bytes(row("c", title="Another one"))
    (tmp_path / "other.jsonl").replace(tmp_path / "practices.jsonl")
    assert [practice.id for practice in found] == ["a", "b"]
    assert ids(tmp_path / "practices.jsonl") == ["c"]


def test_every_kind_of_bad_row_is_reported_at_once_in_the_order_of_the_file(write: Callable[..., Path]) -> None:
    path = write(
        row("a", country="Frnace"),
        row("b"),
        b'{"id": "c", ',
        row("d", colour="red", language="xx"),
        row("b"),
        b"",
        b'{"summary": "A school."}',
        row("e", approaches=["mentoring", "mentorng"], levels=["anything"]),
        b'{"id": "f", "title": "\xff"}',
        row("g", succeeded_by="nobody"),
        b'["a list"]',
        row("h", start_year=2010, end_year=2000),
        row("i", results=[{"text": "ok"}, {"text": " "}], evidence_level=7),
        row("j", succeeded_by="b"),
        row("k k"),
    )
    found = problems(path, VOCABULARY)
    invalid_json = [problem for problem in found if problem[3].startswith("Invalid JSON")]
    assert [problem[:3] for problem in invalid_json] == [(3, "", "row is not valid"), (9, "", "row is not valid")]
    id_expected = next(expected for line, _, _, expected in found if line == 15)
    assert [problem for problem in found if problem not in invalid_json] == [
        (1, "country", '"Frnace"', "expected an ISO 3166 code such as 'FR' ('EU' for several countries)"),
        (4, "language", '"xx"', "expected an ISO 639-1 code such as 'de'"),
        (4, "colour", '"red"', "Extra inputs are not permitted"),
        (5, "id", "'b'", "expected an id of its own, line 2 has this one already"),
        (7, "id", "missing", "expected a value"),
        (7, "title", "missing", "expected a value"),
        (8, "approaches", "'mentorng'", "expected one of: mentoring, outreach"),
        (10, "succeeded_by", "'nobody'", "no practice has this id"),
        (11, "", "row is not valid", ONE_OBJECT),
        (12, "", "row is not valid", "'start_year' is 2010 and 'end_year' is 2000, expected start_year <= end_year"),
        (13, "evidence_level", "7", "Input should be less than or equal to 4"),
        (13, "results.1.text", '" "', "String should have at least 1 character"),
        (15, "id", '"k k"', id_expected),
    ]
    assert "match pattern" in id_expected


@pytest.mark.parametrize("line", [b"[]", b"3", b'"text"', b"null", b"true"])
def test_a_row_that_is_no_object_is_reported_with_its_line(write: Callable[..., Path], line: bytes) -> None:
    assert problems(write(row("a"), line, row("b"))) == [(2, "", "row is not valid", ONE_OBJECT)]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b'{"id": "a", "title": "x"} {"id": "b", "title": "y"}',
        b"{'id': 'a', 'title': 'x'}",
        b'{"id": "a", "title": "x",}',
        b"id,title",
        b'{"id": "a", "title": "\\ud800"}',
        b'{"id": "a", "title": "caf\xe9"}',
        b'{"id": "a", "title": "\xed\xa0\x80"}',
        b'{"id": "a", "title": "a\x00b"}',
    ],
)
def test_a_row_that_is_not_json_in_utf_8_is_reported_with_its_line(write: Callable[..., Path], line: bytes) -> None:
    [(number, field, found, expected)] = problems(write(row("good"), line, row("also-good")))
    assert (number, field, found) == (2, "", "row is not valid")
    assert expected.startswith("Invalid JSON: ")


def test_each_later_row_with_an_id_is_reported_against_the_first(write: Callable[..., Path]) -> None:
    path = write(row("a"), row("b"), row("a"), row("A"), row("a", title="Another"))
    expected = "expected an id of its own, line 1 has this one already"
    assert problems(path) == [(3, "id", "'a'", expected), (5, "id", "'a'", expected)]


def test_a_successor_may_stand_before_or_after(write: Callable[..., Path]) -> None:
    path = write(row("a", succeeded_by="b"), row("b"), row("c", succeeded_by="a"))
    assert [practice.succeeded_by for practice in read_catalogue(path, {})] == ["b", None, "a"]


def test_every_code_outside_the_vocabulary_is_reported(write: Callable[..., Path]) -> None:
    path = write(row("a", approaches=["x", "mentoring", "y"]), row("b", approaches=["outreach"], levels=["z"]))
    vocabulary = VOCABULARY | {"levels": {"primary": "Primary"}}
    expected = "expected one of: mentoring, outreach"
    assert problems(path, vocabulary) == [
        (1, "approaches", "'x'", expected),
        (1, "approaches", "'y'", expected),
        (2, "levels", "'z'", "expected one of: primary"),
    ]


def test_a_field_without_a_vocabulary_takes_any_code(write: Callable[..., Path]) -> None:
    [practice] = read_catalogue(write(row("a", levels=["anything"])), VOCABULARY)
    assert practice.levels == ("anything",)


def test_the_vocabulary_beside_the_file_is_the_default(write: Callable[..., Path], tmp_path: Path) -> None:
    path = write(row("a", approaches=["mentoring"]))
    assert ids(path) == ["a"]
    (tmp_path / "vocabulary.toml").write_text('[approaches]\noutreach = "Outreach"\n', encoding="utf-8")
    with pytest.raises(CatalogueError) as refusal:
        read_catalogue(path)
    assert str(refusal.value) == (
        "practices.jsonl, line 1: field 'approaches' is 'mentoring'; expected one of: outreach"
    )
    assert ids(path) == ["a"]


@pytest.mark.parametrize("content", [b"", b"\n\n", BOM, BOM + b"\r\n \t\r\n"])
def test_a_file_without_a_row_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "practices.jsonl"
    path.write_bytes(content)
    assert problems(path) == [(1, "", "no practice in this file", "expected one JSON object a line")]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.jsonl"):
        read_catalogue(tmp_path / "missing.jsonl", {})


def test_the_message_says_file_line_field_found_and_expected(write: Callable[..., Path]) -> None:
    with pytest.raises(CatalogueError) as refusal:
        read_catalogue(write(row("a", age_min="old"), b"[]"), {})
    expected = "Input should be a valid integer"
    assert str(refusal.value).splitlines() == [
        f"practices.jsonl, line 1: field 'age_min' is \"old\"; {expected}",
        f"practices.jsonl, line 2: row is not valid; {ONE_OBJECT}",
    ]


def test_a_long_value_is_shortened_in_the_message(write: Callable[..., Path]) -> None:
    [(_, field, found, _)] = problems(write(row("a", country="é" * 500)))
    assert (field, found) == ("country", '"' + "é" * 78 + "…")


def test_the_message_shows_fifty_problems_and_the_error_holds_all(write: Callable[..., Path]) -> None:
    path = write(*(row(f"p{number}", country="XX") for number in range(1, 61)))
    with pytest.raises(CatalogueError) as refusal:
        read_catalogue(path, {})
    assert [problem.line for problem in refusal.value.problems] == list(range(1, 61))
    shown = str(refusal.value).splitlines()
    assert [line.partition(":")[0] for line in shown[:50]] == [f"practices.jsonl, line {n}" for n in range(1, 51)]
    assert shown[50:] == ["... and 10 more"]


def test_a_problem_without_a_field_is_about_the_whole_row() -> None:
    path = Path("folder/practices.csv")
    whole = Problem(path, 3, "", "no title", "expected one")
    assert str(whole) == "practices.csv, line 3: no title; expected one"
    part = Problem(path, 14, "country", "'Frnace'", "expected an ISO 3166 code such as 'FR'")
    assert str(part) == "practices.csv, line 14: field 'country' is 'Frnace'; expected an ISO 3166 code such as 'FR'"


BAD_ROWS = (
    b"{",
    b"[]",
    b'{"id": "x"}',
    b'{"id": "x", "title": "\xff"}',
    b'{"id": "x", "title": "x", "colour": "red"}',
    b'{"id": "x", "title": "x", "country": "Frnace"}',
    b'{"id": "x", "title": "x", "age_min": 30, "age_max": 20}',
)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.sampled_from(["good", "blank", "duplicate", "dangling", "unknown code", *BAD_ROWS]), max_size=12))
def test_a_file_gives_all_its_rows_or_names_all_its_bad_rows(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[str | bytes]
) -> None:
    lines, good, bad = [row("first")], ["first"], []
    for number, kind in enumerate(kinds, start=2):
        rows = {
            "good": row(f"p{number}"),
            "blank": b" ",
            "duplicate": row("first"),
            "dangling": row(f"p{number}", succeeded_by="nobody"),
            "unknown code": row(f"p{number}", approaches=["nothing"]),
        }
        lines.append(kind if isinstance(kind, bytes) else rows[kind])
        if kind == "good":
            good.append(f"p{number}")
        elif kind != "blank":
            bad.append(number)
    path = tmp_path_factory.mktemp("catalogue") / "practices.jsonl"
    path.write_bytes(b"\n".join(lines))
    if not bad:
        assert [practice.id for practice in read_catalogue(path, VOCABULARY)] == good
        return
    with pytest.raises(CatalogueError) as refusal:
        read_catalogue(path, VOCABULARY)
    assert sorted({problem.line for problem in refusal.value.problems}) == bad
    assert [problem.line for problem in refusal.value.problems] == sorted(
        problem.line for problem in refusal.value.problems
    )


def test_read_vocabulary_gives_labels_by_field_and_code(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.toml"
    path.write_text('[approaches]\nsecond-chance = "Zweite Chance"\n[levels]\nprimary = "Primary"\n', encoding="utf-8")
    vocabulary = read_vocabulary(path)
    assert {field: dict(labels) for field, labels in vocabulary.items()} == {
        "approaches": {"second-chance": "Zweite Chance"},
        "levels": {"primary": "Primary"},
    }
    with pytest.raises(TypeError):
        vocabulary["approaches"]["new"] = "New"


def test_no_vocabulary_file_is_an_empty_vocabulary(tmp_path: Path) -> None:
    assert dict(read_vocabulary(tmp_path / "vocabulary.toml")) == {}


@pytest.mark.parametrize(
    ("content", "field", "found", "expected"),
    [
        (b'mentoring = "Mentoring"', "mentoring", "'Mentoring'", 'expected a table of code = "label"'),
        (b"[approaches]\nmentoring = 1", "approaches", "{'mentoring': 1}", 'expected a table of code = "label"'),
        (b"[approaches", "", "not readable: ", "expected TOML in UTF-8"),
        (b'[approaches]\na = "\xff"', "", "not readable: ", "expected TOML in UTF-8"),
    ],
)
def test_a_file_that_is_no_vocabulary_is_refused(
    tmp_path: Path, content: bytes, field: str, found: str, expected: str
) -> None:
    path = tmp_path / "vocabulary.toml"
    path.write_bytes(content)
    with pytest.raises(CatalogueError) as refusal:
        read_vocabulary(path)
    [problem] = refusal.value.problems
    assert (problem.path, problem.line, problem.field, problem.expected) == (path, 1, field, expected)
    assert problem.found.startswith(found)


def test_reading_does_not_change_what_a_practice_says(write: Callable[..., Path]) -> None:
    text = "  „Zweite Chance“ – für 40 % der Jugendlichen.\n\nΜια δεύτερη ευκαιρία  "
    [practice] = read_catalogue(write(row("a", description=text)), {})
    assert practice == Practice(id="a", title="Title of a", description=text.strip())
