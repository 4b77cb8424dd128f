"""Turn what somebody asks two releases with, judged or only saved, into a collection of questions."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, StringConstraints, ValidationError

from indexer.source import CatalogueSource
from service.collection import Collection, CollectionError, JudgedQuery, read_beir

_FORM = 'expected one question a line, as text or as JSON such as {"text": "…"}'


class _SavedQuestion(BaseModel):
    query_id: str = ""
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def read_questions(path: Path) -> Collection:
    """Return the questions of a folder in BEIR layout, with its judgements, or of a file, which has none.

    A file has a question a line, as text or as JSON with `text` and perhaps `query_id`; blank lines are skipped.
    Raises CollectionError, or OSError where there is no such file.
    """
    if path.is_dir():
        return read_beir(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise CollectionError(f"{path}: not UTF-8 ({error}); {_FORM}") from error
    queries = tuple(_query(path, number, line) for number, line in enumerate(lines, start=1) if line.strip())
    if not queries:
        raise CollectionError(f"{path}: no question; {_FORM}")
    source = CatalogueSource(path.name, (), vocabulary={}, thesaurus={}, probes=())
    return Collection(path.name, source, queries, qrels={})


def _query(path: Path, number: int, line: str) -> JudgedQuery:
    if not line.lstrip().startswith("{"):
        return JudgedQuery(str(number), line.strip())
    try:
        saved = _SavedQuestion.model_validate_json(line)
    except ValidationError as error:
        found = error.errors()[0]["msg"]
        raise CollectionError(f"{path}, line {number}: {line.strip()[:100]} ({found}); {_FORM}") from error
    return JudgedQuery(saved.query_id or str(number), saved.text)
