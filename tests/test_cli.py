"""The command line with the fake encoder: what it prints, what it leaves on disk, and how it fails."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from indexer.edits import Edit
from indexer.manifest import read_manifest
from indexer.practice import Practice
from indexer.registry import DEFAULT_ENCODER, find_spec, read_registry
from indexer.release_files import CURRENT
from service.__main__ import main
from service.journal import Journal
from service.retriever import Retriever
from tests.fakes import PRACTICES, PROBES, WordEncoder, calibrated_source

OTHER_ENCODER = next(name for name in read_registry() if name != DEFAULT_ENCODER)


@dataclass(frozen=True)
class Printed:
    """What a command left: its status, and its two streams with every run of white space as one space."""

    status: object
    out: str
    err: str
    raw: str


class Terminal:
    """Runs `practices ARGUMENTS` in a folder of its own, with an encoder that needs no weights."""

    def __init__(self, folder: Path, monkeypatch, capsys) -> None:
        self.folder = folder
        self.catalogue = folder / "small.jsonl"
        self.loaded: list[WordEncoder] = []
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.write(PRACTICES)

    def write(self, practices) -> None:
        self.write_rows(practice.model_dump(mode="json", exclude_defaults=True) for practice in practices)

    def write_rows(self, rows) -> None:
        self.catalogue.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def write_examples(self) -> None:
        """Write probes and roles beside the catalogue, enough for a calibration."""
        source = calibrated_source()
        for name, examples in (("probes", source.probes), ("roles", source.roles)):
            lines = "\n".join(example.model_dump_json() for example in examples)
            (self.folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")

    def load_encoder(self, name, settings) -> WordEncoder:
        assert settings.models == self.folder / "models"
        self.loaded.append(WordEncoder(find_spec(name, read_registry())))
        return self.loaded[-1]

    def load_release_encoder(self, release, settings) -> WordEncoder:
        return self.load_encoder(read_manifest(release).encoder.name, settings)

    def __call__(self, *arguments: object) -> Printed:
        self._monkeypatch.setattr(sys, "argv", ["practices", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = self._capsys.readouterr()
        return Printed(left.value.code or 0, " ".join(out.split()), " ".join(err.split()), out)

    def edit(self, *edits: Edit) -> None:
        """Keep changes as the service does that was asked for them."""
        with Journal(self.folder / "state" / "journal.sqlite").writing() as writer:
            for edit in edits:
                writer.append(edit, None, "cms")

    def json(self, *arguments: object) -> dict:
        printed = self(*arguments, "--json")
        assert printed.status == 0
        return json.loads(printed.raw)

    def only_release(self) -> str:
        [folder] = (self.folder / "releases").iterdir()
        return folder.name

    @property
    def current(self) -> Path:
        return self.folder / "releases" / CURRENT


@pytest.fixture
def practices(tmp_path, monkeypatch, capsys) -> Terminal:
    for name in ("RELEASES", "MODELS", "CACHE", "STATE"):
        monkeypatch.setenv(f"PRACTICES_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("PRACTICES_CATALOGUE", str(tmp_path / "small.jsonl"))
    monkeypatch.setenv("PRACTICES_ENCODER", DEFAULT_ENCODER)
    monkeypatch.setenv("COLUMNS", "200")
    terminal = Terminal(tmp_path, monkeypatch, capsys)
    monkeypatch.setattr("service.terminal.load_encoder", terminal.load_encoder)
    for module in ("service.commands", "service.rebuilding", "service.releasing"):
        monkeypatch.setattr(f"{module}.load_release_encoder", terminal.load_release_encoder)
    return terminal


def assert_one_message(printed: Printed, message: str) -> None:
    assert printed.status == 1
    assert printed.err == f"Error: {message}"
    assert printed.out == ""


def test_help_names_every_command(practices):
    printed = practices("--help")
    assert printed.status == 0
    for command in ("index", "serve", "search", "related", "export-related", "evaluate", "check"):
        assert f" {command} " in printed.out


def test_index_builds_and_publishes_a_release_and_reports_it(practices):
    printed = practices("index", practices.catalogue)
    assert printed.status == 0
    manifest = read_manifest(practices.current)
    assert manifest.catalogue_name == "small.jsonl"
    assert manifest.counts.practices == 4
    assert manifest.encoder.identity == practices.loaded[0].spec.identity
    assert f"Release {manifest.release_id}" in printed.out
    assert f"encoder │ {manifest.encoder.identity}" in printed.out
    assert "practices │ 4 │" in printed.out
    assert f"small.jsonl, sha256 {manifest.catalogue_sha256[:16]}" in printed.out


def test_index_without_an_argument_takes_the_catalogue_of_the_settings(practices):
    assert practices("index").status == 0
    assert read_manifest(practices.current).catalogue_name == "small.jsonl"


def test_index_again_does_nothing(practices):
    first = practices("index", practices.catalogue)
    files = {path: path.stat().st_mtime_ns for path in practices.folder.rglob("releases/**/*")}
    again = practices("index", practices.catalogue)
    assert len(practices.loaded) == 1
    assert {path: path.stat().st_mtime_ns for path in practices.folder.rglob("releases/**/*")} == files
    nothing = f"{practices.current.resolve().name} is there already; nothing was done."
    assert (again.status, again.out, again.err) == (0, f"{first.out} {nothing}", "")


def test_index_builds_a_release_that_does_not_answer_yet(practices):
    first = practices("index", "--no-activate")
    name = practices.only_release()
    assert first.status == 0
    assert first.out.endswith(f"Let it answer: `practices activate {name}`")
    again = practices("index", "--no-activate")
    assert again.out.endswith(f"{name} is there already; nothing was done. Let it answer: `practices activate {name}`")
    assert practices.only_release() == name
    assert len(practices.loaded) == 1


def test_a_release_that_is_there_becomes_current_without_being_built_again(practices):
    practices("index")
    old = practices.current.resolve().name
    practices.write(PRACTICES[:3])
    printed = practices("index", "--no-activate")
    new = printed.out.partition("Release ")[2].split()[0]
    assert f"{new} is not current; what it would change: `practices diff current {new}`" in printed.out
    assert printed.out.endswith(f"Let it answer: `practices activate {new}`")
    assert practices.current.resolve().name == old
    printed = practices("index")
    assert printed.out.endswith(f"{new} is current; let {old} answer again: `practices rollback`")
    assert practices.current.resolve().name == new
    assert len(practices.loaded) == 2
    assert practices("rollback").out == f"{old} is current"


def test_index_names_no_way_back_to_a_damaged_release(practices):
    practices("index")
    (practices.current / "practices.jsonl").write_bytes(b"")
    practices.write(PRACTICES[:3])
    assert "rollback" not in practices("index").out


def test_a_catalogue_that_would_undo_changes_by_api_is_refused_unless_they_are_dropped(practices):
    practices("index")
    file_release = practices.current.resolve().name
    practices.edit(Edit("tandem", Practice(id="tandem", title="Reading tandem")), Edit(PRACTICES[0].id, None))
    assert practices("apply-edits").status == 0
    edited = practices.current.resolve().name
    assert read_manifest(practices.current).counts.practices == len(PRACTICES)

    lost = f"2 practices were changed by API and are otherwise here: tandem, {PRACTICES[0].id}"
    advice = "take them over with `practices export --out FILE`, or give --drop-edits"
    assert_one_message(practices("index"), f"{lost}; {advice}")
    refused = practices("activate", file_release)
    assert refused.status == 1
    assert "2 practices are not in it as they were changed by API" in refused.err
    assert practices.current.resolve().name == edited

    assert practices("index", "--drop-edits").status == 0
    assert practices.current.resolve().name == file_release
    assert practices("index").status == 0


def test_what_was_changed_by_api_is_taken_over_into_a_catalogue(practices):
    practices("index")
    practices.edit(Edit("tandem", Practice(id="tandem", title="Reading tandem")))
    practices("apply-edits")
    assert practices("export", "--out", practices.catalogue, "--replace").status == 0
    before = practices.current.resolve().name
    assert practices("index").status == 0
    assert practices.current.resolve().name == before


def test_how_to_go_on_names_the_folder_that_out_says(practices):
    out = practices.folder / "else where"
    printed = practices("index", "--out", out, "--no-activate")
    assert f"Let it answer: `PRACTICES_RELEASES='{out}' practices activate " in printed.out


def test_index_after_a_change_encodes_only_what_is_new(practices):
    probes = "\n".join(probe.model_dump_json() for probe in PROBES)
    (practices.folder / "probes.jsonl").write_text(probes, encoding="utf-8")
    practices("index", practices.catalogue)
    before = read_manifest(practices.current).release_id
    new = Practice(id="tandem", title="Reading tandem", summary="Pensioners read with pupils.")
    practices.write([*PRACTICES, new])
    assert practices("index", practices.catalogue).status == 0
    manifest = read_manifest(practices.current)
    assert manifest.release_id != before
    assert manifest.counts.practices == 5
    encoded = " | ".join(practices.loaded[1].encoded)
    assert "Pensioners read with pupils." in encoded
    assert "Second chance school" not in encoded


def test_index_writes_where_out_says(practices):
    out = practices.folder / "elsewhere"
    assert practices("index", practices.catalogue, "--out", out).status == 0
    assert read_manifest(out / CURRENT).counts.practices == 4
    assert not practices.current.exists()
    assert os.environ["PRACTICES_RELEASES"] == str(out)


def test_index_takes_the_encoder_that_the_option_names(practices):
    assert practices("index", practices.catalogue, "--encoder", OTHER_ENCODER).status == 0
    assert [encoder.spec.name for encoder in practices.loaded] == [OTHER_ENCODER]
    assert read_manifest(practices.current).encoder.name == OTHER_ENCODER


def test_an_unknown_encoder_is_one_message(practices):
    known = ", ".join(read_registry())
    assert_one_message(
        practices("index", practices.catalogue, "--encoder", "nope"),
        f"encoder 'nope' is not in models/registry.toml, expected one of: {known}",
    )


@pytest.mark.parametrize("command", ["index", "check"])
def test_a_missing_catalogue_is_one_message(practices, command):
    path = practices.folder / "none.jsonl"
    assert_one_message(practices(command, path), f"[Errno 2] No such file or directory: '{path}'")


def test_index_refuses_a_bad_catalogue_and_keeps_the_current_release(practices):
    practices("index", practices.catalogue)
    before = read_manifest(practices.current)
    practices.write_rows([{"id": "a", "title": "A title"}, {"id": "a", "title": "The same id"}])
    assert_one_message(
        practices("index", practices.catalogue),
        "small.jsonl, line 2: field 'id' is 'a'; expected an id of its own, line 1 has this one already",
    )
    assert read_manifest(practices.current) == before


def test_check_says_that_no_row_is_bad_and_what_is_not_known(practices):
    printed = practices("check", practices.catalogue)
    assert printed.status == 0
    assert "small.jsonl: 4 practices, no bad row" in printed.out
    assert "│ start_year │ 1 │ street-work │" in printed.out
    assert "│ evidence_level │ 1 │ street-work │" in printed.out
    assert "│ organisation │ 4 │ mentors, second-school, absence-call, street-work │" in printed.out
    assert "│ sources │ 4 │ mentors, second-school, absence-call, street-work │" in printed.out
    assert "│ country │" not in printed.out


def test_check_shows_five_ids_of_many(practices):
    practices.write_rows([{"id": f"p{number}", "title": "A title", "country": "FR"} for number in range(7)])
    assert "│ summary │ 7 │ p0, p1, p2, p3, p4, ... │" in practices("check", practices.catalogue).out


def test_check_reports_every_bad_row_with_line_and_field(practices):
    practices.write_rows(
        [
            {"id": "a", "title": "A title", "country": "Frnace"},
            {"id": "b", "title": "A title"},
            {"id": "c", "tilte": "A title"},
        ]
    )
    printed = practices("check", practices.catalogue)
    assert printed.status == 1
    assert printed.err.startswith(
        "Error: small.jsonl, line 1: field 'country' is \"Frnace\"; "
        "expected an ISO 3166 code such as 'FR' ('EU' for several countries) "
        "small.jsonl, line 3: field 'title' is missing; expected a value "
        "small.jsonl, line 3: field 'tilte' is \"A title\"; Extra inputs are not permitted",
    )
    assert "Traceback" not in printed.err


def reported(path: Path) -> list[tuple[object, ...]]:
    """Return severity, line, practice and field of the findings in a report."""
    return [tuple(row[:4]) for row in CalamineWorkbook.from_path(path).get_sheet_by_name("findings").to_python()[1:]]


def test_check_shows_what_is_doubtful_beside_what_is_wrong_and_reports_both_by_line(practices):
    practices.write_rows([{"id": "a", "title": "A title"}, {"id": "b"}, {"id": "c", "title": "Another"}])
    report = practices.folder / "report.xlsx"
    printed = practices("check", practices.catalogue, "--report", report)
    assert printed.status == 1
    assert printed.err.startswith("Error: small.jsonl, line 2: field 'title' is missing; expected a value")
    assert "small.jsonl: 2 practices, 1 error in the file" in printed.out
    assert "2 warnings" in printed.out
    assert "│ 1 │ a │ description │ no text │" in printed.out
    assert reported(report) == [
        ("warning", 1, "a", "description"),
        ("error", 2, "", "title"),
        ("warning", 3, "c", "description"),
    ]


def test_check_tells_what_is_wrong_without_an_encoder_too(practices):
    practices.write_rows([{"id": "a", "title": "A title"}, {"id": "b"}])
    report = practices.folder / "report.xlsx"
    printed = practices("check", practices.catalogue, "--report", report, "--encoder", "nope")
    assert printed.status == 1
    assert "line 2: field 'title' is missing" in printed.err
    assert "Error: encoder 'nope' is not in models/registry.toml" in printed.err
    assert reported(report) == [("error", 2, "", "title")]


def test_check_of_rows_that_are_all_bad_needs_no_encoder(practices):
    practices.write_rows([{"id": "b"}])
    printed = practices("check", practices.catalogue)
    message = "Error: small.jsonl, line 1: field 'title' is missing; expected a value"
    assert (printed.status, printed.err, practices.loaded) == (1, message, [])


def test_check_reports_a_vocabulary_that_cannot_be_read(practices):
    (practices.folder / "vocabulary.toml").write_text("[levels", encoding="utf-8")
    report = practices.folder / "report.xlsx"
    printed = practices("check", practices.catalogue, "--report", report)
    assert (printed.status, printed.out) == (1, "")
    assert printed.err.startswith("Error: vocabulary.toml, line 1: not readable")
    assert reported(report) == [("error", 1, "", "")]


@pytest.mark.parametrize("command", [("search", "apprentices"), ("related", "mentors")])
def test_a_question_without_a_release_says_how_to_build_one(practices, command):
    assert_one_message(
        practices(*command),
        f"there is no release in {practices.folder / 'releases'}; build one with `practices index CATALOGUE`",
    )


def test_search_prints_a_table_with_the_best_practice_first(practices):
    practices("index")
    printed = practices("search", "evening school for adults")
    assert printed.status == 0
    positions = [printed.out.index(practice.title) for practice in PRACTICES]
    assert min(positions) == positions[1]
    assert "│ GR │ second-school │" in printed.out


def test_search_gives_the_answer_of_the_service_as_json(practices):
    practices("index")
    answer = practices.json("search", "  evening école for adults\n", "--top-k", "2")
    assert answer["query"] == "evening école for adults"
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2]
    assert answer["hits"][0]["practice"]["id"] == "second-school"
    assert answer["index"]["release_id"] == read_manifest(practices.current).release_id
    assert sum(facet["count"] for facet in answer["facets"]["status"]) == 2


def test_search_prints_the_verdict_the_confidence_and_the_sentence_that_answers(practices):
    practices.write_examples()
    practices("index")
    printed = practices("search", "retired masters who mentor apprentices", "--top-k", "1")
    assert printed.status == 0
    assert printed.out.startswith("These practices fit the question. ┏")
    confidence = practices.json("search", "retired masters who mentor apprentices")["hits"][0]["confidence"]
    assert f"│ 1 │ {confidence:.2f} │ Senior mentors │ DE │ mentors │" in printed.out
    assert "“Retired masters mentor apprentices who think of quitting.”" in printed.out


def test_search_prints_a_message_and_no_practice_where_nothing_fits(practices):
    practices.write_examples()
    practices("index")
    printed = practices("search", "fry the onions in butter")
    assert (printed.status, printed.out) == (0, "Nothing in this catalogue fits the question.")
    answer = practices.json("search", "fry the onions in butter")
    assert (answer["verdict"], answer["hits"], answer["nearest_theme"]) == ("none", [], None)


def test_search_without_a_calibration_prints_a_table_alone(practices):
    practices("index")
    printed = practices("search", "fry the onions in butter", "--top-k", "1")
    assert printed.out.startswith("┏")
    answer = practices.json("search", "fry the onions in butter")
    assert (answer["verdict"], answer["message"]) == (None, None)


def test_search_takes_the_encoder_that_built_the_release(practices, monkeypatch):
    practices("index", practices.catalogue, "--encoder", OTHER_ENCODER)
    monkeypatch.setenv("PRACTICES_ENCODER", DEFAULT_ENCODER)
    assert practices("search", "apprentices").status == 0
    assert [encoder.spec.name for encoder in practices.loaded] == [OTHER_ENCODER, OTHER_ENCODER]


def test_search_refuses_a_damaged_release(practices):
    practices("index")
    damaged = practices.current.resolve() / "practices.jsonl"
    damaged.write_bytes(damaged.read_bytes().replace(b"mentors", b"mantors"))
    printed = practices("search", "apprentices")
    assert printed.status == 1
    assert printed.err.startswith(f"Error: release {practices.current.resolve().name} is damaged; ")
    assert f"{damaged}: sha256 is " in printed.err


@pytest.mark.parametrize("top_k", ["0", "101", "x"])
def test_a_wrong_option_is_a_usage_error(practices, top_k):
    printed = practices("search", "apprentices", "--top-k", top_k)
    assert printed.status == 2
    assert "--top-k" in printed.err
    assert practices.loaded == []


def test_related_prints_all_but_the_seed(practices):
    practices("index")
    answer = practices.json("related", "mentors")
    assert answer["practice_id"] == "mentors"
    found = [hit["practice"]["id"] for hit in answer["hits"]]
    assert sorted(found) == ["absence-call", "second-school", "street-work"]
    printed = practices("related", "mentors", "--top-k", "1")
    assert found[0] in printed.out
    assert not [other for other in ("mentors", *found[1:]) if f"│ {other} │" in printed.out]


def test_related_prints_the_practices_of_the_mode_with_their_reasons(practices):
    practices("index")
    answer = practices.json("related", "mentors", "--mode", "same-approach")
    assert (answer["mode"], answer["page"]) == ("same-approach", 1)
    assert [hit["practice"]["id"] for hit in answer["hits"]] == ["street-work"]
    printed = practices("related", "mentors", "--mode", "same-approach")
    assert "│ DE │ street-work │" in printed.out
    assert f"“{answer['hits'][0]['explanation']['sentence']['text']}”" in printed.out
    others = practices.json("related", "mentors", "--mode", "other-country")
    assert sorted(hit["practice"]["country"] for hit in others["hits"]) == ["GR", "NL"]


def test_a_mode_that_does_not_exist_is_a_usage_error(practices):
    printed = practices("related", "mentors", "--mode", "nearest")
    assert printed.status == 2
    assert "--mode" in printed.err


def test_related_to_an_unknown_practice_is_one_message(practices):
    practices("index")
    assert_one_message(practices("related", "nobody"), "no practice with id 'nobody' in this catalogue")


def test_markup_in_catalogue_text_is_printed_as_text(practices):
    practices.write_rows([{"id": "p", "title": "A [red]red[/red] title", "summary": "[link=http://x]y[/link] [/]"}])
    practices("index")
    printed = practices("search", "title")
    assert "│ A [red]red[/red] title │" in printed.out
    assert "│ [link=http://x]y[/link] [/] │" in printed.out


def beir(folder: Path) -> Path:
    (folder / "qrels").mkdir(parents=True)
    corpus = [
        {"_id": "d1", "title": "Mentors", "text": "Retired masters mentor apprentices."},
        {"_id": "d2", "title": "Evening school", "text": "Adults return to class."},
        {"_id": "d3", "title": "Street work", "text": "Youth workers visit squares."},
    ]
    queries = [
        {"_id": "right", "text": "retired masters mentor apprentices"},
        {"_id": "wrong", "text": "adults return to class"},
        {"_id": "unjudged", "text": "youth workers"},
    ]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)), encoding="utf-8")
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)), encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nright\td1\t1\nwrong\tlost\t1\n", "utf-8")
    return folder


def test_evaluate_measures_a_beir_folder(practices):
    answer = practices.json("evaluate", beir(practices.folder / "tiny"))
    assert answer["collection"] == "tiny"
    assert answer["encoder"] == find_spec(DEFAULT_ENCODER, read_registry()).identity
    assert answer["leg"] == "hybrid"
    assert answer["seconds"] >= 0
    assert answer["rows"] == [
        {"group": "all", "queries": 2, "nDCG@10": 0.5, "R@100": 0.5, "RR@10": 0.5, "P@1": 0.5},
    ]


@pytest.mark.parametrize(
    ("leg", "expected"), [(one, [one]) for one in ("hybrid", "dense", "lexical")] + [("plain", [])]
)
def test_evaluate_ranks_with_the_leg_that_the_option_names(practices, monkeypatch, leg, expected):
    used = []

    def recorded(release, *, leg):
        used.append(leg)
        return Retriever(release, leg=leg)

    monkeypatch.setattr("service.commands.Retriever", recorded)
    answer = practices.json("evaluate", beir(practices.folder / "tiny"), "--leg", leg)
    assert used == ([] if leg == "plain" else [leg])
    assert answer["leg"] == leg
    assert [(row["queries"], row["nDCG@10"], row["P@1"]) for row in answer["rows"]] == [(2, 0.5, 0.5)]


def test_evaluate_prints_a_table_and_leaves_the_releases_alone(practices):
    printed = practices("evaluate", beir(practices.folder / "tiny"))
    assert printed.status == 0
    assert "│ all │ 2 │ 0.500 │ 0.500 │ 0.500 │ 0.500 │" in printed.out
    assert not (practices.folder / "releases").exists()


def test_evaluate_of_a_folder_that_is_no_collection_is_one_message(practices):
    path = practices.folder / "qrels" / "test.tsv"
    assert_one_message(
        practices("evaluate", practices.folder),
        f"{path} is missing, expected lines 'query-id<TAB>corpus-id<TAB>score'",
    )


@pytest.mark.parametrize("text", ["", "   ", "x" * 20_001, "half a \udcff character"])
def test_a_question_that_is_not_valid_is_one_message(practices, text):
    printed = practices("search", text)
    assert printed.status == 1
    assert printed.err.startswith("Error: query")


def test_a_wrong_setting_is_one_message(practices, monkeypatch):
    monkeypatch.setenv("PRACTICES_PORT", "http")
    printed = practices("index")
    assert printed.status == 1
    assert "PRACTICES_PORT" in printed.err


@pytest.mark.parametrize(
    ("name", "text"), [("thesaurus.toml", "x = 1"), ("probes.jsonl", "{}\n"), ("roles.jsonl", "{}\n")]
)
def test_a_bad_file_beside_the_catalogue_is_one_message(practices, name, text):
    (practices.folder / name).write_text(text, encoding="utf-8")
    printed = practices("index")
    assert printed.status == 1
    assert name in printed.err


def test_a_probe_that_names_a_practice_of_another_catalogue_is_one_message(practices):
    practices.write_examples()
    practices.write(PRACTICES[1:])
    printed = practices("index")
    assert printed.status == 1
    path = practices.folder / "probes.jsonl"
    assert printed.err == (f"Error: {path}, line 1: field 'relevant' names ['mentors'], expected ids of the catalogue")


@pytest.mark.parametrize(
    "row", [{"id": "p", "title": r"C:\[/x]"}, {"id": "p", "title": "ends in \\"}, {"id": "p[red]", "title": "A title"}]
)
def test_hostile_markup_is_printed_as_text(practices, row):
    practices.write_rows([row])
    practices("index")
    printed = practices("search", "title")
    assert f"│ {row['title']} │" in printed.out
    assert f"│ {row['id']} │" in printed.out


def test_catalogue_text_cannot_steer_the_terminal(practices):
    practices.write_rows([{"id": "p", "title": "A \x1b[31mred\x1b]0;owned\x07 title"}])
    practices("index")
    assert "\x1b" not in practices("search", "title").out
