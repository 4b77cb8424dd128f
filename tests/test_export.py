"""The static export: the same links as files, put there as a whole, and nobody's files lost."""

import json
import re
from urllib.parse import quote, unquote

import pytest

from indexer.practice import Practice
from service.answers import related_response
from service.embeds.export import ExportError, export_related
from service.embeds.links import links_of
from service.embeds.widget import widget_script
from service.schemas import RelatedParameters
from service.wording import LANGUAGES, wording
from tests.fakes import PRACTICES
from tests.test_api import HOSTILE, built
from tests.test_cli import assert_one_message
from tests.test_cli import practices as practices  # noqa: PLC0414  a fixture

BASE = "https://practices.example/sub/"


def exported(retriever, folder, **changes) -> dict:
    return export_related(retriever, folder, **({"base_url": BASE, "languages": ("en", "de"), "top_k": 2} | changes))


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_each_practice_has_its_links_in_each_language(retriever, tmp_path):
    folder = tmp_path / "out" / "related"
    exported(retriever, folder)
    assert names(folder) == sorted(
        ["index.json", "widget.js"]
        + [f"{one.id}.{lang}.{kind}" for one in PRACTICES for lang in ("en", "de") for kind in ("json", "html")]
    )
    for practice in PRACTICES:
        for language in ("en", "de"):
            links = json.loads((folder / f"{practice.id}.{language}.json").read_text(encoding="utf-8"))
            answer = related_response(retriever, practice.id, RelatedParameters(top_k=2))
            served = links_of(answer, wording(language)).model_dump()
            assert [link["path"] for link in links["links"]] == [
                f"https://practices.example/sub{link['path']}" for link in served["links"]
            ]
            assert links["all"]["path"] == f"https://practices.example/sub/practices?lang={language}"
            assert [link["title"] for link in links["links"]] == [link["title"] for link in served["links"]]
            html = (folder / f"{practice.id}.{language}.html").read_text(encoding="utf-8")
            assert re.findall(r'href="([^"]+)"', html) == [link["path"] for link in links["links"]]
            assert html.startswith("<ul ")


def test_the_index_says_what_is_there_and_of_which_release(retriever, tmp_path):
    index = exported(retriever, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "index.json").read_text(encoding="utf-8")) == index
    assert index["release_id"] == retriever.release.manifest.release_id
    assert index["ids"] == [practice.id for practice in PRACTICES]
    assert (index["languages"], index["top_k"]) == (["en", "de"], 2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", index["made_at"])


def test_the_widget_beside_the_files_knows_where_the_pages_are(retriever, tmp_path):
    exported(retriever, tmp_path / "out")
    script = (tmp_path / "out" / "widget.js").read_text(encoding="ascii")
    assert script == widget_script("https://practices.example/sub")
    assert 'const EXPORTED_FOR = "https://practices.example/sub";' in script


def test_an_id_of_any_signs_is_a_file_name_as_in_urls(tmp_path, encoder):
    retriever = built(tmp_path, [HOSTILE, *PRACTICES], encoder)
    exported(retriever, tmp_path / "out", languages=("en",), top_k=4)
    name = f"{quote(HOSTILE.id, safe='')}.en.json"
    assert name in names(tmp_path / "out")
    assert unquote(name) == f"{HOSTILE.id}.en.json"
    html = (tmp_path / "out" / "mentors.en.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in html
    assert "<script" not in html


def test_an_id_that_is_too_long_for_a_file_is_named(tmp_path, encoder):
    long = Practice(id="é" * 100, title="Long")
    retriever = built(tmp_path, [long, *PRACTICES], encoder)
    with pytest.raises(
        ExportError, match=f"practice '{long.id}': its file name would have 608 bytes, expected at most"
    ):
        exported(retriever, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_former_export_is_replaced_as_a_whole(retriever, tmp_path):
    exported(retriever, tmp_path / "out", languages=LANGUAGES)
    exported(retriever, tmp_path / "out", languages=("mt",))
    assert {name.split(".")[1] for name in names(tmp_path / "out")} == {"json", "js", "mt"}
    assert [name for name in names(tmp_path) if name.startswith(".draft")] == []


def test_an_empty_folder_is_taken(retriever, tmp_path):
    (tmp_path / "out").mkdir()
    exported(retriever, tmp_path / "out")
    assert "index.json" in names(tmp_path / "out")


@pytest.mark.parametrize("index", [None, "{", "[]", '{"made_by": "somebody"}'])
def test_a_folder_of_somebody_else_is_refused_and_kept(retriever, tmp_path, index):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    if index is not None:
        (folder / "index.json").write_text(index)
    before = names(folder)
    with pytest.raises(ExportError, match="which `practices export-related` did not make"):
        exported(retriever, folder)
    assert names(folder) == before
    assert (folder / "mine.txt").read_text() == "mine"


def test_a_file_that_was_put_beside_an_export_is_not_lost(retriever, tmp_path):
    exported(retriever, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(ExportError, match=r"holds 'notes\.txt'"):
        exported(retriever, tmp_path / "out")
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_a_file_in_the_place_of_the_folder_is_refused(retriever, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ExportError, match="is a file"):
        exported(retriever, tmp_path / "out")


def test_nothing_is_left_of_an_export_that_fails(retriever, tmp_path, monkeypatch):
    exported(retriever, tmp_path / "out")
    before = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir()}
    monkeypatch.setattr("service.embeds.export.widget_script", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        exported(retriever, tmp_path / "out", languages=("fr",))
    assert {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir()} == before
    assert [name for name in names(tmp_path) if name.startswith(".draft")] == []


@pytest.mark.parametrize(
    "base_url", ["practices.example", "ftp://practices.example", "https://", "https://a.example?b"]
)
def test_an_address_that_is_none_is_refused(retriever, tmp_path, base_url):
    with pytest.raises(ExportError, match="--base-url is"):
        exported(retriever, tmp_path / "out", base_url=base_url)


def test_a_language_that_there_is_not_is_refused(retriever, tmp_path):
    with pytest.raises(ExportError, match="--lang is 'xx, tlh', expected some of: bg, cs"):
        exported(retriever, tmp_path / "out", languages=("xx", "en", "tlh"))


def test_the_command_needs_no_encoder(practices):
    practices("index", practices.catalogue)
    loaded = len(practices.loaded)
    out = practices.folder / "related"
    printed = practices("export-related", out, "--base-url", BASE, "--lang", "de", "--lang", "de", "--top-k", 1)
    assert (printed.status, printed.err) == (0, "")
    assert printed.out == f"{out}: 4 practices in de"
    assert len(practices.loaded) == loaded
    assert len(json.loads((out / "mentors.de.json").read_text(encoding="utf-8"))["links"]) == 1


def test_the_command_writes_english_where_no_language_is_named(practices):
    practices("index", practices.catalogue)
    assert practices("export-related", practices.folder / "related", "--base-url", BASE).status == 0
    assert len(json.loads((practices.folder / "related" / "mentors.en.json").read_text())["links"]) == 3


def test_the_command_says_what_is_wrong_in_one_message(practices):
    practices("index", practices.catalogue)
    assert_one_message(
        practices("export-related", practices.folder / "related", "--base-url", "nowhere"),
        "--base-url is 'nowhere', expected the address of the service such as https://example.org",
    )
