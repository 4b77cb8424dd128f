"""A Word file becomes pieces; what stands outside of its text is a doubt."""

import io
from contextlib import suppress
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from docx import Document
from docx.document import Document as WordDocument
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.foreign.pieces import Piece
from indexer.foreign.rows import ForeignFileError
from indexer.foreign.word_file import word_pieces


def saved(document: WordDocument) -> bytes:
    content = io.BytesIO()
    document.save(content)
    return content.getvalue()


def replaced(data: bytes, old: str, new: str) -> bytes:
    """Return a Word file with another text in its main part."""
    content = io.BytesIO()
    with ZipFile(io.BytesIO(data)) as parts, ZipFile(content, "w", ZIP_DEFLATED) as file:
        for name in parts.namelist():
            part = parts.read(name)
            file.writestr(name, part.replace(old.encode(), new.encode()) if name == "word/document.xml" else part)
    return content.getvalue()


def plain(text: str = "Some text.") -> bytes:
    document = Document()
    document.add_paragraph(text)
    return saved(document)


PLAIN = plain()


def test_headings_tables_and_paragraphs_come_in_their_order() -> None:
    document = Document()
    document.add_heading("Second chance", 0)
    table = document.add_table(2, 2)
    for cell, text in zip(
        (cell for row in table.rows for cell in row.cells), ("Country:", "GR", "Year", "2010"), strict=True
    ):
        cell.text = text
    document.add_paragraph("Run by: a school")
    document.add_heading("Results", 1)
    document.add_paragraph("One\ttwo\nthree")
    wide = document.add_table(1, 3)
    for cell, text in zip(wide.rows[0].cells, "abc", strict=True):
        cell.text = text

    pieces, doubts = word_pieces(saved(document), "a.docx")

    assert pieces == [
        Piece("Second chance", is_heading=True),
        Piece("GR", label="Country"),
        Piece("2010", label="Year"),
        Piece("a school", label="Run by"),
        Piece("Results", is_heading=True),
        Piece("One\ttwo\nthree"),
        Piece("a | b | c"),
    ]
    assert doubts == []


def test_text_in_headers_is_told() -> None:
    document = Document()
    document.add_paragraph("Text")
    document.sections[0].header.paragraphs[0].text = "Ministry"

    assert [doubt.found for doubt in word_pieces(saved(document), "a.docx")[1]] == ["text in headers"]


def test_tracked_changes_and_content_controls_are_read_as_they_stand() -> None:
    run = "<w:r><w:t>Some text.</w:t></w:r>"
    change = "<w:ins><w:r><w:t>New</w:t></w:r></w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del>"

    assert word_pieces(replaced(PLAIN, run, change), "a.docx")[0] == [Piece("New")]
    control = f"<w:sdt><w:sdtContent><w:p>{run}</w:p></w:sdtContent></w:sdt>"
    assert word_pieces(replaced(PLAIN, f"<w:p>{run}</w:p>", control), "a.docx")[0] == [Piece("Some text.")]


def test_entities_are_refused_and_never_expanded() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>\n<w:document'
    data = replaced(replaced(PLAIN, "<w:document", bomb), "Some text.", "&b;")

    with pytest.raises(ForeignFileError, match=r"^a\.docx: part 'word/document\.xml' declares entities"):
        word_pieces(data, "a.docx")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"text", replaced(PLAIN, "</w:body>", "")])
def test_what_is_no_word_file_is_refused(data: bytes) -> None:
    with pytest.raises(ForeignFileError, match=r"^a\.docx: "):
        word_pieces(data, "a.docx")


@settings(max_examples=25, deadline=None)
@given(at=st.integers(0, 3_000), byte=st.integers(1, 127))
def test_damaged_xml_is_read_or_refused(at: int, byte: int) -> None:
    content = io.BytesIO()
    with ZipFile(io.BytesIO(PLAIN)) as parts, ZipFile(content, "w", ZIP_DEFLATED) as file:
        for name in parts.namelist():
            changed = bytearray(parts.read(name))
            if name in ("word/document.xml", "[Content_Types].xml", "_rels/.rels"):
                changed[at % len(changed)] = byte
            file.writestr(name, bytes(changed))
    with suppress(ForeignFileError):
        word_pieces(content.getvalue(), "a.docx")
