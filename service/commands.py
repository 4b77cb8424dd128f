"""What the command line does, but for serving: each function prints what it found."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import typer
from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from indexer.catalogue import CatalogueError
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Embeddings, Encoder
from indexer.foreign.rows import ForeignFileError
from indexer.manifest import check_encoder
from indexer.passage_embeddings import all_windows, embed, passage_texts
from indexer.probes import ProbesError
from indexer.registry import EncoderError
from indexer.release_files import ReleaseError
from indexer.source import read_source
from indexer.thesaurus import ThesaurusError
from service.answers import related_response, search_response
from service.collection import Collection, CollectionError, read_beir, read_shipped_collection
from service.embeds.export import ExportError, export_related
from service.export_command import CatalogueExportError
from service.indexing import index_source
from service.keys import AccessError
from service.limits import MeasuredLeg, Mode
from service.loading import SettingsReleases
from service.release_encoder import load_release_encoder
from service.retriever import Retriever, UnknownPracticeError
from service.schemas import HitModel, RelatedParameters, SearchRequest
from service.settings import Settings, settings_with
from service.terminal import LOG, OUT, encoding_progress, loaded_encoder, printable
from service.verdicts import VerdictMeasurement, ask_all, measure_verdicts, verdict_questions
from service.wording import DEFAULT_LANGUAGE

EXPECTED = (
    AccessError,
    CatalogueError,
    CatalogueExportError,
    CollectionError,
    EncoderError,
    ExportError,
    ForeignFileError,
    OSError,
    ProbesError,
    ReleaseError,
    ThesaurusError,
    UnknownPracticeError,
    ValidationError,
)
"""Errors of input or of the machine: their message says what to do, and a traceback would not."""


def print_error(error: Exception) -> None:
    """Print the message of an expected error."""
    LOG.print(Text(f"Error: {printable(_message(error))}", style="red"), soft_wrap=True)


def build_current(settings: Settings) -> None:
    """Build and publish the release of the settings' catalogue."""
    index_source(read_source(settings.catalogue), settings)


def print_answer(text: str, *, top_k: int, as_json: bool) -> None:
    """Print the practices that answer a question best."""
    request = SearchRequest(query=text, top_k=top_k)
    retriever, encoder = _retriever_and_encoder(Settings())
    started = time.perf_counter()
    question = retriever.understand(request.query)
    answer = search_response(retriever, request, question, encoder.encode_queries(question.encoder_texts), started)
    if as_json:
        _print_json(answer.model_dump(mode="json"))
        return
    if answer.message:
        OUT.print(printable(answer.message))
    if answer.hits:
        _print_hits(answer.hits)


def print_related(practice_id: str, *, top_k: int, mode: Mode, as_json: bool) -> None:
    """Print the practices related to a practice."""
    parameters = RelatedParameters(top_k=top_k, mode=mode)
    answer = related_response(Retriever(SettingsReleases(Settings()).current()), practice_id, parameters)
    if as_json:
        _print_json(answer.model_dump(mode="json"))
    else:
        _print_hits(answer.hits)


def write_related(folder: Path, *, base_url: str, top_k: int, languages: Sequence[str] | None) -> None:
    """Write the related practices of every practice, as JSON and HTML, for a site without a server."""
    chosen = tuple(dict.fromkeys(languages or (DEFAULT_LANGUAGE,)))
    index = export_related(
        Retriever(SettingsReleases(Settings()).current()), folder, base_url=base_url, languages=chosen, top_k=top_k
    )
    OUT.print(Text(f"{folder}: {len(index['ids'])} practices in {', '.join(chosen)}"), soft_wrap=True)


def print_measures(collection: Path | None, *, encoder: str | None, leg: MeasuredLeg, as_json: bool) -> None:
    """Measure the search on a judged collection, the shipped one by default, and print the measures."""
    from service.evaluate import measure, search_all, search_all_plain  # noqa: PLC0415  extra `evaluate`
    from service.tables import measurement_table, verdict_table  # noqa: PLC0415  extra `evaluate`

    settings = settings_with(encoder=encoder)
    judged = read_beir(collection) if collection else read_shipped_collection(settings.catalogue)
    loaded = loaded_encoder(settings)
    verdicts: list[VerdictMeasurement] = []
    if leg == "plain":
        practices = judged.source.practices
        windows = all_windows(practices, loaded)
        firsts = windows.bounds[:-1]
        texts = passage_texts(practices, windows)
        embeddings = _embedded([texts[first] for first in firsts], loaded, settings)
        started = time.perf_counter()
        run = search_all_plain(judged, loaded, embeddings)
    else:
        target = settings.cache / "evaluate" / f"{judged.name}-{settings.encoder}"
        release = index_source(
            judged.source, settings.model_copy(update={"releases": target, "vectors": "faiss"}), loaded
        )
        retriever = Retriever(release, leg=leg)
        started = time.perf_counter()
        run = search_all(judged.queries, retriever, loaded)
        verdicts = _verdicts(judged, retriever, loaded)
    seconds = round(time.perf_counter() - started, 1)
    measurements = measure(judged, run)
    if as_json:
        rows = [
            {"group": one.group, "queries": one.queries, **one.values}
            | ({} if one.to_english is None else {"to_english": one.to_english})
            for one in measurements
        ]
        facts = {
            "collection": judged.name,
            "catalogue_sha256": judged.source.sha256,
            "encoder": loaded.spec.identity,
            "leg": leg,
            "seconds": seconds,
        }
        _print_json({**facts, "rows": rows, "verdicts": [asdict(one) for one in verdicts]})
        return
    OUT.print(
        measurement_table(f"{judged.name}, {loaded.spec.name}, {leg}, {seconds} s for all questions", measurements)
    )
    for one_verdict in verdicts:
        OUT.print(verdict_table(one_verdict))


def _verdicts(judged: Collection, retriever: Retriever, encoder: Encoder) -> list[VerdictMeasurement]:
    measured = (
        measure_verdicts(group, ask_all(queries, retriever, encoder))
        for group, queries in verdict_questions(judged).items()
    )
    return [one for one in measured if one is not None]


def _embedded(texts: list[str], encoder: Encoder, settings: Settings) -> Embeddings:
    with encoding_progress() as report:
        return embed(texts, encoder, EmbeddingCache(settings.cache, encoder.spec.identity, encoder.spec.dim), report)


def _retriever_and_encoder(settings: Settings) -> tuple[Retriever, Encoder]:
    release = SettingsReleases(settings).current()
    encoder = load_release_encoder(release.folder, settings)
    check_encoder(release.manifest, encoder)
    return Retriever(release), encoder


def _print_hits(hits: Sequence[HitModel]) -> None:
    table = Table(show_lines=True)
    table.add_column("", justify="right")
    table.add_column("confidence", justify="right")
    table.add_column("practice")
    table.add_column("country")
    table.add_column("id", overflow="fold")
    for hit in hits:
        text = Text(str(printable(hit.practice.title)), style="bold")
        text.append(Text(f"\n{printable(hit.practice.summary or '')}", style="not bold"))
        if hit.explanation is not None:
            text.append(Text(f"\n“{printable(hit.explanation.sentence.text)}”", style="not bold italic"))
        confidence = "" if hit.confidence is None else f"{hit.confidence:.2f}"
        practice_id = printable(hit.practice.id)
        table.add_row(str(hit.rank), confidence, text, hit.practice.country or "", practice_id)
    OUT.print(table)


def _message(error: Exception) -> str:
    if isinstance(error, ValidationError):
        prefix = "PRACTICES_" if error.title == Settings.__name__ else ""
        places = [".".join(map(str, one["loc"])) for one in error.errors()]
        places = [prefix + place.upper() if prefix else place for place in places]
        return "; ".join(f"{place}: {one['msg']}" for place, one in zip(places, error.errors(), strict=True))
    return str(error)


def _print_json(content: object) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False, indent=1))
