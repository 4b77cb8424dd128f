"""JSON lines are the catalogue itself."""

from pathlib import Path

from indexer.catalogue import read_catalogue
from service.exports.json_lines import to_json_lines
from tests.exported import CATALOGUE, told_source
from tests.test_build import build


def test_the_lines_are_read_back_as_the_practices_they_were(tmp_path: Path) -> None:
    release = build(tmp_path, told_source())
    path = tmp_path / "again.jsonl"
    path.write_text("".join(to_json_lines(release)), encoding="utf-8")

    assert list(read_catalogue(path)) == list(CATALOGUE)
    assert len(path.read_text(encoding="utf-8").splitlines()) == len(CATALOGUE)
    assert "effect" not in path.read_text(encoding="utf-8").splitlines()[1]
