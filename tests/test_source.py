"""A source is a catalogue with what lies beside it, and its hash follows the content and nothing else."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.catalogue import CatalogueError
from indexer.practice import Practice
from indexer.probes import Probe, ProbesError, RoleExample
from indexer.source import CatalogueSource, read_source
from indexer.thesaurus import ThesaurusError
from tests.fakes import PRACTICES, PROBES, ROLES, THESAURUS, VOCABULARY, small_source

ROWS = (
    '{"id": "mentors", "title": "Senior mentors", "approaches": ["mentoring"], "country": "DE"}',
    '{"id": "street-work", "title": "Street work"}',
)
VOCABULARY_TOML = '[approaches]\nmentoring = "Mentoring"\noutreach = "Outreach"\n'
THESAURUS_TOML = '["apprentices"]\nde = ["azubi*", "lehrling*"]\n["absence"]\nfr = ["absence*"]\n'
PROBES_JSONL = (
    '{"text": "recipe for apple cake", "language": "en", "kind": "off-topic"}\n'
    '{"text": "who mentors", "language": "en", "kind": "on-topic", "relevant": ["mentors"]}\n'
)
ROLES_JSONL = '{"text": "Our pupils are often sick.", "language": "en", "role": "why"}\n'
BESIDE = ("vocabulary.toml", "thesaurus.toml", "probes.jsonl", "roles.jsonl")


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    (tmp_path / "practices.jsonl").write_text("\n".join(ROWS), encoding="utf-8")
    (tmp_path / "vocabulary.toml").write_text(VOCABULARY_TOML, encoding="utf-8")
    (tmp_path / "thesaurus.toml").write_text(THESAURUS_TOML, encoding="utf-8")
    (tmp_path / "probes.jsonl").write_text(PROBES_JSONL, encoding="utf-8")
    (tmp_path / "roles.jsonl").write_text(ROLES_JSONL, encoding="utf-8")
    return tmp_path / "practices.jsonl"


def test_a_source_has_all_that_lies_beside_the_catalogue(catalogue: Path) -> None:
    source = read_source(catalogue)
    assert source.name == "practices.jsonl"
    assert list(source.practices) == [
        Practice(id="mentors", title="Senior mentors", approaches=("mentoring",), country="DE"),
        Practice(id="street-work", title="Street work"),
    ]
    assert {field: dict(labels) for field, labels in source.vocabulary.items()} == {
        "approaches": {"mentoring": "Mentoring", "outreach": "Outreach"}
    }
    assert source.thesaurus == {"apprentices": {"de": ["azubi*", "lehrling*"]}, "absence": {"fr": ["absence*"]}}
    assert source.probes == (
        Probe(text="recipe for apple cake", language="en", kind="off-topic"),
        Probe(text="who mentors", language="en", kind="on-topic", relevant=("mentors",)),
    )
    assert source.roles == (RoleExample(text="Our pupils are often sick.", language="en", role="why"),)


def test_a_catalogue_alone_is_a_source(catalogue: Path) -> None:
    for name in BESIDE:
        (catalogue.parent / name).unlink()
    source = read_source(catalogue)
    assert [practice.id for practice in source.practices] == ["mentors", "street-work"]
    assert (dict(source.vocabulary), dict(source.thesaurus)) == ({}, {})
    assert (tuple(source.probes), tuple(source.roles)) == ((), ())


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("practices.jsonl", '{"id": "a"}', CatalogueError),
        ("practices.jsonl", '{"id": "a", "title": "A", "approaches": ["mentorng"]}', CatalogueError),
        ("vocabulary.toml", "[approaches", CatalogueError),
        ("thesaurus.toml", '["apprentices"]\nde = "azubi*"', ThesaurusError),
        ("probes.jsonl", '{"text": "a"}', ProbesError),
        ("probes.jsonl", PROBES_JSONL.replace('["mentors"]', '["mentor"]'), ProbesError),
        ("roles.jsonl", '{"text": "a", "language": "en", "role": "where"}', ProbesError),
    ],
)
def test_a_bad_file_is_refused_by_name(catalogue: Path, name: str, content: str, error: type[ValueError]) -> None:
    (catalogue.parent / name).write_text(content, encoding="utf-8")
    with pytest.raises(error, match=name):
        read_source(catalogue)


def test_a_catalogue_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"practices\.jsonl"):
        read_source(tmp_path / "practices.jsonl")


def test_the_hash_is_64_hexadecimal_digits_and_the_same_for_the_same_content(catalogue: Path) -> None:
    digest = read_source(catalogue).sha256
    assert len(digest) == 64
    assert int(digest, 16) > 0
    assert read_source(catalogue).sha256 == digest


def test_the_hash_of_practices_in_a_file_is_that_of_the_same_practices_in_memory(catalogue: Path) -> None:
    source = read_source(catalogue)
    assert replace(source, practices=tuple(source.practices)).sha256 == source.sha256


def test_the_hash_follows_the_content_and_not_the_form_of_the_files(catalogue: Path) -> None:
    before = read_source(catalogue)
    rows = [json.dumps(dict(reversed(json.loads(row).items())), indent=None, separators=(",", ":")) for row in ROWS]
    renamed = catalogue.with_name("other.jsonl")
    renamed.write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(rows).encode())
    reordered = '# a remark\n[approaches]\noutreach = "Outreach"\nmentoring = "Mentoring"\n'
    (catalogue.parent / "vocabulary.toml").write_text(reordered, encoding="utf-8")
    after = read_source(renamed)
    assert after.name == "other.jsonl" != before.name
    assert after.sha256 == before.sha256


SOURCE = small_source()
CHANGED = {
    "a text of a practice": replace(
        SOURCE, practices=(PRACTICES[0].model_copy(update={"note": "Checked."}), *PRACTICES[1:])
    ),
    "the order of practices": replace(SOURCE, practices=tuple(reversed(PRACTICES))),
    "a practice less": replace(SOURCE, practices=PRACTICES[:-1]),
    "a practice twice": replace(SOURCE, practices=(*PRACTICES, PRACTICES[0])),
    "a label": replace(SOURCE, vocabulary={"approaches": VOCABULARY["approaches"] | {"mentoring": "Work of mentors"}}),
    "no vocabulary": replace(SOURCE, vocabulary={}),
    "a pattern": replace(SOURCE, thesaurus=THESAURUS | {"apprentices": {"de": ["lehrling*"]}}),
    "a gloss": replace(SOURCE, thesaurus=THESAURUS | {"mentoring": {"de": ["mentor*"]}}),
    "no thesaurus": replace(SOURCE, thesaurus={}),
    "the kind of a probe": replace(SOURCE, probes=(PROBES[0].model_copy(update={"kind": "near-topic"}), *PROBES[1:])),
    "a probe less": replace(SOURCE, probes=PROBES[1:]),
    "a judgement": replace(SOURCE, probes=(PROBES[0].model_copy(update={"relevant": ("mentors",)}), *PROBES[1:])),
    "a judgement that nothing fits": replace(
        SOURCE, probes=(PROBES[0].model_copy(update={"relevant": ()}), *PROBES[1:])
    ),
    "roles": replace(SOURCE, roles=ROLES),
    "the order of roles": replace(SOURCE, roles=tuple(reversed(ROLES))),
    "the role of an example": replace(SOURCE, roles=(ROLES[0].model_copy(update={"role": "why"}), *ROLES[1:])),
}


@pytest.mark.parametrize("change", CHANGED)
def test_the_hash_changes_with_every_part_of_the_content(change: str) -> None:
    assert CHANGED[change].sha256 != SOURCE.sha256


def test_different_contents_have_different_hashes() -> None:
    digests = {change: source.sha256 for change, source in CHANGED.items()}
    assert len(set(digests.values())) == len(CHANGED)


def test_the_name_of_the_file_is_not_part_of_the_hash() -> None:
    assert replace(SOURCE, name="other.jsonl").sha256 == SOURCE.sha256


def test_a_source_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        SOURCE.name = "other"
    assert CatalogueSource("small.jsonl", PRACTICES, VOCABULARY, THESAURUS, PROBES) == SOURCE
