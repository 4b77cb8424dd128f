"""Practices are read from their lines when they are asked for, the last ones are kept, and the file may be replaced."""

import gc
import json
import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from indexer.catalogue import read_catalogue
from indexer.practice import Practice
from indexer.practice_lines import PracticeLines
from tests.fakes import PRACTICES

BOM = b"\xef\xbb\xbf"
IDS = [practice.id for practice in PRACTICES]


def write(path: Path, *practices: Practice) -> PracticeLines:
    """Return the practices as lines of a file, one after the other."""
    lines = [practice.model_dump_json().encode() + b"\n" for practice in practices]
    path.write_bytes(b"".join(lines))
    ends = [0, *np.cumsum([len(line) for line in lines]).tolist()]
    return PracticeLines(path, np.array(list(pairwise(ends)), dtype=np.int64).reshape(-1, 2))


@pytest.fixture
def lines(tmp_path: Path) -> PracticeLines:
    return write(tmp_path / "practices.jsonl", *PRACTICES)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The places in the file at which a practice was read, in the order in which that happened."""
    found: list[int] = []

    def read(file: int, size: int, start: int, read: Callable[[int, int, int], bytes] = os.pread) -> bytes:
        found.append(start)
        return read(file, size, start)

    monkeypatch.setattr("indexer.practice_lines.os.pread", read)
    return found


SIZES = [len(practice.model_dump_json().encode()) + 1 for practice in PRACTICES]
STARTS = [sum(SIZES[:row]) for row in range(len(SIZES))]
"""Where the lines begin, by the lengths of what is written."""


def test_each_practice_is_at_its_row(lines: PracticeLines) -> None:
    assert len(lines) == 4
    assert [lines[row] for row in (2, 0, 3, 1)] == [PRACTICES[row] for row in (2, 0, 3, 1)]


def test_a_negative_row_counts_from_the_end(lines: PracticeLines) -> None:
    assert [lines[row].id for row in (-1, -2, -3, -4)] == IDS[::-1]


@pytest.mark.parametrize("row", [4, 5, -5, 10**9])
def test_a_row_beyond_either_end_is_refused(lines: PracticeLines, row: int) -> None:
    with pytest.raises(IndexError, match=rf"row {row} of 4 practices"):
        lines[row]


def test_a_row_may_be_a_number_of_numpy(lines: PracticeLines) -> None:
    assert lines[np.int32(1)] is lines[1]
    assert lines[np.int64(-1)] is lines[3]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.slices(6))
def test_a_slice_is_what_the_slice_of_a_list_is(tmp_path_factory: pytest.TempPathFactory, part: slice) -> None:
    lines = write(tmp_path_factory.mktemp("lines") / "practices.jsonl", *PRACTICES)
    assert lines[part] == list(PRACTICES)[part]


def test_practices_come_in_order_forwards_and_backwards_as_often_as_they_are_asked_for(lines: PracticeLines) -> None:
    assert list(lines) == list(lines) == list(PRACTICES)
    assert list(reversed(lines)) == list(PRACTICES)[::-1]
    first, second = iter(lines), iter(lines)
    assert [next(first).id, next(first).id, next(second).id] == [IDS[0], IDS[1], IDS[0]]


def test_a_practice_is_found_by_what_it_says(lines: PracticeLines) -> None:
    assert PRACTICES[2] in lines
    assert lines.index(PRACTICES[3]) == 3
    assert PRACTICES[2].model_copy(update={"note": "Another."}) not in lines


def test_a_file_without_a_practice_has_none(tmp_path: Path) -> None:
    empty = write(tmp_path / "practices.jsonl")
    assert (len(empty), list(empty), empty[:]) == (0, [], [])
    with pytest.raises(IndexError, match="row 0 of 0 practices"):
        empty[0]


@pytest.mark.parametrize("start", [b"", BOM], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("gap", [b"\n", b"\r\n", b"\n\n \t\n", b"\r\n\r\n"])
def test_a_byte_order_mark_and_blank_lines_in_between_move_no_row(tmp_path: Path, start: bytes, gap: bytes) -> None:
    path = tmp_path / "practices.jsonl"
    titles = ("One", "Zwei é", "字")
    texts = [json.dumps({"id": f"p{row}", "title": title}).encode() for row, title in enumerate(titles)]
    path.write_bytes(start + gap * 2 + gap.join(texts) + gap * 2)
    lines = read_catalogue(path, {})
    assert [lines[row].title for row in (2, 1, 0)] == list(titles[::-1])
    assert [practice.id for practice in lines] == ["p0", "p1", "p2"]


def test_a_byte_order_mark_directly_before_the_first_practice_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "practices.jsonl"
    path.write_bytes(BOM + b'{"id": "a", "title": "A"}\n{"id": "b", "title": "B"}')
    lines = read_catalogue(path, {})
    assert [lines[1].id, lines[0].id] == ["b", "a"]


def test_nothing_is_read_before_it_is_asked_for(lines: PracticeLines, reads: list[int]) -> None:
    assert (len(lines), reads) == (4, [])
    lines[2]
    assert len(reads) == 1


def test_a_practice_that_was_asked_for_is_read_once(lines: PracticeLines, reads: list[int]) -> None:
    first = lines[1]
    assert first is lines[1]
    assert lines[-3] is first
    assert len(reads) == 1


def test_a_slice_is_read_and_not_kept(lines: PracticeLines, reads: list[int]) -> None:
    assert [practice.id for practice in lines[1:3]] == IDS[1:3]
    assert lines[1].id == IDS[1]
    assert len(reads) == 3  # rows 1 and 2, and row 1 again


def test_going_through_all_practices_keeps_none_of_them(lines: PracticeLines, reads: list[int]) -> None:
    for _ in range(2):
        assert [practice.id for practice in lines] == IDS
    assert reads == STARTS * 2
    reads.clear()
    lines[0]
    assert reads == [0]


def test_going_through_all_practices_makes_no_room_for_them(
    lines: PracticeLines, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.practice_lines._KEPT", 1)
    kept = lines[0]
    list(lines)
    reads.clear()
    assert lines[0] is kept
    assert reads == []


def test_of_more_practices_than_are_kept_the_one_not_asked_for_longest_is_read_again(
    lines: PracticeLines, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.practice_lines._KEPT", 2)
    for row in (0, 1, 0, 2, 0, 1, 2):
        assert lines[row] == PRACTICES[row]
    # 2 pushes out 1, since 0 was asked for after it; then 1 pushes out 2, and 2 pushes out 0.
    assert reads == [STARTS[row] for row in (0, 1, 2, 1, 2)]


def test_a_file_that_is_replaced_meanwhile_is_read_on_as_it_was(tmp_path: Path, lines: PracticeLines) -> None:
    assert lines[0] == PRACTICES[0]
    other = tmp_path / "other.jsonl"
    other.write_bytes(b'{"id": "new", "title": "New"}\n' * 100)
    other.replace(tmp_path / "practices.jsonl")
    assert list(lines) == list(PRACTICES)
    (tmp_path / "practices.jsonl").unlink()
    assert lines[3] == PRACTICES[3]


def test_a_line_that_is_no_practice_is_refused_when_it_is_read_and_the_others_are_not(tmp_path: Path) -> None:
    path = tmp_path / "practices.jsonl"
    good = b'{"id": "a", "title": "A"}'
    path.write_bytes(good + b'{"id": "b"}')
    lines = PracticeLines(path, np.array([[0, len(good)], [len(good), len(good) + 11]]))
    for _ in range(2):
        assert lines[0].id == "a"
        with pytest.raises(ValidationError, match="title"):
            lines[1]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.jsonl"):
        PracticeLines(tmp_path / "missing.jsonl", np.empty((0, 2), dtype=np.int64))


def test_threads_that_read_at_once_get_each_what_they_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.practice_lines._KEPT", 3)
    practices = [Practice(id=f"p{row}", title=f"Plan {row}" * (row % 5 + 1)) for row in range(20)]
    lines = write(tmp_path / "practices.jsonl", *practices)
    rows = np.random.default_rng(5).integers(0, 20, 400).tolist()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lines.__getitem__, rows)) == [practices[row] for row in rows]


def test_a_file_whose_practices_nobody_holds_any_more_is_closed_without_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "practices.jsonl"
    lines = write(path, *PRACTICES)
    assert lines[0] == PRACTICES[0]
    assert open_files().count(str(path)) == 1
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        del lines
        gc.collect()
    assert [warning for warning in seen if str(path) in str(warning.message)] == []
    assert open_files().count(str(path)) == 0


def open_files() -> list[str]:
    """Return what the descriptors of this process name."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("nobody says which files are open here")
    return [os.readlink(one) for one in descriptors.iterdir() if one.is_symlink()]
