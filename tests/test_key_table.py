"""A table finds each string that was added and no other, whatever the strings are made of, before and after a save."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.key_table import KeyTable, key_hashes

KEYS = ("mentors", "street-work", "absence-call", "second-school")
ODD = ("", " ", "\x00", "é", "e\u0301", "школа", "字", "😀", "a\u2028b", "\ud800", "\udfff", "Mentors", "mentors ")
"""Strings that are all different, some of them for hardly a reader; two are half a character."""

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=8)


def table_of(*keys: str) -> KeyTable:
    return KeyTable.build(key_hashes(keys))


def test_each_string_has_the_number_of_its_place_among_those_added() -> None:
    table = table_of(*KEYS)
    assert [table.number(key) for key in KEYS] == [0, 1, 2, 3]
    assert table.numbers(["absence-call", "mentors", "absence-call"]).tolist() == [2, 0, 2]
    assert len(table) == 4


def test_a_string_that_was_not_added_has_no_number() -> None:
    table = table_of(*KEYS)
    others = ["mentor", "mentorss", "MENTORS", "", "zeppelin", "street work"]
    assert [table.number(key) for key in others] == [None] * 6
    assert table.numbers(["zeppelin", "street-work", ""]).tolist() == [-1, 1, -1]


@pytest.mark.parametrize("place", [0, -1])
def test_a_hash_beyond_either_end_of_the_table_is_not_found(place: int) -> None:
    in_order = sorted(KEYS, key=lambda key: int(key_hashes([key])[0]))
    outermost = in_order.pop(place)
    assert table_of(*in_order).number(outermost) is None
    assert [table_of(*in_order).number(key) for key in in_order] == [0, 1, 2]


def test_numbers_are_int64_one_for_each_string_that_is_asked_for() -> None:
    for found in (table_of(*KEYS).numbers(KEYS), table_of(*KEYS).numbers([]), table_of().numbers(KEYS)):
        assert found.dtype == np.int64
    assert table_of(*KEYS).numbers([]).tolist() == []


def test_an_empty_table_finds_nothing(tmp_path: Path) -> None:
    table = table_of()
    table.save(tmp_path / "ids")
    for empty in (table, KeyTable.load(tmp_path / "ids")):
        assert len(empty) == 0
        assert empty.number("mentors") is None
        assert empty.numbers(["mentors", ""]).tolist() == [-1, -1]
        assert empty.numbers([]).tolist() == []


def test_strings_that_look_alike_are_told_apart() -> None:
    table = table_of(*ODD)
    assert table.numbers(ODD).tolist() == list(range(len(ODD)))
    assert table.numbers(["É", "\ud801", "\ufffd", "\x00\x00", "mentors"]).tolist() == [-1] * 5


def test_half_a_character_has_the_number_it_was_given() -> None:
    table = table_of("\ud83d", "\ude00", "\U0001f600")
    assert table.numbers(["\U0001f600", "\ude00", "\ud83d"]).tolist() == [2, 1, 0]
    assert table.number("\ud83d\ude00") is None  # two halves that nobody has put together are no character


def test_a_hash_is_the_first_64_bits_of_blake2b() -> None:
    expected = [
        int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little") for key in ("mentors", "", "é")
    ]
    found = key_hashes(iter(("mentors", "", "é")))
    assert found.tolist() == expected
    assert found.dtype == np.uint64
    assert key_hashes([]).tolist() == []


def test_two_strings_of_one_hash_are_refused() -> None:
    hashes = key_hashes(KEYS)
    with pytest.raises(ValueError, match="two keys have the same hash"):
        KeyTable.build(np.append(hashes, hashes[1]))
    with pytest.raises(ValueError, match="two keys have the same hash"):
        table_of("mentors", "mentors")


@settings(derandomize=True, deadline=None, max_examples=100)
@given(keys=st.lists(ANY_TEXT, unique=True, max_size=20), asked=st.lists(ANY_TEXT, max_size=10))
@example(keys=list(ODD), asked=list(KEYS))
def test_a_table_finds_what_a_dictionary_finds(keys: list[str], asked: list[str]) -> None:
    number_of = {key: number for number, key in enumerate(keys)}
    table = table_of(*keys)
    both = [*asked, *keys]
    assert table.numbers(both).tolist() == [number_of.get(key, -1) for key in both]
    assert [table.number(key) for key in both] == [number_of.get(key) for key in both]


def test_a_saved_table_finds_what_it_found_and_has_the_same_bytes_twice(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        table_of(*KEYS, *ODD).save(tmp_path / name / "ids")
    KeyTable.load(tmp_path / "first" / "ids").save(tmp_path / "ids")
    loaded = KeyTable.load(tmp_path / "ids")
    assert len(loaded) == len(KEYS) + len(ODD)
    assert loaded.numbers([*KEYS, *ODD]).tolist() == list(range(len(loaded)))
    assert loaded.number("zeppelin") is None
    for name in ("ids-hashes.npy", "ids-numbers.npy"):
        first, second, third = (folder / name for folder in (tmp_path / "first", tmp_path / "second", tmp_path))
        assert first.read_bytes() == second.read_bytes() == third.read_bytes(), name
    assert {path.name for path in (tmp_path / "first").iterdir()} == {"ids-hashes.npy", "ids-numbers.npy"}


def test_a_name_with_a_dot_keeps_what_follows_it(tmp_path: Path) -> None:
    table_of("v1").save(tmp_path / "ids.v1")
    table_of("v2").save(tmp_path / "ids.v2")
    assert KeyTable.load(tmp_path / "ids.v1").number("v1") == KeyTable.load(tmp_path / "ids.v2").number("v2") == 0


@pytest.mark.parametrize("name", ["ids-hashes.npy", "ids-numbers.npy"])
def test_a_table_without_one_of_its_files_is_refused_by_name(tmp_path: Path, name: str) -> None:
    table_of(*KEYS).save(tmp_path / "ids")
    (tmp_path / name).unlink()
    with pytest.raises(OSError, match=name):
        KeyTable.load(tmp_path / "ids")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array at all", None], ids=["empty", "head", "text", "cut"])
@pytest.mark.parametrize("name", ["ids-hashes.npy", "ids-numbers.npy"])
def test_a_table_with_a_damaged_file_is_refused(tmp_path: Path, name: str, content: bytes | None) -> None:
    table_of(*KEYS).save(tmp_path / "ids")
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-1] if content is None else content)
    with pytest.raises((OSError, EOFError, ValueError)):
        KeyTable.load(tmp_path / "ids")
