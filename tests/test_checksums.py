"""Sums are those of the standard, and a folder is told apart from the one it should be."""

import hashlib
from pathlib import Path

import pytest

from indexer.checksums import file_sha256, wrong_files

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pooling").mkdir()
    (tmp_path / "pooling" / "config.json").write_bytes(b"abc")
    (tmp_path / "empty").write_bytes(b"")
    return tmp_path


def test_sums_are_those_of_the_published_examples(folder: Path) -> None:
    assert file_sha256(folder / "pooling" / "config.json") == ABC
    assert file_sha256(folder / "empty") == NOTHING


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5_000 + b"the end"
    (tmp_path / "weights").write_bytes(content)
    assert file_sha256(tmp_path / "weights") == hashlib.sha256(content).hexdigest()


def test_a_folder_with_the_expected_files_has_no_faults(folder: Path) -> None:
    assert wrong_files(folder, {"pooling/config.json": ABC, "empty": NOTHING}) == []


def test_files_that_nobody_expects_are_no_fault(folder: Path) -> None:
    assert wrong_files(folder, {"empty": NOTHING}) == []
    assert wrong_files(folder, {}) == []


def test_every_missing_or_changed_file_is_named_in_order(folder: Path) -> None:
    expected = {"weights": ABC, "pooling/config.json": NOTHING, "empty": NOTHING, "config.json": ABC}
    assert wrong_files(folder, expected) == [
        f"{folder / 'config.json'}: missing",
        f"{folder / 'pooling' / 'config.json'}: sha256 is {ABC}, expected {NOTHING}",
        f"{folder / 'weights'}: missing",
    ]


def test_a_folder_in_place_of_a_file_is_a_missing_file(folder: Path) -> None:
    assert wrong_files(folder, {"pooling": ABC}) == [f"{folder / 'pooling'}: missing"]


def test_one_changed_byte_is_seen(folder: Path) -> None:
    (folder / "pooling" / "config.json").write_bytes(b"abC")
    [fault] = wrong_files(folder, {"pooling/config.json": ABC})
    assert fault.endswith(f"expected {ABC}")
    assert hashlib.sha256(b"abC").hexdigest() in fault
