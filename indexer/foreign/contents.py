"""Turn a path into the bytes of its file, and those into text; refuse what no reader can read."""

import gzip
import re
import zlib
from pathlib import Path

from indexer.foreign.decoding import Decoded, decode
from indexer.foreign.rows import ForeignFileError

LARGEST_FILE = 500_000_000  # bytes, unpacked

_REFUSED = (
    (b"%PDF", "a PDF file", "copy its table into a spreadsheet, or its text into a Word file"),
    (b"{\\rtf", "an RTF file", "open it in Word and save it as DOCX"),
    (b"From: <Saved by", "a web archive", "save the page again as 'web page, HTML only'"),
    (b"MIME-Version:", "a web archive", "save the page again as 'web page, HTML only'"),
    (b"\x89PNG", "a picture", "type its text into a spreadsheet"),
    (b"\xff\xd8\xff", "a picture", "type its text into a spreadsheet"),
)
_PIECE = 2**20
_GZIP = b"\x1f\x8b"
_DECLARED = re.compile(rb"""<(?:meta|\?xml)\b[^>]*?(?:charset|encoding)\s*=\s*["']?([\w-]+)""", re.IGNORECASE)
_HEAD = 4_096  # bytes in which a page says its encoding


def read_contents(path: Path) -> bytes:
    """Return the bytes of a file, unpacked if it is gzip.

    Raises ForeignFileError where it is not there, empty, too large, or of a kind that holds no rows.
    """
    try:
        _check_size(path.name, path.stat().st_size)
        if not path.is_file():
            raise ForeignFileError(f"{path.name}: neither a file nor a folder, expected one of them; check the path")
        data = path.read_bytes()
        if data.startswith(_GZIP):
            with gzip.open(path) as file:
                # Counted first, a piece at a time: what unpacks to more than may be is never held.
                size = 0
                while piece := file.read(_PIECE):
                    _check_size(path.name, size := size + len(piece))
                file.seek(0)
                data = file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ForeignFileError(f"{path.name}: the gzip file is damaged ({error}); pack or fetch it again") from error
    except OSError as error:
        raise ForeignFileError(
            f"{path.name}: cannot be read ({error.strerror}); check the path and your rights"
        ) from error
    if not data.strip(b"\0\t\n\r "):
        raise ForeignFileError(f"{path.name}: the file is empty; expected practices, check that it is the right one")
    for start, kind, remedy in _REFUSED:
        if data.startswith(start):
            raise ForeignFileError(f"{path.name}: this is {kind}, expected a table, a page or a text; {remedy}")
    return data


def read_text(data: bytes, name: str) -> Decoded:
    """Return the text of a file, by the encoding that a page declares where it is not UTF-8."""
    declared = _DECLARED.search(data[:_HEAD])
    return decode(data, name, declared[1].decode("ascii", "replace") if declared else None)


def _check_size(name: str, size: int) -> None:
    if size > LARGEST_FILE:
        raise ForeignFileError(
            f"{name}: more than {LARGEST_FILE:,} bytes; split it into smaller files and read one after the other"
        )
