"""Turn a judged test collection on disk into practices, queries and relevance judgements."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from indexer.practice import Practice
from indexer.shipped import shipped_path
from indexer.source import CatalogueSource, read_source

Qrels = Mapping[str, Mapping[str, int]]
"""Query id -> practice id -> relevance, 0 for judged and not relevant."""

T = TypeVar("T")

_HELD_OUT = "held-out-"  # what the names of the files with held-out questions begin with
_LONGEST_TITLE = 200


class CollectionError(ValueError):
    """A test collection is missing a file or has a line that cannot be read."""


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """One question of a collection; `kind` and `language` are empty where the collection does not say.

    `base` is the id of the question that a translation says the same as. `is_held_out`: nothing was ever chosen by it.
    `seed_id` is the document whose whole text is the query: the query asks for others like it, so it is no answer.
    """

    query_id: str
    text: str
    kind: str = ""
    language: str = ""
    base: str = ""
    is_held_out: bool = False
    seed_id: str = ""


@dataclass(frozen=True, slots=True)
class Collection:
    """What a measurement needs: documents as practices, queries, and judgements."""

    name: str
    source: CatalogueSource
    queries: tuple[JudgedQuery, ...]
    qrels: Qrels


def read_shipped_collection(catalogue: Path) -> Collection:
    """Return a catalogue with the shipped judged questions of `data/qrels`, those for tuning and those held out.

    A translated question names the one it says the same as, by `base`, and has its judgements.
    """
    queries: list[JudgedQuery] = []
    qrels: dict[str, Mapping[str, int]] = {}
    for prefix in ("", _HELD_OUT):
        rows = _json_lines(shipped_path(f"data/qrels/{prefix}queries.jsonl"))
        queries += [_shipped_query(row, is_held_out=prefix == _HELD_OUT) for row in rows]
        qrels |= _read_trec_qrels(shipped_path(f"data/qrels/{prefix}qrels.txt"))
    qrels |= {query.query_id: qrels[query.base] for query in queries if query.base}
    return Collection("practices", read_source(catalogue), tuple(queries), qrels)


def read_verdict_questions() -> list[JudgedQuery]:
    """Return the shipped questions on and off the topic that nothing was ever chosen by; they have no judgements."""
    rows = _json_lines(shipped_path("data/qrels/held-out-verdicts.jsonl"))
    return [_shipped_query(row, is_held_out=True) for row in rows]


def read_beir(folder: Path) -> Collection:
    """Return a collection in BEIR layout: corpus.jsonl, queries.jsonl (or .gz) and qrels/test.tsv.

    Queries without any judgement are left out, as the field does. A query that is the title and text of a document
    has it as its seed. Raises CollectionError.
    """
    qrels = _read_beir_qrels(folder / "qrels" / "test.tsv")
    corpus, asked = _plain_or_gz(folder / "corpus.jsonl"), _plain_or_gz(folder / "queries.jsonl")
    practices = _read_all(corpus, _practice)
    all_queries = _read_all(asked, _judged_query)
    # Told by the text and not by the id: npl and others number queries and documents alike, each from 1.
    seeds = {f"{practice.title}. {practice.description}": practice.id for practice in practices}
    queries = tuple(
        replace(query, seed_id=seeds.get(query.text, "")) for query in all_queries if query.query_id in qrels
    )
    if not practices or not queries:
        raise CollectionError(f"{folder}: {len(practices)} documents and {len(queries)} judged queries, expected some")
    name = "-".join(folder.resolve().parts[-2:]) if "-" in folder.name else folder.resolve().name
    source = CatalogueSource(name, practices, vocabulary={}, thesaurus={}, probes=())
    return Collection(name, source, queries, qrels)


def _read_all(path: Path, build: Callable[[Mapping[str, Any]], T]) -> list[T]:
    built = []
    for number, row in enumerate(_json_lines(path), start=1):
        try:
            built.append(build(row))
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            expected = "expected an object with _id, title and text"
            raise CollectionError(f"{path}, line {number}: {str(row)[:100]}; {expected} ({error})") from error
    return built


def _shipped_query(row: Mapping[str, Any], *, is_held_out: bool) -> JudgedQuery:
    return JudgedQuery(
        row["_id"], row["text"], row["kind"], row["language"], base=row.get("base", ""), is_held_out=is_held_out
    )


def _judged_query(row: Mapping[str, Any]) -> JudgedQuery:
    if not isinstance(row["text"], str):
        raise TypeError("text is not a string")
    return JudgedQuery(str(row["_id"]), row["text"])


def _practice(row: Mapping[str, Any]) -> Practice:
    """Return a document as a practice; without a title, the first sentence of its text serves as one."""
    title, text = (row.get("title") or "").strip(), (row.get("text") or "").strip()
    if not title:
        head, stop, tail = text.partition(". ")
        title, text = (head + stop.rstrip(), tail.strip()) if len(head) <= _LONGEST_TITLE else (text, "")
    return Practice(id=str(row["_id"]), title=title or str(row["_id"]), description=text or None)


def _plain_or_gz(path: Path) -> Path:
    packed = path.with_name(path.name + ".gz")
    if not path.is_file() and not packed.is_file():
        raise CollectionError(f"{path.parent}: no {path.name} or {packed.name}; expected a folder in BEIR layout")
    return path if path.is_file() else packed


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    open_text = gzip.open if path.suffix == ".gz" else open
    with open_text(path, "rt", encoding="utf-8") as file:
        number = 0
        try:
            for number, line in enumerate(file, start=1):  # noqa: B007  the error names it
                yield json.loads(line)
        except (ValueError, EOFError, RecursionError, zlib.error, OSError) as error:
            raise CollectionError(f"{path}, line {number}: not JSON ({error})") from error


def _read_beir_qrels(path: Path) -> Qrels:
    if not path.is_file():
        raise CollectionError(f"{path} is missing, expected lines 'query-id<TAB>corpus-id<TAB>score'")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()[1:]
    except UnicodeDecodeError as error:
        raise CollectionError(f"{path}: not UTF-8 ({error}); expected lines of judgements") from error
    rows = (line.split("\t") for line in lines)
    return _qrels(path, ((row[0], row[1], row[2]) for row in rows))


def _read_trec_qrels(path: Path) -> Qrels:
    rows = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return _qrels(path, ((row[0], row[2], row[3]) for row in rows))


def _qrels(path: Path, rows: Iterator[tuple[str, str, str]]) -> Qrels:
    qrels: dict[str, dict[str, int]] = {}
    try:
        for query_id, practice_id, relevance in rows:
            qrels.setdefault(query_id, {})[practice_id] = int(relevance)
    except (IndexError, ValueError) as error:
        raise CollectionError(f"{path}: a line is not a judgement ({error})") from error
    return qrels
