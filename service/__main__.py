"""The command line: `practices index | serve | search | related | export-related | evaluate | check`."""

import gc
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from starlette.types import ASGIApp

from indexer.build import build_release, find_current
from indexer.catalogue import CatalogueError, read_catalogue
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Embeddings, Encoder, OnnxEncoder
from indexer.manifest import ReleaseError, check_encoder, read_manifest
from indexer.passage_embeddings import Progress as Report
from indexer.passage_embeddings import all_windows, embed, passage_texts
from indexer.probes import ProbesError
from indexer.registry import EncoderError, find_spec, read_registry
from indexer.release import CURRENT, Release
from indexer.source import CatalogueSource, read_source
from indexer.thesaurus import ThesaurusError
from service.collection import Collection, CollectionError, read_beir, read_shipped_collection
from service.embeds.export import ExportError, export_related
from service.embeds.links import MOST_LINKS, USUAL_LINKS
from service.loading import load_current_release, load_encoder, load_release_encoder
from service.related import Mode
from service.retriever import Retriever, UnknownPracticeError
from service.schemas import HitModel, RelatedParameters, SearchRequest
from service.settings import Settings
from service.verdicts import VerdictMeasurement, ask_all, measure_verdicts, verdict_questions
from service.wording import DEFAULT_LANGUAGE

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
_OUT = Console()
_LOG = Console(stderr=True)

_EXPECTED = (
    CatalogueError,
    CollectionError,
    EncoderError,
    ExportError,
    OSError,
    ProbesError,
    ReleaseError,
    ThesaurusError,
    UnknownPracticeError,
    ValidationError,
)

CatalogueArgument = Annotated[Path, typer.Argument(help="catalogue file (JSONL)", show_default=False)]
TopKOption = Annotated[int, typer.Option("--top-k", min=1, max=100, help="how many practices")]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]
MeasuredLeg = Literal["hybrid", "dense", "lexical", "plain"]
"""The legs of the retriever, and the cosine of texts cut off where the encoder stops reading, only measured."""

EncoderOption = Annotated[str | None, typer.Option("--encoder", help="name in models/registry.toml")]


def main() -> None:
    """Run the command line; an expected error is one message and status 1, without a traceback."""
    try:
        app()
    except _EXPECTED as error:
        _LOG.print(Text(f"Error: {_printable(_message(error))}", style="red"), soft_wrap=True)
        raise SystemExit(1) from error


@app.command()
def index(
    catalogue: Annotated[Path | None, typer.Argument(help="catalogue file; the shipped one by default")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="folder of releases")] = None,
    encoder: EncoderOption = None,
) -> None:
    """Build a release of a catalogue and publish it; nothing is done when it is up to date."""
    settings = _settings(releases=out, encoder=encoder)
    release = _index(read_source(catalogue or settings.catalogue), settings)
    _report(release)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option("--host", help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="port to listen on")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="processes that answer")] = None,
) -> None:
    """Serve the current release over HTTP; the shipped catalogue's release is built first if there is none."""
    import uvicorn  # noqa: PLC0415  only this command needs a web server

    settings = _settings(host=host, port=port, workers=workers)
    if not (settings.releases / "current").exists():
        _index(read_source(settings.catalogue), settings)
    manifest = read_manifest(settings.releases / "current")
    _LOG.print(
        f"Release {manifest.release_id}: {manifest.counts.practices} practices, encoder {manifest.encoder.identity}",
        highlight=False,
    )
    if settings.workers > 1:
        from service.workers import Workers  # noqa: PLC0415  as above

        Workers(settings).run()
        return
    uvicorn.run(
        _application,
        factory=True,
        host=settings.host,
        port=settings.port,
        access_log=False,  # the address of a page holds the question, and questions are written down nowhere
    )


def _application() -> ASGIApp:
    """Return the application; its encoder is loaded meanwhile, most of a second in code that lets others run.

    What was imported and read is left out when garbage is looked for: to look through it all takes 80 ms in which
    nobody is answered and, while it is imported, an eighth of the start.
    """
    gc.disable()
    settings = Settings()
    with ThreadPoolExecutor(max_workers=1) as pool:
        encoder = pool.submit(_started_encoder, settings)
        from service.app import create_app_from_settings  # noqa: PLC0415  the other commands need no web application

        application = create_app_from_settings(settings, encoder.result)
    gc.freeze()
    gc.enable()
    return application


def _started_encoder(settings: Settings) -> OnnxEncoder:
    encoder = load_release_encoder(settings.releases / CURRENT, settings)
    encoder.start()
    return encoder


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="a question in plain words", show_default=False)],
    top_k: TopKOption = 5,
    as_json: JsonOption = False,  # noqa: FBT002  a command-line switch
) -> None:
    """Print the practices that answer a question best."""
    from service.answers import search_response  # noqa: PLC0415  keeps the other commands quick to start

    request = SearchRequest(query=text, top_k=top_k)
    retriever, encoder = _retriever_and_encoder(_settings())
    started = time.perf_counter()
    question = retriever.understand(request.query)
    answer = search_response(retriever, request, question, encoder.encode_queries(question.encoder_texts), started)
    if as_json:
        _print_json(answer.model_dump(mode="json"))
        return
    if answer.message:
        _OUT.print(Text(_printable(answer.message)))
    if answer.hits:
        _print_hits(answer.hits)


@app.command()
def related(
    practice_id: Annotated[str, typer.Argument(help="id of a practice", show_default=False)],
    top_k: TopKOption = 5,
    mode: Annotated[Mode, typer.Option("--mode", help="which of them")] = "similar",
    as_json: JsonOption = False,  # noqa: FBT002  a command-line switch
) -> None:
    """Print the practices related to a practice."""
    from service.answers import related_response  # noqa: PLC0415  keeps the other commands quick to start

    parameters = RelatedParameters(top_k=top_k, mode=mode)
    answer = related_response(Retriever(load_current_release(_settings())), practice_id, parameters)
    if as_json:
        _print_json(answer.model_dump(mode="json"))
    else:
        _print_hits(answer.hits)


@app.command("export-related")
def export(
    folder: Annotated[Path, typer.Argument(help="absent, empty, or a former export", show_default=False)],
    base_url: Annotated[str, typer.Option("--base-url", help="address of the service with the practices' pages")],
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=MOST_LINKS, help="how many practices")] = USUAL_LINKS,
    lang: Annotated[list[str] | None, typer.Option("--lang", help="a language, also several times; en if none")] = None,
) -> None:
    """Write the related practices of every practice, as JSON and HTML, for a site without a server."""
    languages = tuple(dict.fromkeys(lang or (DEFAULT_LANGUAGE,)))
    retriever = Retriever(load_current_release(_settings()))
    index = export_related(retriever, folder, base_url=base_url, languages=languages, top_k=top_k)
    _OUT.print(Text(f"{folder}: {len(index['ids'])} practices in {', '.join(languages)}"), soft_wrap=True)


@app.command()
def evaluate(
    collection: Annotated[Path | None, typer.Argument(help="folder in BEIR layout; the shipped one by default")] = None,
    encoder: EncoderOption = None,
    leg: Annotated[
        MeasuredLeg,
        typer.Option("--leg", help="what ranks; plain: the cosine of texts cut off where the encoder stops reading"),
    ] = "hybrid",
    as_json: JsonOption = False,  # noqa: FBT002  a command-line switch
) -> None:
    """Measure the search on a judged collection: nDCG@10, R@100, RR@10, P@1, seconds."""
    from service.evaluate import measure, search_all, search_all_plain  # noqa: PLC0415  extra `evaluate`
    from service.tables import measurement_table, verdict_table  # noqa: PLC0415  extra `evaluate`

    settings = _settings(encoder=encoder)
    judged = read_beir(collection) if collection else read_shipped_collection(settings.catalogue)
    loaded = _loaded(settings.encoder, settings)
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
        retriever = Retriever(_index(judged.source, settings.model_copy(update={"releases": target}), loaded), leg=leg)
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
    _OUT.print(
        measurement_table(f"{judged.name}, {loaded.spec.name}, {leg}, {seconds} s for all questions", measurements)
    )
    for one_verdict in verdicts:
        _OUT.print(verdict_table(one_verdict))


def _verdicts(judged: Collection, retriever: Retriever, encoder: Encoder) -> list[VerdictMeasurement]:
    measured = (
        measure_verdicts(group, ask_all(queries, retriever, encoder))
        for group, queries in verdict_questions(judged).items()
    )
    return [one for one in measured if one is not None]


@app.command()
def check(catalogue: CatalogueArgument) -> None:
    """Report the quality of a catalogue; status 1 where rows are bad."""
    practices = read_catalogue(catalogue)
    table = Table(title=f"{catalogue.name}: {len(practices)} practices, no bad row")
    table.add_column("field")
    table.add_column("not known", justify="right")
    table.add_column("practices")
    for field in ("summary", "description", "country", "start_year", "organisation", "evidence_level", "sources"):
        empty = [practice.id for practice in practices if getattr(practice, field) in (None, ())]
        if empty:
            shown = ", ".join(empty[:5]) + (", ..." if len(empty) > 5 else "")
            table.add_row(field, str(len(empty)), shown)
    _OUT.print(table)


def _settings(**options: object) -> Settings:
    """Return the settings with command-line options on top, which worker processes then inherit."""
    for name, value in options.items():
        if value is not None:
            os.environ[f"PRACTICES_{name.upper()}"] = str(value)
    return Settings()


def _index(source: CatalogueSource, settings: Settings, encoder: Encoder | None = None) -> Release:
    spec = find_spec(settings.encoder, read_registry())
    current = find_current(settings.releases, source, spec)
    if current is not None:
        return current
    encoder = encoder or _loaded(settings.encoder, settings)
    cache = EmbeddingCache(settings.cache, spec.identity, spec.dim)
    with _progress() as report:
        return build_release(source, encoder, releases=settings.releases, cache=cache, progress=report)


def _embedded(texts: list[str], encoder: Encoder, settings: Settings) -> Embeddings:
    with _progress() as report:
        return embed(texts, encoder, EmbeddingCache(settings.cache, encoder.spec.identity, encoder.spec.dim), report)


def _retriever_and_encoder(settings: Settings) -> tuple[Retriever, Encoder]:
    release = load_current_release(settings)
    encoder = load_release_encoder(release.folder, settings)
    check_encoder(release.manifest, encoder)
    return Retriever(release), encoder


def _loaded(name: str, settings: Settings) -> Encoder:
    with _LOG.status(f"loading encoder {name}"):
        return load_encoder(name, settings)


@contextmanager
def _progress() -> Iterator[Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_LOG) as progress:
        task = progress.add_task("passages encoded", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _report(release: Release) -> None:
    manifest = release.manifest
    table = Table(title=f"Release {manifest.release_id}", show_header=False)
    counts = manifest.counts
    rows = {
        "folder": str(release.folder),
        "built": f"{manifest.created_at}, in {manifest.duration_seconds} s",
        "catalogue": f"{manifest.catalogue_name}, sha256 {manifest.catalogue_sha256[:16]}…",
        "encoder": manifest.encoder.identity,
        "practices": str(counts.practices),
        "windows": f"{counts.windows}; {counts.long_texts} texts were longer than the encoder sees, nothing was cut",
        "sentences": str(counts.sentences),
        "index": manifest.index,
    }
    for name, value in rows.items():
        table.add_row(name, value)
    _OUT.print(table)


def _print_hits(hits: Sequence[HitModel]) -> None:
    table = Table(show_lines=True)
    table.add_column("", justify="right")
    table.add_column("confidence", justify="right")
    table.add_column("practice")
    table.add_column("country")
    table.add_column("id", overflow="fold")
    for hit in hits:
        text = Text(_printable(hit.practice.title), style="bold")
        text.append(Text(f"\n{_printable(hit.practice.summary or '')}", style="not bold"))
        if hit.explanation is not None:
            text.append(Text(f"\n“{_printable(hit.explanation.sentence.text)}”", style="not bold italic"))
        confidence = "" if hit.confidence is None else f"{hit.confidence:.2f}"
        practice_id = Text(_printable(hit.practice.id))
        table.add_row(str(hit.rank), confidence, text, hit.practice.country or "", practice_id)
    _OUT.print(table)


def _message(error: Exception) -> str:
    if isinstance(error, ValidationError):
        prefix = "PRACTICES_" if error.title == Settings.__name__ else ""
        places = [".".join(map(str, one["loc"])) for one in error.errors()]
        places = [prefix + place.upper() if prefix else place for place in places]
        return "; ".join(f"{place}: {one['msg']}" for place, one in zip(places, error.errors(), strict=True))
    return str(error)


def _printable(text: str) -> str:
    """Return text without the control characters that could steer a terminal."""
    return "".join(character for character in text if character.isprintable() or character == "\n")


def _print_json(content: object) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
