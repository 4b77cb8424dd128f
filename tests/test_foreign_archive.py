"""A zip file that is damaged or a trap is refused before anything of it is read."""

import io
import os
from contextlib import suppress
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.foreign import archive
from indexer.foreign.archive import Archive, is_zip
from indexer.foreign.rows import ForeignFileError


def zipped(**parts: bytes) -> bytes:
    content = io.BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return content.getvalue()


def test_the_parts_of_a_sound_file_are_read() -> None:
    data = zipped(a=b"one", b=b"two")
    opened = Archive(data, "a.xlsx")

    assert is_zip(data)
    assert (opened.names, opened.part("b")) == (["a", "b"], b"two")


def test_what_unpacks_to_far_more_than_it_is_is_refused() -> None:
    with pytest.raises(ForeignFileError, match=r"^a\.xlsx: unpacks [\d,]+ bytes to 1,000,000, expected at most"):
        Archive(zipped(a=bytes(1_000_000)), "a.xlsx")


def test_what_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_CONTENT", 1_000)

    with pytest.raises(ForeignFileError, match="expected at most 1,000 and 200 times its size"):
        Archive(zipped(a=os.urandom(500), b=os.urandom(501)), "a.xlsx")


def test_a_part_that_is_larger_than_it_says_is_damage() -> None:
    data = zipped(a=b"x" * 900)
    lying = data.replace((900).to_bytes(4, "little"), (9).to_bytes(4, "little"))

    with pytest.raises(ForeignFileError, match=r"^a\.xlsx: the file is damaged"):
        Archive(lying, "a.xlsx")


@given(at=st.integers(0, 400), byte=st.integers(0, 255), cut=st.integers(0, 400))
def test_damaged_bytes_are_refused_or_change_nothing_that_matters(at: int, byte: int, cut: int) -> None:
    data = bytearray(zipped(a=bytes(range(256)), b=b"text"))
    data[at % len(data)] = byte
    with suppress(ForeignFileError):
        opened = Archive(bytes(data[: len(data) - cut % 20]), "a.xlsx")
        for name in opened.names:
            opened.part(name)
