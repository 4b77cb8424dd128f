"""Turn a Word file into pieces of text; the only reader that knows python-docx."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from indexer.foreign.archive import Archive
from indexer.foreign.pieces import Piece, is_fact, paragraph_pieces
from indexer.foreign.rows import Doubt, ForeignFileError, shown

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_DELETED = {f"{_W}del", f"{_W}moveFrom", _FALLBACK}
_BREAKS = {f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}tab": "\t", f"{_W}noBreakHyphen": "-"}
_LEFT_OUT = {
    "footnotes": "footnotes",
    "endnotes": "endnotes",
    "comments": "comments",
    "header": "headers",
    "footer": "footers",
}


def word_pieces(data: bytes, name: str) -> tuple[list[Piece], list[Doubt]]:
    """Return the paragraphs, headings and tables of a Word file in its order; what stands outside of it is a doubt.

    Deleted text of a change that is tracked is left out. Raises ForeignFileError where the file is damaged.
    """
    archive = Archive(data, name)
    archive.check_markup()
    return list(_Document(data, name).pieces()), list(_left_out(archive, name))


class _Document:
    """A Word document. python-docx takes a tenth of a second to import: only on use."""

    if TYPE_CHECKING:
        from docx.oxml.xmlchemy import BaseOxmlElement  # noqa: PLC0415

    def __init__(self, data: bytes, name: str) -> None:
        from docx import Document  # noqa: PLC0415

        try:
            document = Document(io.BytesIO(data))
            self._body = document.element.body
            styles = {style.style_id: (style.name or "").lower() for style in document.styles}
        except Exception as error:  # what is damaged makes python-docx and lxml raise anything
            raise ForeignFileError(
                f"{name}: not readable as a Word file ({shown(str(error))}); "
                "open it in Word, save it as DOCX, and try that"
            ) from error
        self._headings = {style for style, called in styles.items() if called.startswith(("heading", "title"))}

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces in order; what only groups others, such as a content control, is looked into."""
        waiting = list(reversed(self._body))
        while waiting:
            element = waiting.pop()
            if element.tag == f"{_W}p":
                lines = [line for line in self._text(element).split("\n") if line.strip()]
                if lines and self._style(element) in self._headings:
                    yield Piece(" ".join(" ".join(lines).split()), is_heading=True)
                elif lines:
                    yield from paragraph_pieces(lines)
            elif element.tag == f"{_W}tbl":
                yield from map(_row_piece, filter(any, map(self._row_texts, element.iter(f"{_W}tr"))))
            elif element.tag not in _DELETED:
                waiting.extend(reversed(element))

    def _style(self, paragraph: "BaseOxmlElement") -> str:
        style = paragraph.find(f"{_W}pPr/{_W}pStyle")
        return "" if style is None else str(style.get(f"{_W}val", ""))

    def _text(self, element: "BaseOxmlElement") -> str:
        """Return the text of an element; each paragraph in it, as in a text box or a cell, is a line."""
        words: list[str] = []
        skipped: set[object] = set()
        for node in element.iter():
            parent = node.getparent()
            if node.tag in _DELETED or (node is not element and parent in skipped):
                skipped.add(node)
            elif node.tag == f"{_W}t":
                words.append(node.text or "")
            elif node.tag in _BREAKS and parent is not None and parent.tag == f"{_W}r":
                words.append(_BREAKS[node.tag])
            elif node.tag == f"{_W}p" and words:
                words.append("\n")
        return "".join(words)

    def _row_texts(self, row: "BaseOxmlElement") -> list[str]:
        cells = row.iter(f"{_W}tc")
        return [self._text(cell).strip() for cell in cells if next(cell.iterancestors(f"{_W}tr")) is row]


def _row_piece(texts: list[str]) -> Piece:
    if len(texts) == 2 and is_fact(*texts):
        return Piece(texts[1], label=texts[0].rstrip(" :"))
    return Piece(" | ".join(filter(None, texts)))


def _left_out(archive: Archive, name: str) -> Iterator[Doubt]:
    found = {
        called
        for part in archive.names
        for start, called in _LEFT_OUT.items()
        if part.startswith(f"word/{start}")
        and part.endswith(".xml")
        and b"<w:t" in archive.part(part).replace(b"<w:tab", b"")
    }
    if found:
        yield Doubt(name, f"text in {' and '.join(sorted(found))}", "It was left out; copy what matters into the text.")
