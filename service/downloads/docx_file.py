"""Turn paragraphs and tables into a Word file; the only module that knows python-docx."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import pairwise
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from service.downloads.xml_text import xml_text
from service.web_address import is_web_address

_FIRST_DAY_OF_ZIP = (1980, 1, 1, 0, 0, 0)
_INK, _GREY, _PALE, _LINK = "1F3A4D", "5B6670", "EDF2F5", "0563C1"
_TABLE_STYLE = "Table Grid"
_LOOK = {
    # style of Word: size and space before and after in points, colour
    "Normal": (10.5, 0, 5, "222222"),
    "Title": (22, 0, 10, _INK),
    "Subtitle": (11, 0, 5, _GREY),
    "Quote": (12, 0, 8, _INK),
    "Heading 1": (14, 18, 4, _INK),
    "Heading 2": (11, 8, 2, _INK),
    "List Bullet": (10.5, 0, 2, "222222"),
    "Footer": (9, 0, 0, _GREY),
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text. `language` is the ISO 639-1 code of one that is not the document's.

    `address` makes it a link if it is one that can be followed.
    """

    text: str
    is_bold: bool = False
    language: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One paragraph. `style` is a name among those of `_LOOK`."""

    pieces: tuple[Piece, ...]
    style: str = "Normal"


@dataclass(frozen=True, slots=True)
class Table:
    """Texts side by side; the first row is the head, all rows are equally long."""

    rows: tuple[tuple[Piece, ...], ...]


Block = Line | Table


def write_docx(blocks: Sequence[Block], *, title: str, language: str, made_on: date) -> bytes:
    """Return a Word file of the blocks, one after the other; the same blocks give the same bytes.

    `language` is the ISO 639-1 code of the document. What XML cannot hold is shown as U+FFFD.
    """
    document = _Document()
    document.set_properties(title, language, made_on)
    document.set_look()
    document.number_pages()
    document.add(blocks)
    return document.content()


class _Document:
    """A Word document in the making. python-docx takes a tenth of a second to import: only on use."""

    if TYPE_CHECKING:
        from docx.oxml.xmlchemy import BaseOxmlElement  # noqa: PLC0415
        from docx.text.paragraph import Paragraph  # noqa: PLC0415
        from docx.text.run import Run  # noqa: PLC0415

    def __init__(self) -> None:
        from docx import Document  # noqa: PLC0415

        self._document = Document()
        # To look up a style takes milliseconds, as python-docx reads all of them each time.
        self._style_ids = {name: self._document.styles[name].style_id for name in (*_LOOK, _TABLE_STYLE)}

    def set_properties(self, title: str, language: str, made_on: date) -> None:
        """Say what the document is; who made it is not said."""
        from docx.oxml.ns import qn  # noqa: PLC0415

        properties = self._document.core_properties
        properties.title = xml_text(title)
        properties.language = language
        properties.author = properties.comments = properties.last_modified_by = ""
        properties.created = properties.modified = datetime.combine(made_on, time())
        for spoken in self._document.styles.element.iter(qn("w:lang")):
            spoken.set(qn("w:val"), language)

    def set_look(self) -> None:
        """Set paper, margins, letters and spaces."""
        from docx.shared import Mm, Pt, RGBColor  # noqa: PLC0415

        section = self._document.sections[0]
        section.page_width, section.page_height = Mm(210), Mm(297)
        section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Mm(25)
        for name, (size, before, after, colour) in _LOOK.items():
            style = self._document.styles[name]
            style.font.size, style.font.color.rgb = Pt(size), RGBColor.from_string(colour)
            style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(before), Pt(after)
        self._document.styles["Normal"].font.name = "Calibri"

    def number_pages(self) -> None:
        """Put the number of each page in the middle of its foot."""
        from docx.enum.text import WD_ALIGN_PARAGRAPH  # noqa: PLC0415

        foot = self._document.sections[0].footer.paragraphs[0]
        foot.alignment = WD_ALIGN_PARAGRAPH.CENTER
        field = self._element("w:fldSimple", {"w:instr": "PAGE"})
        run = foot.add_run("1")
        run.element.addprevious(field)
        field.append(run.element)

    def add(self, blocks: Sequence[Block]) -> None:
        """Add paragraphs and tables at the end."""
        from docx.shared import Pt  # noqa: PLC0415

        for before, block in pairwise((None, *blocks)):
            if isinstance(block, Table):
                self._add_table(block)
            elif block is not None:
                paragraph = self._document.add_paragraph()
                paragraph._p.style = self._style_ids[block.style]
                self._fill(paragraph, block.pieces)
                if isinstance(before, Table):
                    paragraph.paragraph_format.space_before = Pt(8)

    def content(self) -> bytes:
        """Return the file. The zip of python-docx holds the time of writing: here every part has the same day."""
        saved, dated = io.BytesIO(), io.BytesIO()
        self._document.save(saved)
        with ZipFile(saved) as parts, ZipFile(dated, "w") as file:
            for name in parts.namelist():
                file.writestr(ZipInfo(name, _FIRST_DAY_OF_ZIP), parts.read(name), compress_type=ZIP_DEFLATED)
        return dated.getvalue()

    def _add_table(self, block: Table) -> None:
        table = self._document.add_table(rows=0, cols=len(block.rows[0]))
        table._tbl.tblStyle_val = self._style_ids[_TABLE_STYLE]
        for pieces in block.rows:
            for cell, piece in zip(table.add_row().cells, pieces, strict=True):
                self._fill(cell.paragraphs[0], (piece,))
        head = table.rows[0]
        head._tr.get_or_add_trPr().append(self._element("w:tblHeader"))  # so that it is read out as the head
        for cell in head.cells:
            shade = self._element("w:shd", {"w:val": "clear", "w:color": "auto", "w:fill": _PALE})
            cell._tc.get_or_add_tcPr().append(shade)

    def _fill(self, paragraph: "Paragraph", pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            run = paragraph.add_run(xml_text(piece.text))
            run.bold = piece.is_bold or None  # None: as the style has it
            if piece.address is not None and is_web_address(piece.address):
                self._make_link(paragraph, run, piece.address)
            if piece.language is not None:
                run.element.get_or_add_rPr().append(self._element("w:lang", {"w:val": piece.language}))

    def _make_link(self, paragraph: "Paragraph", run: "Run", address: str) -> None:
        from docx.opc.constants import RELATIONSHIP_TYPE  # noqa: PLC0415
        from docx.shared import RGBColor  # noqa: PLC0415

        run.underline, run.font.color.rgb = True, RGBColor.from_string(_LINK)
        target = paragraph.part.relate_to(address, RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
        link = self._element("w:hyperlink", {"r:id": target})
        run.element.addprevious(link)
        link.append(run.element)

    def _element(self, name: str, attributes: Mapping[str, str] | None = None) -> "BaseOxmlElement":
        from docx.oxml import OxmlElement  # noqa: PLC0415
        from docx.oxml.ns import qn  # noqa: PLC0415

        return OxmlElement(name, {qn(key): value for key, value in (attributes or {}).items()})
