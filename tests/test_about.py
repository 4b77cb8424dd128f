"""What the page about the service says: counts of the release, and measured quality only where it is its own."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from indexer.build import build_release
from indexer.practice import Source
from indexer.registry import DEFAULT_ENCODER, find_spec, read_registry
from indexer.shipped import shipped_path
from indexer.source import read_source
from service.pages import about as module
from service.pages.about import MEASURED_FILE, Quality, about, count_countries
from service.pages.choices import Choice
from service.retriever import Retriever
from service.wording import wording
from tests.fakes import PRACTICES, small_source

ENGLISH = wording("en")
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
MEASURED: dict[str, Any] = json.loads(shipped_path(MEASURED_FILE).read_text(encoding="utf-8"))
(HELD_OUT,) = (one for one in MEASURED["verdicts"] if one["group"] == "held-out")


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    module._quality.cache_clear()
    yield
    module._quality.cache_clear()


def row(begin: str) -> list[str]:
    """Return the cells behind the first one of the row of the README that begins so."""
    (line,) = [line for line in README.splitlines() if line.startswith(f"| {begin}")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_counts_are_those_of_the_release_labelled_for_the_reader(retriever: Retriever) -> None:
    found = about(retriever, wording("de"))

    assert found.practices == 4
    assert found.countries == (
        Choice("DE", "Deutschland", 2, is_chosen=False),
        Choice("GR", "Griechenland", 1, is_chosen=False),
        Choice("NL", "Niederlande", 1, is_chosen=False),
    )
    english = about(retriever, ENGLISH)
    assert [(one.label, one.count) for one in english.evidence] == [
        ("Description only", 1),
        ("Survey or process evaluation", 1),
        ("Comparison group", 1),
    ]
    assert [(one.label, one.count) for one in english.effects] == [("Not known", 2), ("Mixed", 1), ("Positive", 1)]


def test_the_release_names_itself_its_day_and_its_encoder(retriever: Retriever) -> None:
    found, manifest = about(retriever, ENGLISH), retriever.release.manifest

    assert found.release_id == manifest.release_id
    assert found.built_on == datetime.fromisoformat(manifest.created_at).date()
    assert found.encoder == manifest.encoder.identity


def test_several_countries_are_no_country_but_can_be_asked_for(tmp_path, encoder, cache) -> None:
    practices = [*PRACTICES, PRACTICES[0].model_copy(update={"id": "everywhere", "country": "EU"})]
    release = build_release(
        small_source(practices), encoder, releases=tmp_path / "releases", cache=cache, progress=lambda *_: None
    )
    found = about(Retriever(release), ENGLISH)

    assert found.single_countries == count_countries(Retriever(release)) == 3
    assert [one.value for one in found.countries] == ["DE", "GR", "NL", "EU"]


def test_a_source_that_two_practices_name_counts_once(tmp_path, encoder, cache) -> None:
    sources = (Source(url="https://one.example/"), Source(url="https://two.example/"))
    practices = [
        PRACTICES[0].model_copy(update={"sources": sources}),
        PRACTICES[1].model_copy(update={"sources": sources[:1]}),
        *PRACTICES[2:],
    ]
    release = build_release(
        small_source(practices), encoder, releases=tmp_path / "releases", cache=cache, progress=lambda *_: None
    )

    assert about(Retriever(release), ENGLISH).sources == 2


def test_of_another_catalogue_neither_quality_nor_origin_is_told(retriever: Retriever) -> None:
    found = about(retriever, ENGLISH)

    assert found.quality is None
    assert found.is_shipped is False


def test_a_catalogue_with_practices_of_the_starting_list_is_the_shipped_one(tmp_path, encoder, cache) -> None:
    practices = [*PRACTICES[:3], PRACTICES[3].model_copy(update={"listed_in": ("a-list", "cedefop-starting-list")})]
    release = build_release(
        small_source(practices), encoder, releases=tmp_path / "releases", cache=cache, progress=lambda *_: None
    )

    assert about(Retriever(release), ENGLISH).is_shipped is True


def test_the_quality_that_was_measured_with_this_catalogue_and_encoder_is_told(
    retriever: Retriever, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = retriever.release.manifest
    good = {"on-topic": 0.5, "near-topic": 0.01, "off-topic": 0.02}
    measured = {
        "catalogue_sha256": manifest.catalogue_sha256,
        "encoder": manifest.encoder.identity,
        "rows": [{"group": "all", "nDCG@10": 0.9}, {"group": "held-out", "nDCG@10": 0.4}],
        "verdicts": [
            {"group": "tuning", "questions": 1, "languages": 1, "refused": 1.0, "good": {}},
            {"group": "held-out", "questions": 210, "languages": 24, "refused": 0.03, "good": good},
        ],
    }
    path = tmp_path / "measured.json"
    path.write_text(json.dumps(measured), encoding="utf-8")
    monkeypatch.setattr(module, "shipped_path", lambda _: path)

    assert about(retriever, ENGLISH).quality == Quality(
        questions=210, languages=24, refused=0.03, traps_called_good=0.02, called_good=0.5, ndcg=0.4
    )
    for other in ({"encoder": "another"}, {"catalogue_sha256": "0" * 64}):
        path.write_text(json.dumps(measured | other), encoding="utf-8")
        module._quality.cache_clear()
        assert about(retriever, ENGLISH).quality is None


def test_without_a_file_of_measures_no_quality_is_told(
    retriever: Retriever, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "shipped_path", lambda _: tmp_path / "nowhere.json")

    assert about(retriever, ENGLISH).quality is None


def test_the_shipped_measures_are_of_the_shipped_catalogue_and_the_default_encoder() -> None:
    source = read_source(shipped_path("data/catalogue/practices.jsonl"))
    encoder = find_spec(DEFAULT_ENCODER, read_registry()).identity

    assert (MEASURED["catalogue_sha256"], MEASURED["encoder"], MEASURED["leg"]) == (source.sha256, encoder, "hybrid")
    quality = module._quality(source.sha256, encoder)
    assert quality is not None
    assert (quality.questions, quality.languages, quality.traps_called_good) == (210, 24, 0.0)
    assert quality.refused == HELD_OUT["refused"]
    assert quality.called_good == HELD_OUT["good"]["on-topic"]


def test_the_readme_tells_the_verdicts_that_were_measured() -> None:
    def decimals(*values: float) -> str:
        return ", ".join(f"{value:.3f}".removeprefix("0") for value in values)

    def whole(*shares: float) -> str:
        return ", ".join(f"{100 * share:.0f} %" for share in shares)

    assert f"On {HELD_OUT['questions']} questions in {HELD_OUT['languages']} languages" in README
    assert row("AUROC")[0] == decimals(HELD_OUT["auroc"]) == ".973"
    assert row("real questions refused")[0] == f"{100 * HELD_OUT['refused']:.1f} %" == "1.6 %"
    good = HELD_OUT["good"]
    assert row("near-topic and off-topic questions")[0] == whole(max(good["near-topic"], good["off-topic"])) == "0 %"
    assert row("precision and recall")[0] == decimals(HELD_OUT["precision"], HELD_OUT["recall"])
    weak = 1 - good["on-topic"] - HELD_OUT["refused"]
    assert row("real questions called good, weak")[0] == whole(good["on-topic"], weak) == "45 %, 54 %"


def test_the_readme_tells_the_quality_of_the_order_that_was_measured() -> None:
    rows = {one["group"]: one for one in MEASURED["rows"]}

    for name, group in (("own questions (tuning)", "all"), ("own questions, held out", "held-out")):
        questions, _, _, hybrid, *_ = row(name)
        assert (questions, hybrid) == (str(rows[group]["queries"]), f"{rows[group]['nDCG@10']:.3f}")
    assert re.search(r"\.473 is the figure to expect", README)
    assert f"{rows['held-out']['nDCG@10']:.3f}" == "0.473"
