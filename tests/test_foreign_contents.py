"""A file is read whole or refused with a reason and a remedy."""

import gzip
from pathlib import Path

import pytest

from indexer.foreign import contents
from indexer.foreign.contents import read_contents, read_text
from indexer.foreign.rows import ForeignFileError


def write(folder: Path, data: bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_a_file_is_read_and_gzip_unpacked(tmp_path: Path) -> None:
    assert read_contents(write(tmp_path, b"id,title\n")) == b"id,title\n"
    assert read_contents(write(tmp_path, gzip.compress(b"id,title\n"), "a.csv.gz")) == b"id,title\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b" \r\n\t\x00", "the file is empty"),
        (b"%PDF-1.7 ...", "this is a PDF file"),
        (b"{\\rtf1 ...", "this is an RTF file"),
        (b"From: <Saved by Blink>", "this is a web archive"),
        (b"\x89PNG....", "this is a picture"),
        (gzip.compress(b"id,title\n" * 9)[:-9], "the gzip file is damaged"),
        (b"\x1f\x8bnonsense", "the gzip file is damaged"),
    ],
)
def test_what_holds_no_rows_is_refused_by_its_kind(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(ForeignFileError, match=rf"^a\.csv: {message}"):
        read_contents(write(tmp_path, data))


def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ForeignFileError, match=r"^none\.csv: cannot be read"):
        read_contents(tmp_path / "none.csv")


def test_a_file_that_is_too_large_is_refused_packed_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "LARGEST_FILE", 1_000)

    assert len(read_contents(write(tmp_path, b"x" * 1_000))) == 1_000
    for data in (b"x" * 1_001, gzip.compress(b"x" * 1_001)):
        with pytest.raises(ForeignFileError, match="more than 1,000 bytes; split it"):
            read_contents(write(tmp_path, data))


def test_a_page_is_read_by_the_encoding_that_it_declares() -> None:
    page = '<html><head><meta charset="iso-8859-7"></head><p>Δεύτερη</p>'

    assert read_text(page.encode("iso8859-7"), "a.html").text == page
