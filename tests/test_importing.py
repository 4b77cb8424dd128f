"""From the file that somebody has to a catalogue: the mapping is kept, nothing is written over, doubts are listed."""

import csv
from pathlib import Path
from zipfile import ZipFile

import pytest
from python_calamine import CalamineWorkbook

from indexer.catalogue import read_catalogue
from indexer.foreign.rows import ForeignFileError
from service.importing import import_catalogue

HEAD = ("Projekttitel", "Kurzbeschreibung", "Land", "Beginn", "Akte")
ROWS = (
    ("Lehrlingscoaching", "Fachleute begleiten Lehrlinge im Betrieb.", "Österreich", "01.09.2012", "7/b"),
    ("Zweite Chance", "Ein Abschluss für Erwachsene.", "Atlantis", "42618", ""),
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "projekte.csv"
    with path.open("w", encoding="cp1252", newline="") as file:
        csv.writer(file, delimiter=";").writerows([HEAD, *ROWS])
    return path


def test_a_file_becomes_a_catalogue_that_can_be_read(source: Path, tmp_path: Path) -> None:
    import_catalogue(source, tmp_path / "new" / "catalogue.jsonl")
    first, second = read_catalogue(tmp_path / "new" / "catalogue.jsonl")
    assert (first.id, first.title, first.country, first.start_year) == ("lehrlingscoaching", ROWS[0][0], "AT", 2012)
    assert (first.summary, first.note) == (ROWS[0][1], "Akte: 7/b")
    assert (second.country, second.start_year, second.note) == (None, 2016, "Land: Atlantis")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["catalogue.jsonl"]


def test_the_mapping_is_kept_beside_the_source_and_what_people_change_in_it_holds(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "catalogue.jsonl"
    import_catalogue(source, out)
    mapping = tmp_path / "projekte.csv.mapping.toml"
    mapping.write_text(
        mapping.read_text(encoding="utf-8").replace('Akte = "note"', 'Akte = "funding"'), encoding="utf-8"
    )
    import_catalogue(source, out, replace=True)
    first = read_catalogue(out)[0]
    assert (first.funding, first.note) == ("7/b", None)
    assert 'Akte = "funding"' in mapping.read_text(encoding="utf-8")


def test_the_codes_of_the_catalogue_hold(source: Path, tmp_path: Path) -> None:
    (tmp_path / "vocabulary.toml").write_text('[approaches]\ncoaching = "Lehrlingscoaching"\n', encoding="utf-8")
    mapping = tmp_path / "own.toml"
    mapping.write_text('[columns]\nProjekttitel = "approaches"\nKurzbeschreibung = "title"\n', encoding="utf-8")
    import_catalogue(source, tmp_path / "catalogue.jsonl", mapping=mapping)
    practices = list(read_catalogue(tmp_path / "catalogue.jsonl"))
    assert [practice.approaches for practice in practices] == [("coaching",), ()]
    assert practices[1].note is not None
    assert "Projekttitel: Zweite Chance" in practices[1].note


def test_a_catalogue_that_is_there_is_not_written_over(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "catalogue.jsonl"
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(ForeignFileError, match="is there already; give another name, or --replace"):
        import_catalogue(source, out)
    assert out.read_text(encoding="utf-8") == "mine"


def test_a_source_that_says_nothing_leaves_no_catalogue(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("title;country\n;\n", encoding="utf-8")
    with pytest.raises(ForeignFileError):
        import_catalogue(tmp_path / "empty.csv", tmp_path / "catalogue.jsonl")
    assert not (tmp_path / "catalogue.jsonl").exists()


def test_the_report_lists_every_doubt_and_executes_nothing(source: Path, tmp_path: Path) -> None:
    with source.open("a", encoding="cp1252", newline="") as file:
        csv.writer(file, delimiter=";").writerow(("Dritte", "Text.", "=1+1", "", ""))
    import_catalogue(source, tmp_path / "catalogue.jsonl", report=tmp_path / "report.xlsx")
    [sheet] = CalamineWorkbook.from_path(tmp_path / "report.xlsx").sheet_names
    rows = CalamineWorkbook.from_path(tmp_path / "report.xlsx").get_sheet_by_name(sheet).to_python()
    assert rows[0] == ["where", "found", "what was done"]
    assert [row[1] for row in rows[-2:]] == ["column 'Land' is 'Atlantis'", "column 'Land' is '=1+1'"]
    assert b"<f>" not in ZipFile(tmp_path / "report.xlsx").read("xl/worksheets/sheet1.xml")


def test_what_is_done_is_said_on_the_terminal(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    import_catalogue(source, tmp_path / "catalogue.jsonl")
    out = " ".join(capsys.readouterr().out.split())
    for said in (
        "Projekttitel │ title │ its name",
        "Atlantis",
        "catalogue.jsonl: 2 practices of 2 rows",
        "mapping.toml",
    ):
        assert said in out
