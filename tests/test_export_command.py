"""`practices export` writes whole files only, over nothing that is there, and import reads them back."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.catalogue import read_catalogue, read_vocabulary
from indexer.description import Description
from indexer.practice import Practice
from indexer.release_files import ReleaseError
from indexer.shipped import shipped_path
from indexer.source import CatalogueSource, read_source
from service import export_command
from service.__main__ import main
from service.export_command import CatalogueExportError, export_catalogue
from service.exports.kinds import Kind
from service.importing import import_catalogue
from service.settings import Settings
from tests.exported import CATALOGUE, DESCRIPTION, told_source
from tests.fakes import small_source
from tests.test_build import build

SHIPPED = shipped_path("data/catalogue/practices.jsonl")
KEPT_AS_TEXT = {"results", "sources", "succeeded_by", "note"}
"""What `practices import` does not read back from a table; the README names it."""


def settings_of(folder: Path, source: CatalogueSource) -> Settings:
    build(folder, source)
    return Settings(releases=folder / "releases")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_of(tmp_path_factory.mktemp("told"), told_source())


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shipped catalogue, without what its questions would take to encode."""
    source = replace(read_source(SHIPPED), probes=(), roles=())
    return settings_of(tmp_path_factory.mktemp("shipped"), source)


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("a.jsonl", {"catalogue.toml", "vocabulary.toml"}),
        ("a.csv", {"a.csv-metadata.json"}),
        ("a.xlsx", set()),
        ("a.JSONLD", set()),
    ],
)
def test_the_ending_says_the_kind_and_nothing_else_is_left(told, tmp_path: Path, name: str, beside: set[str]) -> None:
    export_catalogue(told, tmp_path / "new" / name)

    assert {path.name for path in (tmp_path / "new").iterdir()} == {name, *beside}


def test_the_shipped_catalogue_comes_back_as_it_was_with_what_stands_beside_it(shipped, tmp_path: Path) -> None:
    export_catalogue(shipped, tmp_path / "mine.jsonl")

    assert list(read_catalogue(tmp_path / "mine.jsonl")) == list(read_catalogue(SHIPPED))
    again = read_source(tmp_path / "mine.jsonl")
    assert again.description == read_source(SHIPPED).description
    assert {field: dict(labels) for field, labels in again.vocabulary.items()} == {
        field: dict(labels) for field, labels in read_source(SHIPPED).vocabulary.items()
    }


def differing(before: Sequence[Practice], after: Sequence[Practice]) -> set[str]:
    """Return the fields that differ in any practice."""
    return {
        field
        for one, other in zip(before, after, strict=True)
        for field in Practice.model_fields
        if getattr(one, field) != getattr(other, field)
    }


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_shipped_catalogue_is_imported_from_a_table_but_for_what_is_kept_as_text(
    shipped, tmp_path: Path, kind: str
) -> None:
    export_catalogue(shipped, tmp_path / f"mine.{kind}")
    (tmp_path / "vocabulary.toml").write_bytes(SHIPPED.with_name("vocabulary.toml").read_bytes())
    practices = list(read_catalogue(SHIPPED))
    import_catalogue(tmp_path / f"mine.{kind}", tmp_path / "again.jsonl")
    after = list(read_catalogue(tmp_path / "again.jsonl"))

    assert differing(practices, after) == KEPT_AS_TEXT
    for before, one in zip(practices, after, strict=True):
        assert [source.url for source in one.sources] == [source.url for source in before.sources]
        said = f"{one.note}\n{[result.text for result in one.results]}"
        assert all(text in said for text in (before.note, before.succeeded_by) if text)
        assert all(repr(result.text)[1:-1] in said for result in before.results)
        assert all(source.note in said for source in before.sources if source.note)


def test_the_readme_names_what_import_keeps_as_text() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Take the data with you")[2].partition("\n## ")[0]

    assert [field for field in KEPT_AS_TEXT if f"`{field}`" not in section] == []


def test_a_file_that_is_there_is_not_written_over_unless_it_is_asked_for(told, tmp_path: Path) -> None:
    out = tmp_path / "mine.csv"
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(CatalogueExportError, match=r"mine\.csv is there already; give another name, or --replace"):
        export_catalogue(told, out)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]
    assert out.read_text(encoding="utf-8") == "mine"

    export_catalogue(told, out, replace=True)
    assert out.read_bytes().startswith(b"\xef\xbb\xbfid,title")


def test_what_people_may_have_written_beside_it_stays_and_that_is_said(
    told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "vocabulary.toml").write_text('[levels]\nown = "My own"\n', encoding="utf-8")
    export_catalogue(told, tmp_path / "mine.jsonl", replace=True)

    assert read_vocabulary(tmp_path / "vocabulary.toml") == {"levels": {"own": "My own"}}
    assert Description.read(tmp_path / "catalogue.toml") == DESCRIPTION
    assert "vocabulary.toml is there already and stays as it is" in capsys.readouterr().out.replace("\n", " ")


def test_what_is_not_known_is_neither_written_nor_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = replace(small_source(), vocabulary={})
    export_catalogue(settings_of(tmp_path, bare), tmp_path / "out" / "mine.jsonl")

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.jsonl"]
    assert "no licence is known" in capsys.readouterr().out


def test_another_ending_needs_a_format(told, tmp_path: Path) -> None:
    with pytest.raises(
        CatalogueExportError, match=r"ends in '\.txt', expected one of: \.jsonl, \.csv, \.xlsx, \.jsonld"
    ):
        export_catalogue(told, tmp_path / "mine.txt")
    assert list(tmp_path.iterdir()) == []

    export_catalogue(told, tmp_path / "mine.txt", kind=Kind.JSONLD)
    document = json.loads((tmp_path / "mine.txt").read_text(encoding="utf-8"))
    assert len(document["hasPart"]) == len(CATALOGUE)


def test_a_file_that_cannot_be_made_whole_is_not_there(told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object):
        yield b"half"
        raise OSError("no space left")

    (tmp_path / "mine.csv").write_text("former", encoding="utf-8")
    monkeypatch.setattr(export_command, "content", broken)
    with pytest.raises(OSError, match="no space left"):
        export_catalogue(told, tmp_path / "mine.csv", replace=True)

    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]
    assert (tmp_path / "mine.csv").read_text(encoding="utf-8") == "former"


def test_without_a_release_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="build one with `practices index"):
        export_catalogue(Settings(releases=tmp_path / "none"), tmp_path / "mine.csv")
    assert not (tmp_path / "mine.csv").exists()


def test_the_command_prints_a_message_and_no_traceback(
    told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRACTICES_RELEASES", str(told.releases))
    out = tmp_path / "mine.data"
    monkeypatch.setattr("sys.argv", ["practices", "export", "--out", str(out), "--format", "csv"])
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    assert out.read_bytes().startswith(b"\xef\xbb\xbfid,title")

    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    assert "is there already" in capsys.readouterr().err
