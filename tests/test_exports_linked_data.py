"""The JSON-LD is one dataset of schema.org with every practice in it, and says only what is known."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from indexer.description import Description
from indexer.release import Release
from service.exports.linked_data import to_json_ld
from service.pages.structured_data import structured_data
from tests.exported import CATALOGUE, DESCRIPTION, LICENCE_URL, told_source
from tests.fakes import VOCABULARY
from tests.test_build import build

HOME = "http://practices.example"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return build(tmp_path_factory.mktemp("told"), told_source())


def document(release: Release, home: str | None = HOME) -> dict:
    return json.loads("".join(to_json_ld(release, home)))


def test_the_dataset_says_whose_it_is_and_under_which_licence(told: Release) -> None:
    found = document(told)

    assert (found["@context"], found["@type"]) == ("https://schema.org", "Dataset")
    assert (found["name"], found["description"]) == (DESCRIPTION.title, DESCRIPTION.about)
    assert found["license"] == {"@type": "CreativeWork", "name": "CC-BY-4.0", "url": LICENCE_URL}
    assert found["publisher"] == {"@type": "Organization", "name": "Nobody & Sons"}
    assert (found["creditText"], found["url"]) == (DESCRIPTION.provenance, DESCRIPTION.homepage)
    assert found["version"] == told.manifest.release_id
    assert datetime.fromisoformat(found["dateModified"]).timestamp() == told.parts.changed_at.max()


def test_its_files_are_those_that_the_service_has(told: Release) -> None:
    files = {one["contentUrl"]: one["encodingFormat"] for one in document(told)["distribution"]}

    assert files[f"{HOME}/download/catalogue.csv"] == "text/csv"
    assert list(files) == [f"{HOME}/download/catalogue.{kind}" for kind in ("jsonl", "csv", "xlsx", "jsonld")]


def test_each_practice_is_what_its_page_says_with_codes_and_sources(told: Release) -> None:
    parts = document(told)["hasPart"]

    assert [part["name"] for part in parts] == [practice.title for practice in CATALOGUE]
    page = structured_data(CATALOGUE[0], f"{HOME}/practices/mentors")
    terms = parts[0].pop("keywords")
    assert parts[0] == {name: value for name, value in page.items() if name != "@context"}
    assert terms[-1] == {
        "@type": "DefinedTerm",
        "inDefinedTermSet": "approaches",
        "termCode": "mentoring",
        "name": VOCABULARY["approaches"]["mentoring"],
    }


def test_a_code_without_a_label_and_a_source_without_an_address_are_told_too(told: Release) -> None:
    last = document(told)["hasPart"][-1]

    terms = {(term["inDefinedTermSet"], term["termCode"]): term.get("name") for term in last["keywords"]}
    assert terms["listed_in", "a-list"] is None
    assert last["subjectOf"] == [
        {"@type": "WebPage", "url": "https://source.example/", "description": "Report\n\nof 2 pages"},
        {"@type": "CreativeWork", "name": "javascript:alert(1)"},
        {"@type": "CreativeWork", "name": "A book"},
    ]


def test_without_a_service_practices_are_named_within_the_document(told: Release) -> None:
    found = document(told, None)

    assert {"distribution", "@id"} & found.keys() == set()
    assert (found["hasPart"][0]["@id"], "url" in found["hasPart"][0]) == ("#mentors", False)


def test_what_the_catalogue_does_not_say_of_itself_is_left_out(tmp_path: Path) -> None:
    found = document(build(tmp_path, told_source(Description())), None)

    assert set(found) == {"@context", "@type", "name", "version", "dateModified", "hasPart"}
    assert found["name"] == "told.jsonl"


def test_a_licence_is_named_or_addressed_as_far_as_it_is_known(tmp_path: Path) -> None:
    named = build(tmp_path / "named", told_source(Description(licence="MIT")))
    addressed = build(tmp_path / "addressed", told_source(Description(licence_url=LICENCE_URL)))

    assert document(named)["license"] == {"@type": "CreativeWork", "name": "MIT"}
    assert document(addressed)["license"] == LICENCE_URL
