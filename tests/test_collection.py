"""Judged collections from hand-made folders in BEIR layout, plain and packed, and the shipped one."""

import gzip
import json
from pathlib import Path

import pytest

from indexer.practice import Practice
from indexer.shipped import shipped_path
from service.collection import CollectionError, JudgedQuery, read_beir, read_shipped_collection
from tests.fakes import PRACTICES

CORPUS = (
    {"_id": "d1", "title": "Mentors for apprentices", "text": "Retired masters help. They meet every week."},
    {"_id": "d2", "title": "", "text": "Adults return to school. Classes are in the evening. Parents may come."},
    {"_id": 3, "text": "Street work"},
    {"_id": "d4", "title": None, "text": None, "metadata": {"url": "x"}},
)
QUERIES = (
    {"_id": "q1", "text": "who helps apprentices?"},
    {"_id": 2, "text": "école du soir"},
    {"_id": "unjudged", "text": "nobody judged this"},
)
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n2\td2\t1\nlost\td1\t1\n"


def lines(rows) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def beir(folder: Path, *, corpus=None, queries=None, qrels=QRELS, is_packed=False) -> Path:
    (folder / "qrels").mkdir(parents=True)
    for name, content in (("corpus.jsonl", corpus or lines(CORPUS)), ("queries.jsonl", queries or lines(QUERIES))):
        if is_packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    (folder / "qrels" / "test.tsv").write_text(qrels, encoding="utf-8")
    return folder


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_beir_folder_becomes_practices_queries_and_judgements(tmp_path, is_packed):
    collection = read_beir(beir(tmp_path / "scifact", is_packed=is_packed))
    assert collection.name == collection.source.name == "scifact"
    assert collection.source.practices == [
        Practice(id="d1", title="Mentors for apprentices", description="Retired masters help. They meet every week."),
        Practice(
            id="d2", title="Adults return to school.", description="Classes are in the evening. Parents may come."
        ),
        Practice(id="3", title="Street work"),
        Practice(id="d4", title="d4"),
    ]
    assert collection.queries == (JudgedQuery("q1", "who helps apprentices?"), JudgedQuery("2", "école du soir"))
    assert collection.qrels == {"q1": {"d1": 2, "d2": 0}, "2": {"d2": 1}, "lost": {"d1": 1}}


def test_queries_without_judgements_are_left_out(tmp_path):
    collection = read_beir(beir(tmp_path / "scifact"))
    assert "unjudged" not in [query.query_id for query in collection.queries]


def test_a_plain_file_is_read_before_a_packed_one(tmp_path):
    folder = beir(tmp_path / "scifact")
    (folder / "corpus.jsonl.gz").write_bytes(gzip.compress(lines([{"_id": "packed", "title": "Packed"}])))
    assert [practice.id for practice in read_beir(folder).source.practices] == ["d1", "d2", "3", "d4"]


def test_a_part_of_a_larger_collection_has_the_names_of_both_folders(tmp_path):
    assert read_beir(beir(tmp_path / "cqadupstack" / "english-part")).name == "cqadupstack-english-part"


def test_no_character_of_a_long_text_without_a_title_is_lost(tmp_path):
    long_start = "word " * 60 + "end. And more."
    collection = read_beir(beir(tmp_path / "long", corpus=lines([{"_id": "d1", "text": long_start}])))
    (practice,) = collection.source.practices
    assert (practice.title, practice.description) == (long_start, None)


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl"])
def test_a_missing_file_is_named(tmp_path, name):
    folder = beir(tmp_path / "scifact")
    (folder / name).unlink()
    with pytest.raises(CollectionError) as error:
        read_beir(folder)
    assert str(error.value) == f"{folder}: no {name} or {name}.gz; expected a folder in BEIR layout"


def test_missing_judgements_are_named(tmp_path):
    with pytest.raises(CollectionError) as error:
        read_beir(tmp_path)
    path = tmp_path / "qrels" / "test.tsv"
    assert str(error.value) == f"{path} is missing, expected lines 'query-id<TAB>corpus-id<TAB>score'"


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_line_that_is_not_json_is_named(tmp_path, is_packed):
    folder = beir(tmp_path / "scifact", corpus=lines(CORPUS[:1]) + b'{"_id": "d2",\n', is_packed=is_packed)
    name = "corpus.jsonl.gz" if is_packed else "corpus.jsonl"
    with pytest.raises(CollectionError) as error:
        read_beir(folder)
    assert str(error.value).startswith(f"{folder / name}, line 2: not JSON (")


@pytest.mark.parametrize("line", ["q1\td1", "q1\td1\tgood", "q1 d1 1", ""])
def test_a_line_that_is_not_a_judgement_is_an_error(tmp_path, line):
    folder = beir(tmp_path / "scifact", qrels=QRELS + line + "\n")
    with pytest.raises(CollectionError) as error:
        read_beir(folder)
    assert str(error.value).startswith(f"{folder / 'qrels' / 'test.tsv'}: a line is not a judgement (")


def test_a_collection_without_a_judged_query_is_refused(tmp_path):
    folder = beir(tmp_path / "scifact", qrels="query-id\tcorpus-id\tscore\nlost\td1\t1\n")
    with pytest.raises(CollectionError) as error:
        read_beir(folder)
    assert str(error.value) == f"{folder}: 4 documents and 0 judged queries, expected some"


@pytest.mark.parametrize(
    ("file", "row"),
    [
        ("corpus", {"title": "no id"}),
        ("corpus", {"_id": "an id with spaces", "title": "A title"}),
        ("corpus", ["not", "an", "object"]),
        ("queries", {"_id": "q1"}),
        ("queries", {"text": "no id"}),
    ],
)
def test_a_row_that_is_not_a_document_or_a_query_is_named(tmp_path, file, row):
    good = {"corpus": CORPUS, "queries": QUERIES}[file]
    folder = beir(tmp_path / "scifact", **{file: lines((good[0], row))})
    with pytest.raises(CollectionError, match="line 2"):
        read_beir(folder)


def test_a_packed_file_that_ends_early_is_an_error(tmp_path):
    folder = beir(tmp_path / "scifact", is_packed=True)
    whole = gzip.compress(lines(CORPUS * 50))
    (folder / "corpus.jsonl.gz").write_bytes(whole[:-30])
    with pytest.raises(CollectionError, match=r"corpus\.jsonl\.gz"):
        read_beir(folder)


@pytest.fixture
def catalogue(tmp_path) -> Path:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(lines(practice.model_dump(mode="json") for practice in PRACTICES))
    return path


def test_our_own_questions_are_read_those_for_tuning_then_those_held_out(tmp_path, catalogue, monkeypatch):
    folder = tmp_path / "data" / "qrels"
    folder.mkdir(parents=True)
    base = {"_id": "q1", "text": "who helps?", "kind": "need", "language": "en", "persona": "teacher"}
    german = {"_id": "q1-de", "text": "wer hilft?", "kind": "translation", "language": "de", "base": "q1"}
    held_out = {"_id": "ho-1", "text": "qui aide ?", "kind": "need", "language": "fr"}
    (folder / "queries.jsonl").write_bytes(lines([base, german]))
    (folder / "qrels.txt").write_text("q1 0 mentors 3\nq1 0 street-work 1\n", encoding="utf-8")
    (folder / "held-out-queries.jsonl").write_bytes(lines([held_out]))
    (folder / "held-out-qrels.txt").write_text("ho-1 0 street-work 2\n", encoding="utf-8")
    monkeypatch.setattr("service.collection.shipped_path", tmp_path.joinpath)

    collection = read_shipped_collection(catalogue)

    assert collection.name == "practices"
    assert list(collection.source.practices) == list(PRACTICES)
    assert collection.queries == (
        JudgedQuery("q1", "who helps?", "need", "en"),
        JudgedQuery("q1-de", "wer hilft?", "translation", "de", base="q1"),
        JudgedQuery("ho-1", "qui aide ?", "need", "fr", is_held_out=True),
    )
    assert collection.qrels == {
        "q1": {"mentors": 3, "street-work": 1},
        "q1-de": {"mentors": 3, "street-work": 1},
        "ho-1": {"street-work": 2},
    }


def test_the_shipped_questions_are_those_of_the_files_and_no_id_is_twice(catalogue):
    collection = read_shipped_collection(catalogue)
    ids = {}
    for name in ("queries.jsonl", "held-out-queries.jsonl"):
        text = shipped_path(f"data/qrels/{name}").read_text(encoding="utf-8")
        ids[name] = [json.loads(line)["_id"] for line in text.splitlines()]
    assert [query.query_id for query in collection.queries] == [*ids["queries.jsonl"], *ids["held-out-queries.jsonl"]]
    assert len({query.query_id for query in collection.queries}) == len(collection.queries)
    assert [query.query_id for query in collection.queries if query.is_held_out] == ids["held-out-queries.jsonl"]
    assert {query.query_id for query in collection.queries if query.query_id.startswith("ho-")} == {
        query.query_id for query in collection.queries if query.is_held_out
    }
    english = {query.query_id for query in collection.queries if query.language == "en"}
    translations = [query for query in collection.queries if query.base]
    assert translations
    assert {query.base for query in translations} <= english
    assert all(collection.qrels[query.query_id] == collection.qrels[query.base] for query in translations)


def test_a_query_that_is_a_document_word_for_word_has_it_as_its_seed(tmp_path):
    queries = [
        {"_id": "d2", "text": "Mentors for apprentices. Retired masters help. They meet every week."},
        {"_id": "d1", "text": "Mentors for apprentices"},
        {"_id": "q3", "text": "Street work"},
    ]
    qrels = "query-id\tcorpus-id\tscore\nd2\td2\t1\nd1\td1\t1\nq3\t3\t1\n"
    collection = read_beir(beir(tmp_path / "papers", queries=lines(queries), qrels=qrels))
    assert [(query.query_id, query.seed_id) for query in collection.queries] == [("d2", "d1"), ("d1", ""), ("q3", "")]
