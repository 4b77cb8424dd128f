"""Turn the bytes of a zip file into the bytes of its parts, after it is sure that they are no trap."""

import io
import zlib
from collections.abc import Callable
from lzma import LZMAError
from xml.parsers.expat import ExpatError, ParserCreate
from zipfile import BadZipFile, ZipFile

from indexer.foreign.rows import ForeignFileError

LARGEST_CONTENT = 200_000_000  # bytes of all parts together
LARGEST_RATIO = 200  # content to file; sheets of a spreadsheet reach 30

_FAULTS = (BadZipFile, LZMAError, zlib.error, OSError, EOFError, MemoryError, RuntimeError, ValueError)


def is_zip(data: bytes) -> bool:
    """Say whether these are the bytes of a zip file: DOCX, XLSX and ODS are."""
    return data.startswith(b"PK\x03\x04")


class Archive:
    """A zip file whose parts are whole and not too large."""

    def __init__(self, data: bytes, name: str) -> None:
        """Check a file; `name` is for messages. Raises ForeignFileError where it is damaged or a trap."""
        self._name = name
        try:
            self._file = ZipFile(io.BytesIO(data))
        except _FAULTS as error:
            raise self._damage(str(error)) from error
        self._check_size(sum(part.file_size for part in self._file.infolist()), len(data))
        try:
            damaged = self._file.testzip()  # a part larger than it says is found, too
        except _FAULTS as error:
            raise self._damage(str(error)) from error
        if damaged is not None:
            raise self._damage(f"part '{damaged}'")

    @property
    def names(self) -> list[str]:
        """The names of its parts."""
        return self._file.namelist()

    def part(self, name: str) -> bytes:
        """Return the content of one part."""
        try:
            return self._file.read(name)
        except _FAULTS as error:
            raise self._damage(str(error)) from error

    def check_markup(self) -> None:
        """Raise ForeignFileError where a part is not well-formed XML, on which readers may hang, or has entities."""
        for name in self.names:
            if name.lower().endswith((".xml", ".rels")):
                parser = ParserCreate()
                parser.EntityDeclHandler = self._refuse_entity(name)
                try:
                    parser.Parse(self.part(name), True)  # noqa: FBT003 - takes no keyword
                except (ExpatError, LookupError, UnicodeError) as error:
                    raise self._damage(f"part '{name}': {error}") from error

    def _refuse_entity(self, part: str) -> Callable[..., None]:
        def refuse(*_: object) -> None:
            raise ForeignFileError(
                f"{self._name}: part '{part}' declares entities, which no office program does; "
                "open the file in Word, Excel or LibreOffice and save it again"
            )

        return refuse

    def _check_size(self, content: int, packed: int) -> None:
        if content > LARGEST_CONTENT or content > LARGEST_RATIO * packed:
            raise ForeignFileError(
                f"{self._name}: unpacks {packed:,} bytes to {content:,}, expected at most {LARGEST_CONTENT:,} "
                f"and {LARGEST_RATIO} times its size; split it or save it as CSV"
            )

    def _damage(self, what: str) -> ForeignFileError:
        return ForeignFileError(f"{self._name}: the file is damaged ({what}); open it, save it again, and try that")
