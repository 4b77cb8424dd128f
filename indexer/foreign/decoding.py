"""Turn the bytes of a foreign file into text, and say by which encoding; the only module that guesses encodings."""

import codecs
import re
from dataclasses import dataclass

from indexer.foreign.rows import WHOLE_FILE, Doubt, ForeignFileError

_MARKS = (
    # UTF-32 before UTF-16: its mark begins with that of the other
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32 LE"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32 BE"),
    (codecs.BOM_UTF8, "utf-8", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16 LE"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16 BE"),
)
_LANGUAGES_OF = {
    "cp1252": "da de en es fi fr ga is it nb nl no pt sv",
    "cp1250": "cs hr hu pl ro sk sl sq sr",
    "cp1253": "el",
    "cp1251": "bg mk ru sr uk",
    "cp1257": "et lt lv",
    "cp1254": "tr",
    "mac_roman": "da de en es fi fr is it nb nl no pt sv",
}
"""What programs in Europe write that do not write Unicode, the most frequent first, and for which languages."""

_AS_THE_WEB_READS = {"iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254"}
_SAMPLE = 200_000  # bytes; more text makes no better guess
_BINARY = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text, the name of its encoding for people, and what is to be checked about it."""

    text: str
    encoding: str
    doubts: tuple[Doubt, ...] = ()


def decode(data: bytes, name: str, declared: str | None = None) -> Decoded:
    """Return the text of a file. Bytes that stand for no character become U+FFFD.

    The byte order mark goes first, then UTF-8, then the encoding that the file itself declares, then a guess, which is
    a doubt. `name` is for messages. Raises ForeignFileError where this is no text.
    """
    decoded = _marked(data) or _unmarked(data, declared)
    if len(_BINARY.findall(decoded.text)) * 12 > len(decoded.text):
        raise ForeignFileError(
            f"{name}: these bytes are no text; expected a table, a saved page or a text: save it as CSV, XLSX or HTML"
        )
    return decoded


def _marked(data: bytes) -> Decoded | None:
    for mark, codec, called in _MARKS:
        if data.startswith(mark):
            return Decoded(data[len(mark) :].decode(codec, "replace"), called)
    zeros = data.count(0)
    if zeros * 20 > len(data):
        # Every second byte of a space, a digit or a line's end is zero in UTF-16.
        for start, codec, called in ((1, "utf-16-le", "UTF-16 LE"), (0, "utf-16-be", "UTF-16 BE")):
            if data[start::2].count(0) * 10 > zeros * 9:
                return Decoded(data.decode(codec, "replace"), called)
    return None


def _unmarked(data: bytes, declared: str | None) -> Decoded:
    try:
        return Decoded(data.decode("utf-8"), "UTF-8")
    except UnicodeDecodeError:
        replaced = data.decode("utf-8", "replace")
    lost = replaced.count("\ufffd")
    if sum(character > "\x7f" for character in replaced) - lost > 4 * lost:
        meaning = "They are shown as U+FFFD; the rows are listed below."
        return Decoded(replaced, "UTF-8", (Doubt(WHOLE_FILE, "bytes that are not UTF-8", meaning),))
    codec = _known_codec(declared)
    if codec is not None:
        return Decoded(data.decode(codec, "replace"), codec)
    codec = _guessed_codec(data)
    meaning = f"It was read as {codec}, which is a guess; check that letters with accents are right."
    return Decoded(data.decode(codec, "replace"), codec, (Doubt(WHOLE_FILE, "the file is not UTF-8", meaning),))


def _known_codec(declared: str | None) -> str | None:
    """Return the codec of a declared name; None for one that is unknown, or that is UTF and so is wrong."""
    try:
        codec = codecs.lookup(declared or "").name
        "".encode(codec)  # some codecs turn bytes into bytes
    except (LookupError, ValueError):
        return None
    return None if codec.startswith("utf") else _AS_THE_WEB_READS.get(codec, codec)


def _guessed_codec(data: bytes) -> str:
    """Return the codec by which the text looks right and is in a language for which the codec was made."""
    # Both take a tenth of a second to import.
    from charset_normalizer import from_bytes  # noqa: PLC0415

    from indexer.language import detect_language  # noqa: PLC0415

    telling = (line for line in data.splitlines(keepends=True) if not line.isascii())
    sample = b"".join(telling)[:_SAMPLE]
    matches = from_bytes(sample, cp_isolation=list(_LANGUAGES_OF))
    best = matches.best()
    if best is None:
        return "cp1252"
    likely = {codec for match in matches if match.chaos <= best.chaos + 0.02 for codec in match.could_be_from_charset}
    for codec, languages in _LANGUAGES_OF.items():
        if codec in likely and detect_language(sample.decode(codec, "replace")) in languages.split():
            return codec
    return next((codec for codec in _LANGUAGES_OF if codec in likely), best.encoding)
