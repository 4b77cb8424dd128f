"""Sums are those of the standard, and a folder is told apart from the one it should be."""

import hashlib
from pathlib import Path

import pytest

from indexer import checksums
from indexer.checksums import LARGEST_WHOLE, file_sha256, file_sum, wrong_files

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


LARGEST, PIECES, PIECE = 100, 4, 10


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of more than 100 bytes are sampled, by four pieces of ten bytes."""
    monkeypatch.setattr(checksums, "LARGEST_WHOLE", LARGEST)
    monkeypatch.setattr(checksums, "_PIECES", PIECES)
    monkeypatch.setattr(checksums, "_PIECE", PIECE)


def write(path: Path, size: int, *, changed: int | None = None) -> Path:
    """Write bytes that differ from their neighbours, one of them changed."""
    content = bytearray((number * 7 + number // 256) % 256 for number in range(size))
    if changed is not None:
        content[changed] ^= 1
    path.write_bytes(content)
    return path


def sampled_by_hand(path: Path) -> str:
    content = path.read_bytes()
    starts = [int((len(content) - PIECE) * number / (PIECES - 1)) for number in range(PIECES)]
    parts = [str(len(content)).encode(), *(content[start : start + PIECE] for start in starts)]
    return "sampled-sha256:" + hashlib.sha256(b"".join(parts)).hexdigest()


def test_files_of_more_than_256_mib_are_sampled_and_no_smaller_ones() -> None:
    assert LARGEST_WHOLE == 256 * 1024 * 1024


def test_a_sample_is_256_pieces_of_64_kib() -> None:
    assert (checksums._PIECES, checksums._PIECE) == (256, 64 * 1024)


@pytest.mark.usefixtures("_small")
def test_a_file_up_to_the_limit_is_read_whole_and_a_larger_one_is_sampled_and_marked(tmp_path: Path) -> None:
    whole, larger = write(tmp_path / "whole", LARGEST), write(tmp_path / "larger", LARGEST + 1)
    assert file_sum(whole) == hashlib.sha256(whole.read_bytes()).hexdigest() == file_sha256(whole)
    assert file_sum(larger) == sampled_by_hand(larger)
    assert file_sum(larger) == file_sum(larger) != file_sha256(larger)


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("size", [101, 102, 199, 256])
def test_the_pieces_are_spread_evenly_from_the_first_byte_to_the_last(tmp_path: Path, size: int) -> None:
    before = file_sum(write(tmp_path / "file", size))
    seen = [place for place in range(size) if file_sum(write(tmp_path / "file", size, changed=place)) != before]
    starts = [0, (size - 10) // 3, (size - 10) * 2 // 3, size - 10]
    assert seen == [place for start in starts for place in range(start, start + 10)]


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("size", [201, 199, 150, 90, 7, 0])
def test_a_sampled_file_of_another_size_is_wrong(tmp_path: Path, size: int) -> None:
    expected = file_sum(write(tmp_path / "file", 200))
    assert wrong_files(tmp_path, {"file": expected}) == []
    write(tmp_path / "file", size)
    [fault] = wrong_files(tmp_path, {"file": expected})
    assert fault.startswith(f"{tmp_path / 'file'}: sha256 is sampled-sha256:")
    assert fault.endswith(f", expected {expected}")


@pytest.mark.usefixtures("_small")
def test_zeros_at_the_end_of_a_file_of_zeros_are_seen(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(200))
    expected = file_sum(tmp_path / "file")
    (tmp_path / "file").write_bytes(bytes(201))
    assert file_sum(tmp_path / "file") != expected


@pytest.mark.usefixtures("_small")
def test_files_of_both_kinds_are_compared_each_by_its_own_kind_of_sum(tmp_path: Path) -> None:
    large, small = write(tmp_path / "large", 200), write(tmp_path / "small", 20)
    expected = {"large": file_sum(large), "small": file_sum(small)}
    assert wrong_files(tmp_path, expected) == []
    # A file that was summed whole is compared whole, whatever its size and the limit.
    assert wrong_files(tmp_path, {"large": file_sha256(large)}) == []
    write(large, 200, changed=50)  # between two pieces
    assert wrong_files(tmp_path, expected) == []
    assert len(wrong_files(tmp_path, {"large": file_sha256(write(tmp_path / "other", 200))})) == 1
    write(large, 200, changed=195)
    write(small, 20, changed=3)
    assert wrong_files(tmp_path, expected | {"none": expected["large"]}) == [
        f"{large}: sha256 is {file_sum(large)}, expected {expected['large']}",
        f"{tmp_path / 'none'}: missing",
        f"{small}: sha256 is {file_sum(small)}, expected {expected['small']}",
    ]


@pytest.mark.usefixtures("_small")
def test_a_sample_and_a_whole_sum_of_the_same_file_are_never_taken_for_each_other(tmp_path: Path) -> None:
    large = write(tmp_path / "large", 200)
    digits = file_sum(large).removeprefix("sampled-sha256:")
    assert len(digits) == 64
    assert len(wrong_files(tmp_path, {"large": digits})) == 1
    assert len(wrong_files(tmp_path, {"large": f"sampled-sha256:{file_sha256(large)}"})) == 1
