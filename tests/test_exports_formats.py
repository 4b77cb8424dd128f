"""A file of any kind comes in blocks, and practices are read only as they are written."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from indexer.practice import Practice
from indexer.release import Release
from service.exports import formats
from service.exports.formats import content
from service.exports.kinds import Kind
from tests.exported import CATALOGUE, told_source
from tests.test_build import build


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return build(tmp_path_factory.mktemp("told"), told_source())


@dataclass
class Counting:
    """Practices that count how many of them were read."""

    read: int = 0

    def __iter__(self) -> Iterator[Practice]:
        for number in range(1000):
            self.read += 1
            yield Practice(id=f"p{number}", title=f"Practice {number}")


def counting(release: Release, practices: Any) -> Release:
    return replace(release, parts=replace(release.parts, practices=practices))


def test_each_kind_is_what_its_ending_says(told: Release) -> None:
    contents = {kind: b"".join(content(kind, told)) for kind in Kind}

    assert contents[Kind.JSONL].startswith(b'{"id":"mentors"')
    assert contents[Kind.CSV].startswith(b"\xef\xbb\xbfid,title,")
    assert contents[Kind.JSONLD].startswith(b'{\n "@context": "https://schema.org"')
    book = CalamineWorkbook.from_filelike(io.BytesIO(contents[Kind.XLSX]))
    assert len(book.get_sheet_by_name("practices").to_python()) == len(CATALOGUE) + 1


@pytest.mark.parametrize("kind", [Kind.JSONL, Kind.CSV, Kind.JSONLD])
def test_no_more_practices_are_read_than_the_block_needs(
    told: Release, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "_BLOCK", 5_000)
    practices = Counting()
    blocks = content(kind, counting(told, practices), "http://practices.example")
    first = next(blocks)

    assert 5_000 <= len(first) < 10_000
    assert 1 <= practices.read < 200
    list(blocks)
    assert practices.read == 1000


def test_a_workbook_leaves_nothing_behind_when_nobody_reads_on(
    told: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    blocks = content(Kind.XLSX, told)
    next(blocks)
    assert len(list(tmp_path.iterdir())) == 1
    blocks.close()

    assert list(tmp_path.iterdir()) == []
