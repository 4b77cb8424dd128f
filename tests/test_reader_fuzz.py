"""Whatever bytes a foreign file has, its reader returns rows or raises its own error, soon and in little memory.

READER_EXAMPLES says how many examples each test tries.
"""

import gzip
import io
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from indexer.catalogue import CatalogueError, read_catalogue, read_vocabulary
from indexer.description import Description, DescriptionError
from indexer.foreign.mapping import guess_mapping, read_mapping
from indexer.foreign.practices import import_practices
from indexer.foreign.reading import read_foreign
from indexer.foreign.rows import ForeignFileError
from indexer.probes import ProbesError, read_probes, read_roles
from indexer.thesaurus import ThesaurusError, read_thesaurus
from service.collection import CollectionError, read_beir
from service.saved_questions import read_questions
from tests.limited import Limited
from tests.test_bombs import document_of, ods_of, ods_row, zipped
from tests.test_damaged_files import cut, empty, flip, grow, nested, no_number, swap, zeros

EXAMPLES = int(os.environ.get("READER_EXAMPLES", "60"))
DAMAGES = (flip, cut, zeros, swap, grow, empty, nested, no_number)

ROWS = [
    ("id", "title", "country", "summary"),
    ("a", "Mentors", "DE", "Masters listen."),
    ("b", "École", "FR", "Ça va."),
]
RECORDS = [dict(zip(ROWS[0], row, strict=True)) for row in ROWS[1:]]
HTML = "<table>" + "".join("<tr><td>" + "<td>".join(row) for row in ROWS) + "</table>"
LISTING = "Displaying results 1 - 2 out of 2\n" + "".join(f"Project\n{row[1]}\n\n{row[3]}\n\n" for row in ROWS[1:])


def csv_of(delimiter: str) -> bytes:
    return "\n".join(delimiter.join(row) for row in ROWS).encode()


def xlsx() -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet("a")
        for number, row in enumerate(ROWS):
            sheet.write_row(number, 0, row)
    return content.getvalue()


def whole_files(folder: Path) -> dict[str, bytes]:
    """Return name -> bytes of a sound file of each kind."""
    lines = "\n".join(json.dumps(one) for one in RECORDS).encode()
    return {
        "a.csv": csv_of(","),
        "semicolons.csv": "\n".join(";".join(row) for row in ROWS).encode("cp1252"),
        "a.tsv": csv_of("\t").decode().encode("utf-16"),
        "a.xlsx": xlsx(),
        "a.ods": zipped(folder / "whole.ods", ods_of("", ods_row("title") + ods_row("Mentors"))).read_bytes(),
        "a.docx": zipped(folder / "whole.docx", document_of("", "Mentors")).read_bytes(),
        "a.html": HTML.encode(),
        "a.json": json.dumps(RECORDS).encode(),
        "a.jsonl": lines,
        "a.jsonl.gz": gzip.compress(lines, mtime=0),
        "a.md": b"---\ncountry: DE\n---\n# Mentors\n\n| a | b |\n|---|---|\n| c | d |\n\nMasters listen.\n",
        "a.txt": LISTING.encode(),
    }


FILES = ("a.csv", "semicolons.csv", "a.tsv", "a.xlsx", "a.ods", "a.docx", "a.html", "a.json", "a.jsonl", "a.jsonl.gz")
NAMES = (*FILES, "a.md", "a.txt")


def imported(path: Path) -> int:
    """Return how many rows a file is read as, -1 where it is refused by name; whatever is read can be imported."""
    try:
        table = read_foreign(path)
    except ForeignFileError as error:
        return -1 if path.name in str(error) else -2
    import_practices(table, {guess.column: guess.field for guess in guess_mapping(table)}, {})
    return len(table.rows)


def try_damaged(folder: Path, name: str, data: bytes, number: int) -> list[int]:
    found = []
    for damage in DAMAGES:
        path = folder / name
        path.write_bytes(damage(random.Random(f"{name} {damage.__name__} {number}"), data, b""))
        found.append(imported(path))
        path.unlink()
    assert [one.name for one in folder.iterdir()] == []
    return found


@pytest.fixture(scope="module")
def limited() -> Iterator[Limited]:
    with Limited(seconds=30) as one:
        yield one


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_is_read_or_refused(limited: Limited, tmp_path: Path, name: str) -> None:
    data = whole_files(tmp_path)[name]
    folder = tmp_path / "damaged"
    folder.mkdir()
    whole = folder / name
    whole.write_bytes(data)
    assert imported(whole) > 0
    whole.unlink()
    found = [one for number in range(EXAMPLES // 10) for one in limited.call(try_damaged, folder, name, data, number)]
    assert len(found) == EXAMPLES // 10 * len(DAMAGES)
    assert -1 in found
    assert -2 not in found


def pieces() -> st.SearchStrategy[bytes]:
    """Return what looks like a file: bits of all formats one after the other."""
    bits = [
        *("a", "title", ",", ";", "\t", "|", '"', "'", "\n", "\r\n", " ", "\\", "{", "}", "[", "]", ":", "\ufeff", "é"),
        *("<table>", "<tr>", "<td>", "<td rowspan=3>", "</table>", "<div>", "<!doctype html>", "<meta charset=utf-7>"),
        *("---", "# ", "##", "**", "| - |", "sep=", "1 - 2 of 3", "•", "Page", "null", "1e999", '{"a": 1}', "\\ud800"),
        *("2016-09-05", "http://a.eu", "DE", "\0", "\x1a", "\u2028", "<?xml encoding='utf-16'?>", "&lt;", "<svg>"),
    ]
    texts = st.lists(st.sampled_from(bits), max_size=40).map(lambda some: "".join(some).encode())
    starts = st.sampled_from([b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff", b"%PDF"])
    return st.one_of(texts, st.builds(bytes.__add__, starts, st.binary(max_size=300)), st.binary(max_size=300))


def hypothesised(check: Callable[[bytes], None], examples: int) -> None:
    limits = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[*HealthCheck],
    )
    seed(7)(limits(given(pieces())(check)))()


def try_all(folder: Path, examples: int) -> int:
    """Read many generated files; return how many."""
    count = 0

    def check(data: bytes) -> None:
        nonlocal count
        path = folder / NAMES[count % len(NAMES)]
        count += 1
        path.write_bytes(data)
        assert imported(path) >= -1
        path.unlink()

    hypothesised(check, examples)
    return count


def test_any_bytes_are_read_or_refused(tmp_path: Path) -> None:
    with Limited(seconds=60 + EXAMPLES) as child:
        assert child.call(try_all, tmp_path, EXAMPLES * 5) >= EXAMPLES
    assert list(tmp_path.iterdir()) == []


def _beir(path: Path) -> object:
    """Read a collection of which one file is given."""
    folder = path.parent / "collection"
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    (folder / "corpus.jsonl").write_bytes(b'{"_id": "d1", "title": "", "text": "a. b"}')
    (folder / "queries.jsonl").write_bytes(b'{"_id": "q1", "text": "a"}')
    (folder / "qrels" / "test.tsv").write_bytes(b"q\td\ts\nq1\td1\t1\n")
    if path.suffix == ".gz":
        (folder / "corpus.jsonl").unlink()
    next(folder.rglob(path.name), folder / path.name).write_bytes(path.read_bytes())
    return read_beir(folder)


OWN: dict[str, tuple[str, Callable[[Path], object], type[Exception], bytes]] = {
    "catalogue": ("a.jsonl", lambda path: list(read_catalogue(path)), CatalogueError, b'{"id": "a", "title": "A"}'),
    "vocabulary": ("a.toml", read_vocabulary, CatalogueError, b'[approaches]\nmentoring = "Mentoring"'),
    "description": ("a.toml", Description.read, DescriptionError, b'title = "A"'),
    "thesaurus": ("a.toml", read_thesaurus, ThesaurusError, b'[apprentices]\nde = ["lehrling*"]'),
    "mapping": ("a.toml", lambda path: read_mapping(path, {"a": "title"}), ForeignFileError, b'[columns]\na = "title"'),
    "probes": (
        "a.jsonl",
        lambda path: read_probes(path, "a".__eq__),
        ProbesError,
        b'{"text": "a", "language": "en", "kind": "on-topic", "relevant": ["a"]}',
    ),
    "roles": ("a.jsonl", read_roles, ProbesError, b'{"text": "a", "language": "en", "role": "who"}'),
    "questions": ("a.jsonl", read_questions, CollectionError, b'{"text": "a"}'),
    "documents": ("corpus.jsonl", _beir, CollectionError, b'{"_id": "d1", "title": "", "text": "a. b"}'),
    "judgements": ("test.tsv", _beir, CollectionError, b"q\td\ts\nq1\td1\t1\n"),
    "packed documents": ("corpus.jsonl.gz", _beir, CollectionError, gzip.compress(b'{"_id": "d1", "text": "a"}')),
}
HARD = (
    *(b"a = " + b"[" * 100_000, b"[" * 100_000, b'{"a":' * 100_000, b"a = " + b"9" * 9_000, b"9" * 9_000),
    *(b"\xff\xfe", b"", b"null", b'"a"', b"[]", b"a = 1", b"a = 2023-99-99", b'{"text": "\\ud800"}', b"NaN", b"\0"),
    *(b'{"id": "a", "title": "\\ud800"}', b'[columns]\na = ["b"]', b"columns = 3", b"[a.b]\nc = 1", b"\x1f\x8b"),
)


@pytest.mark.parametrize("kind", OWN)
def test_a_file_of_ours_is_read_or_refused_by_its_own_error(tmp_path: Path, kind: str) -> None:
    name, read, refusal, whole = OWN[kind]
    path = tmp_path / name
    refused = 0

    def check(data: bytes) -> None:
        nonlocal refused
        path.write_bytes(data)
        try:
            read(path)
        except refusal:
            refused += 1

    check(whole)
    assert refused == 0
    for data in HARD:
        check(data)
    for number in range(EXAMPLES):
        check(DAMAGES[number % len(DAMAGES)](random.Random(number), whole, b""))
    hypothesised(check, EXAMPLES)
    assert refused > len(HARD) // 3
