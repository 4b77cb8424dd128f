"""A catalogue that can be read is looked through for what a clerk should mend; each kind of fault is found and told."""

import json
from pathlib import Path

import pytest

from indexer import checks
from indexer.catalogue import read_rows
from indexer.checks import Finding, errors_of, warnings_of
from indexer.embedding_cache import EmbeddingCache
from indexer.passages import practice_text
from indexer.practice import Practice
from tests.fakes import PRACTICES, WordEncoder, fake_spec

TEXT = "Retired masters of the trade visit apprentices each week in their company and settle quarrels early."
OTHER = "An evening school brings adults who once left without a certificate back to maths and an exam."


def findings(folder: Path, *rows: dict[str, object], max_tokens: int = 400, most_exact: int = 9) -> list[Finding]:
    path = folder / "catalogue.jsonl"
    path.write_text("\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    encoder = WordEncoder(fake_spec(max_tokens=max_tokens))
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, encoder.spec.dim)
    return warnings_of(read_rows(path), encoder, cache, lambda *_: None, folder=folder, most_exact=most_exact)


def told(found: list[Finding]) -> list[tuple[int, str, str, str]]:
    return [(one.line, one.practice_id, one.field, one.found) for one in found]


def test_nothing_is_found_in_a_sound_catalogue(tmp_path: Path) -> None:
    assert (
        findings(tmp_path, {"id": "a", "title": "A", "summary": TEXT}, {"id": "b", "title": "B", "summary": OTHER})
        == []
    )


def test_texts_that_say_little_are_found(tmp_path: Path) -> None:
    found = findings(
        tmp_path, {"id": "a", "title": "A title alone"}, {"id": "b", "title": "B", "summary": "Too short."}
    )
    assert told(found) == [(1, "a", "description", "no text"), (3, "b", "description", "10 characters")]
    assert all(one.severity == "warning" and one.expected and one.suggestion for one in found)


def test_lost_characters_are_found_with_what_stands_around_them(tmp_path: Path) -> None:
    [found] = findings(
        tmp_path, {"id": "a", "title": "A", "summary": TEXT, "note": "Verh\ufffdtung von Abbr\u00fcchen"}
    )
    assert (found.field, found.found) == ("note", "unreadable characters: …Verh\ufffdtung von Abbrüchen…")


def test_a_language_that_the_text_is_not_written_in_is_found(tmp_path: Path) -> None:
    [found] = findings(tmp_path, {"id": "a", "title": "A", "summary": TEXT, "language": "de"})
    assert (found.field, found.found, found.suggestion) == ("language", "'de'", "'en'")
    assert findings(tmp_path, {"id": "a", "title": "A", "summary": TEXT, "language": "en"}) == []
    assert findings(tmp_path, {"id": "a", "title": "A", "summary": TEXT}) == []


def test_a_text_longer_than_the_encoder_sees_is_found(tmp_path: Path) -> None:
    [found] = findings(tmp_path, {"id": "a", "title": "A", "summary": TEXT}, max_tokens=12)
    assert found.found == "longer than the encoder sees; read in 2 windows"


def test_the_same_text_is_found_once_for_each_repetition(tmp_path: Path) -> None:
    rows = ({"id": one, "title": "A", "summary": TEXT} for one in ("a", "b", "c"))
    assert told(findings(tmp_path, *rows)) == [
        (3, "b", "", "the same text as 'a' in line 1"),
        (5, "c", "", "the same text as 'a' in line 1"),
    ]


def test_nearly_the_same_text_is_found_by_its_meaning(tmp_path: Path) -> None:
    found = findings(
        tmp_path, {"id": "a", "title": "A", "summary": TEXT}, {"id": "b", "title": "A", "summary": f"{TEXT} Again."}
    )
    [(line, practice_id, field, text)] = told(found)
    assert (line, practice_id, field) == (3, "b", "")
    assert text.startswith("nearly the same as 'a' in line 1 (0.9")


def test_what_is_encoded_for_it_is_kept_for_the_build(tmp_path: Path) -> None:
    encoder = WordEncoder()
    cache = EmbeddingCache(tmp_path / "cache", encoder.spec.identity, encoder.spec.dim)
    path = tmp_path / "catalogue.jsonl"
    path.write_text("".join(one.model_dump_json() + "\n" for one in PRACTICES), encoding="utf-8")
    for encoded in (len(PRACTICES), 0):
        encoder.encoded.clear()
        warnings_of(read_rows(path), encoder, cache, lambda *_: None, folder=tmp_path)
        assert len(encoder.encoded) == encoded


def test_bad_rows_are_errors_with_what_was_probably_meant(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.toml").write_text('[levels]\napprenticeship = "A"\nhigher = "H"\n', encoding="utf-8")
    path = tmp_path / "catalogue.jsonl"
    path.write_text('{"id": "a", "title": "A", "levels": ["aprenticeship", "moon"]}\n{"id": "b"}\n', encoding="utf-8")
    found = errors_of(read_rows(path).problems)
    assert [(one.severity, one.line, one.field, one.found, one.suggestion) for one in found] == [
        ("error", 1, "levels", "'aprenticeship'", "'apprenticeship'"),
        ("error", 1, "levels", "'moon'", ""),
        ("error", 2, "title", "missing", ""),
    ]


def test_many_practices_are_compared_by_an_index(tmp_path: Path) -> None:
    texts = [" ".join(f"word{start + place}" for place in range(20)) for start in range(0, 800, 20)]
    texts[30] = f"{texts[4]} again"
    rows = [{"id": f"p{number}", "title": "A", "summary": text} for number, text in enumerate(texts)]
    for most_exact in (10, 100):
        [(line, practice_id, _, text)] = told(findings(tmp_path, *rows, most_exact=most_exact))
        assert (line, practice_id) == (61, "p30")
        assert text.startswith("nearly the same as 'p4' in line 9 (0.9")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_row_with_a_wrong_code_is_looked_through_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.toml").write_text('[levels]\nhigher = "H"\n', encoding="utf-8")
    found = findings(tmp_path, {"id": "a", "title": "A", "levels": ["moon"]}, {"id": "b"}, {"id": "c", "title": "C"})
    assert told(found) == [(1, "a", "description", "no text"), (5, "c", "description", "no text")]


def test_nothing_is_found_where_no_row_is_a_practice(tmp_path: Path) -> None:
    assert findings(tmp_path, {"id": "b"}) == []


def test_a_text_is_made_once_and_compared_across_what_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def counted(practice: Practice) -> str:
        made.append(practice.id)
        return practice_text(practice)

    monkeypatch.setattr(checks, "practice_text", counted)
    monkeypatch.setattr(checks, "_READ_AT_ONCE", 2)
    texts = (TEXT, OTHER, TEXT, OTHER, f"{OTHER} Again.")
    found = findings(tmp_path, *({"id": f"p{at}", "title": "A", "summary": text} for at, text in enumerate(texts)))
    assert [(line, practice_id, text.partition(" (")[0]) for line, practice_id, _, text in told(found)] == [
        (5, "p2", "the same text as 'p0' in line 1"),
        (7, "p3", "the same text as 'p1' in line 3"),
        (9, "p4", "nearly the same as 'p1' in line 3"),
    ]
    assert made == ["p0", "p1", "p2", "p3", "p4"]
