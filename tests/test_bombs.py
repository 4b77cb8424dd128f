"""Files that are made to take all memory or time are refused at once, by a message that names the limit."""

import gzip
import io
import json
import os
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import xlsxwriter

from indexer.catalogue import CatalogueError, read_catalogue
from indexer.foreign.mapping import guess_mapping
from indexer.foreign.practices import import_practices
from indexer.foreign.reading import read_foreign
from indexer.foreign.rows import ForeignFileError
from tests.limited import Limited

GIGABYTES = int(os.environ.get("BOMB_GIGABYTES", "2"))
"""What the gzip bomb unpacks to: 10 for the record."""

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
ENTITIES = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]>"
)
COLUMNS = "table:number-columns-repeated"
EXTERNAL = '<!DOCTYPE a [<!ENTITY j SYSTEM "file:///etc/passwd">]>'


@pytest.fixture(scope="module")
def limited() -> Iterator[Limited]:
    with Limited(seconds=30) as one:
        yield one


def said_of(path: Path) -> str:
    """Return the refusal of a file, else how many rows it is imported as."""
    try:
        table = read_foreign(path)
    except ForeignFileError as error:
        return f"refused: {error}"
    mapping = {guess.column: guess.field for guess in guess_mapping(table)}
    import_practices(table, mapping, {})
    return f"rows: {len(table.rows)}"


def zipped(path: Path, parts: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED)
    return path


def gzipped(path: Path, length: int) -> Path:
    """Write what unpacks to so many zeros: members one after the other are one file."""
    piece = gzip.compress(bytes(2**27), compresslevel=9)
    with path.open("wb") as file:
        for _ in range(length // 2**27):
            file.write(piece)
    return path


def sheet_of(head: str, cells: str) -> dict[str, bytes | str]:
    """Return the parts of a workbook of one sheet with these cells."""
    whole = io.BytesIO()
    with xlsxwriter.Workbook(whole, {"in_memory": True}) as book:
        book.add_worksheet("a").write_row(0, 0, ["title", "summary"])
    with zipfile.ZipFile(whole) as file:
        parts: dict[str, bytes | str] = {name: file.read(name) for name in file.namelist()}
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    parts["xl/worksheets/sheet1.xml"] = f"{head}<worksheet {main}><sheetData>{cells}</sheetData></worksheet>"
    return parts


def document_of(head: str, text: str) -> dict[str, bytes | str]:
    from docx import Document

    whole = io.BytesIO()
    Document().save(whole)
    with zipfile.ZipFile(whole) as file:
        parts: dict[str, bytes | str] = {name: file.read(name) for name in file.namelist()}
    parts["word/document.xml"] = (
        f"{head}<w:document {W}><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>"
    )
    return parts


def ods_of(head: str, rows: str) -> dict[str, bytes | str]:
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = (
        f"{head}<office:document-content {spaces}><office:body><office:spreadsheet>"
        f'<table:table table:name="a">{rows}</table:table></office:spreadsheet></office:body></office:document-content>'
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>'
    )
    return {"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest}


def ods_row(text: str, repeated: str = "", *, rows: int = 1) -> str:
    filled = f'office:value-type="string" {repeated}><text:p>{text}</text:p></table:table-cell>'
    cell = f"<table:table-cell {filled if text else f'{repeated}/>'}"
    return f'<table:table-row table:number-rows-repeated="{rows}">{cell}</table:table-row>'


ZIPS: dict[str, tuple[str, Callable[[], dict[str, bytes | str]], str]] = {
    "zeros as xlsx": ("a.xlsx", lambda: {"xl/workbook.xml": bytes(300_000_000)}, "200,000,000"),
    "zeros as docx": ("a.docx", lambda: {"word/document.xml": bytes(300_000_000)}, "200,000,000"),
    "zeros as ods": ("a.ods", lambda: {"content.xml": bytes(150_000_000), "mimetype": ""}, "200 times"),
    "entities in xlsx": ("a.xlsx", lambda: sheet_of(ENTITIES, "<row><c><v>&j;</v></c></row>"), "declares entities"),
    "entities in docx": ("a.docx", lambda: document_of(ENTITIES, "&j;"), "declares entities"),
    "entities in ods": ("a.ods", lambda: ods_of(ENTITIES, ods_row("&j;")), "declares entities"),
    "a file in xlsx": ("a.xlsx", lambda: sheet_of(EXTERNAL, "<row><c><v>&j;</v></c></row>"), "declares entities"),
    "a file in docx": ("a.docx", lambda: document_of(EXTERNAL, "&j;"), "declares entities"),
    "a file in ods": ("a.ods", lambda: ods_of(EXTERNAL, ods_row("&j;")), "declares entities"),
    "columns of ods": ("a.ods", lambda: ods_of("", ods_row("a", f'{COLUMNS}="2000000000"')), "20,000,000 cells"),
    "rows of ods": ("a.ods", lambda: ods_of("", ods_row("a", rows=2_000_000)), "at most 10,000 times"),
    "rows and columns of ods": ("a.ods", lambda: ods_of("", ods_row("a", f'{COLUMNS}="9000"', rows=9_000)), "9,000"),
    "far rows of ods": (
        "a.ods",
        lambda: ods_of("", ods_row("a", f'{COLUMNS}="900"') + ods_row("", rows=900_000) + ods_row("x")),
        "20,000,000 cells",
    ),
    "cells far off": (
        "a.xlsx",
        lambda: sheet_of("", '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
        "1,048,576",
    ),
    "blanks after formulas": (
        "a.xlsx",
        lambda: sheet_of("", f'<row r="1"><c r="A1"><f>1</f>{" " * 40_000}x</c></row>'),
        "",
    ),
    "deep xml": ("a.docx", lambda: document_of("", "<w:r>" * 100_000 + "</w:r>" * 100_000), ""),
}


@pytest.mark.parametrize("kind", ZIPS)
def test_a_zip_file_that_is_a_trap_is_refused_at_once(limited: Limited, tmp_path: Path, kind: str) -> None:
    name, parts, limit = ZIPS[kind]
    path = zipped(tmp_path / name, parts())
    started = time.perf_counter()
    said = limited.call(said_of, path)
    assert (said.startswith("refused") and limit in said) if limit else said
    assert time.perf_counter() - started < 15
    assert "root:" not in said


def test_a_gzip_file_that_unpacks_to_more_than_may_be_is_refused_before_it_is_held(tmp_path: Path) -> None:
    path = gzipped(tmp_path / "a.jsonl.gz", GIGABYTES * 2**30)
    with Limited(seconds=60, memory=2**27) as child:
        assert "more than 500,000,000 bytes" in child.call(said_of, path)


def test_a_zip_file_that_hides_its_size_is_refused(limited: Limited, tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.xlsx", {"xl/workbook.xml": bytes(150_000_000)})
    data = path.read_bytes().replace(struct.pack("<I", 150_000_000), struct.pack("<I", 100))
    path.write_bytes(data)
    assert "damaged" in limited.call(said_of, path)


LINES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "columns of csv": ("a.csv", lambda: b"a," * 5_000_000 + b"a\n" + b"1," * 5_000_000, "1,000,000 separators"),
    "many columns of csv": ("a.csv", lambda: b"a," * 100_000 + b"\n" + b"1," * 100_000 + b"\n", "at most 2,000"),
    "columns of json": (
        "a.json",
        lambda: json.dumps([{f"c{row} {n}": "x" for n in range(100)} for row in range(2_000)]).encode(),
        "at most 2,000",
    ),
    "deep json": ("a.json", lambda: b'{"a":' * 1_000_000, "nested too deeply"),
    "deep json lines": ("a.jsonl", lambda: b'[{"a":' * 100_000 + b"\n" + b"{}", "nested too deeply"),
    "deep html": ("a.html", lambda: b"<div>" * 1_000_000, "1,000 elements"),
    "deep small html": ("a.html", lambda: b"<u>" * 300_000 + b"x", ""),
    "deep svg": ("a.html", lambda: b"<svg>" + b"<g>" * 300_000 + b"x", ""),
    "deep unknown html": ("a.html", lambda: b"<x-y>" * 300_000 + b"x", ""),
    "deep quotes": ("a.html", lambda: b"<q><s>" * 100_000 + b"</q>" * 100_000 + b"x", ""),
    "entities in svg": ("a.html", f"{ENTITIES}<svg><text>&j;</text></svg><p>a".encode, ""),
    "a wide row": ("a.html", lambda: b"<table><tr><td>a<tr>" + b"<td>x" * 60_000 + b"</table>", ""),
    "wide spans": ("a.html", lambda: b"<table><tr><td>a<tr>" + b"<td colspan=65534 rowspan=9>x" * 3_000, ""),
    "doubled lines": ("a.txt", lambda: b"".join(b"l%d\nl%d\n" % (n, n) for n in range(40_000)), ""),
    "blank heading": ("a.md", lambda: b"# a" + b" " * 60_000 + b"b\n\ntext", ""),
    "blank rule": ("a.md", lambda: b"|a|b|\n--" + b" " * 60_000 + b"x\n", ""),
    "blank cell": ("a.csv", lambda: b"title,languages\na,de" + b" " * 60_000 + b"x\n", ""),
    "quotes": ("a.csv", lambda: b'"' * 100_001 + b",a\n" + b'b,"' * 30_000, ""),
    "signs": ("a.csv", lambda: b";|,\t'\"\\" * 20_000, ""),
    "a long line": ("a.csv", lambda: b"title\n" + b"a b " * 2_000_000, ""),
}


@pytest.mark.parametrize("kind", LINES)
def test_a_text_that_is_a_trap_is_refused_or_read_at_once(limited: Limited, tmp_path: Path, kind: str) -> None:
    name, content, limit = LINES[kind]
    path = tmp_path / name
    path.write_bytes(content())
    started = time.perf_counter()
    said = limited.call(said_of, path)
    assert (said.startswith("refused") and limit in said) if limit else said
    assert time.perf_counter() - started < 15


def test_a_file_larger_than_may_be_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(2**30)
    with Limited(seconds=10, memory=2**26) as child:
        assert "more than 500,000,000 bytes" in child.call(said_of, path)


def catalogue_of(path: Path) -> str:
    try:
        return str(len(read_catalogue(path, {})))
    except CatalogueError as error:
        return str(error)


def test_a_line_of_a_catalogue_longer_than_any_practice_is_refused_before_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "practices.jsonl"
    with path.open("wb") as file:
        file.write(b'{"id": "a", "title": "A"}\n')
        file.truncate(2**30)
    with Limited(seconds=20, memory=2**29) as child:
        said = child.call(catalogue_of, path)
    assert said.startswith("practices.jsonl, line 2: the line is too long; expected at most 67,108,864 bytes")


def test_a_row_of_very_many_fields_is_refused_at_once(limited: Limited, tmp_path: Path) -> None:
    path = tmp_path / "practices.jsonl"
    path.write_text(json.dumps({f"f{n}": 0 for n in range(50_000)}), encoding="utf-8")
    started = time.perf_counter()
    assert "Extra inputs are not permitted" in limited.call(catalogue_of, path)
    assert time.perf_counter() - started < 15


def test_a_folder_of_very_many_files_is_refused_by_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from indexer.foreign import sheets

    monkeypatch.setattr(sheets, "_MOST_FILES", 3)
    for number in range(4):
        (tmp_path / f"{number}.md").write_text("# Mentors\n\nMasters listen.", encoding="utf-8")
    assert "4 files in this folder, expected at most 3" in said_of(tmp_path)
    (tmp_path / "0.md").unlink()
    assert said_of(tmp_path) == "rows: 3"


def test_a_sheet_of_libreoffice_with_empty_rows_to_its_end_is_read(tmp_path: Path) -> None:
    rows = ods_row("title") + ods_row("Mentors") + ods_row("", f'{COLUMNS}="16384"', rows=1_048_000)
    assert said_of(zipped(tmp_path / "a.ods", ods_of("", rows))) == "rows: 1"


def test_links_that_lead_out_of_a_folder_and_what_is_no_file_are_left_out_and_told(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("Secret\n\nof someone else", encoding="utf-8")
    folder = tmp_path / "sheets"
    folder.mkdir()
    (folder / "a.md").write_text("# Mentors\n\nMasters listen.", encoding="utf-8")
    (folder / "b.md").symlink_to("a.md")
    (folder / "c.txt").symlink_to(secret)
    (folder / "d.txt").symlink_to("d.txt")
    (folder / "e.html").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "f.txt")
    (folder / "g.txt").symlink_to("/dev/zero")
    table = read_foreign(folder)
    assert [row.values["id"] for row in table.rows] == ["a", "b"]
    assert [(doubt.place, doubt.found) for doubt in table.doubts] == [
        ("sheets/c.txt", "a link that leads out of the folder"),
        ("sheets/d.txt", "another kind of file"),
        ("sheets/e.html", "another kind of file"),
        ("sheets/f.txt", "another kind of file"),
        ("sheets/g.txt", "another kind of file"),
    ]


def test_a_pipe_is_refused_and_not_waited_for(limited: Limited, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    assert "neither a file nor a folder" in limited.call(said_of, tmp_path / "a.csv")


def test_a_pipe_or_a_folder_for_a_catalogue_is_refused_and_not_waited_for(limited: Limited, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        assert limited.call(catalogue_of, tmp_path / name).startswith(f"{name}, line 1: this is a folder, a pipe or a")
