"""The command line: `practices import | index | serve | search | related | export-related | evaluate | check`.

Here is only what may be typed. What a command needs is imported once it is known which one it is: most of the time that
a command takes to start goes into imports.
"""

from pathlib import Path
from typing import Annotated

import typer

from service.exports.kinds import Kind
from service.limits import MAX_TOP_K, MOST_LINKS, USUAL_LINKS, MeasuredLeg, Mode, Scope, VectorSearcher

_ABOUT = "Ask in plain words what has worked elsewhere against early leaving: index practices, ask them, serve them."

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=_ABOUT)
keys = typer.Typer(no_args_is_help=True, help="Keys that programs write to the service with: make, list, revoke them.")
app.add_typer(keys, name="keys")

CatalogueArgument = Annotated[Path, typer.Argument(help="catalogue file (JSONL)", show_default=False)]
TopKOption = Annotated[int, typer.Option("--top-k", min=1, max=MAX_TOP_K, help="how many practices")]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]
StoreArgument = Annotated[
    str, typer.Argument(help="folder or URL of a store, such as s3://bucket/practices", show_default=False)
]
KeyArgument = Annotated[str, typer.Argument(help="name of a key", show_default=False)]
QuestionsOption = Annotated[
    Path | None,
    typer.Option("--questions", help="folder in BEIR layout, or a file with a question a line; the shipped by default"),
]
VectorsOption = Annotated[
    VectorSearcher | None, typer.Option("--vectors", help="what searches them; by default the release itself")
]
MilvusOption = Annotated[
    str | None, typer.Option("--milvus-uri", help="where Milvus is: http://HOST:PORT/DATABASE, or FILE.db")
]
RayOption = Annotated[
    str | None, typer.Option("--ray", help="HOST:PORT of a Ray cluster that encodes, of which this machine is a node")
]
EncoderOption = Annotated[str | None, typer.Option("--encoder", help="name in models/registry.toml")]


def main() -> None:
    """Run the command line; an expected error is one message and status 1, without a traceback."""
    try:
        app()
    except Exception as error:
        from service.commands import EXPECTED, print_error

        if not isinstance(error, EXPECTED):
            raise
        print_error(error)
        raise SystemExit(1) from error


@app.command()
def index(  # noqa: PLR0913, PLR0917  what may be typed
    catalogue: Annotated[Path | None, typer.Argument(help="catalogue file; the shipped one by default")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="folder of releases")] = None,
    encoder: EncoderOption = None,
    no_activate: Annotated[bool, typer.Option("--no-activate", help="build it, but let it not answer yet")] = False,  # noqa: FBT002
    drop_edits: Annotated[bool, typer.Option("--drop-edits", help="whatever was changed by API")] = False,  # noqa: FBT002
    ray: RayOption = None,
    vectors: VectorsOption = None,
    milvus_uri: MilvusOption = None,
) -> None:
    """Build a release of a catalogue and publish it; nothing is done when it is up to date."""
    from service.indexing import index_catalogue
    from service.settings import settings_with

    settings_with(vectors=vectors, milvus_uri=milvus_uri)
    index_catalogue(catalogue, out=out, encoder=encoder, activates=not no_activate, drops_edits=drop_edits, ray=ray)


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="CSV, XLSX, JSON, a listing page or a folder", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="catalogue to write (JSONL)")],
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="which column is which field; SOURCE.mapping.toml by default")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="spreadsheet to list all doubts in")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="write over a catalogue that is there")] = False,  # noqa: FBT002
) -> None:
    """Turn a file that you have into a catalogue; columns are guessed, and every doubt is listed."""
    from service.importing import import_catalogue

    import_catalogue(source, out, mapping=mapping, report=report, replace=replace)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option("--host", help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="port to listen on")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="processes that answer")] = None,
    vectors: VectorsOption = None,
    milvus_uri: MilvusOption = None,
) -> None:
    """Serve the current release over HTTP; the shipped catalogue's release is built first if there is none."""
    from service.serving import serve_release
    from service.settings import settings_with

    settings_with(vectors=vectors, milvus_uri=milvus_uri)
    serve_release(host=host, port=port, workers=workers)


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="a question in plain words", show_default=False)],
    top_k: TopKOption = 5,
    as_json: JsonOption = False,  # noqa: FBT002  a command-line switch
) -> None:
    """Print the practices that answer a question best."""
    from service.commands import print_answer

    print_answer(text, top_k=top_k, as_json=as_json)


@app.command()
def related(
    practice_id: Annotated[str, typer.Argument(help="id of a practice", show_default=False)],
    top_k: TopKOption = 5,
    mode: Annotated[Mode, typer.Option("--mode", help="which of them")] = "similar",
    as_json: JsonOption = False,  # noqa: FBT002  a command-line switch
) -> None:
    """Print the practices related to a practice."""
    from service.commands import print_related

    print_related(practice_id, top_k=top_k, mode=mode, as_json=as_json)


@app.command("export")
def export_catalogue(
    out: Annotated[Path, typer.Option("--out", "-o", help="file to write")],
    kind: Annotated[Kind | None, typer.Option("--format", help="by the ending of the file, if not given")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="write over a file that is there")] = False,  # noqa: FBT002
) -> None:
    """Write the whole catalogue of the current release as a file."""
    from service.export_command import export_catalogue
    from service.settings import Settings

    export_catalogue(Settings(), out, kind=kind, replace=replace)


@app.command("export-related")
def export(
    folder: Annotated[Path, typer.Argument(help="absent, empty, or a former export", show_default=False)],
    base_url: Annotated[str, typer.Option("--base-url", help="address of the service with the practices' pages")],
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=MOST_LINKS, help="how many practices")] = USUAL_LINKS,
    lang: Annotated[list[str] | None, typer.Option("--lang", help="a language, also several times; en if none")] = None,
) -> None:
    """Write the related practices of every practice, as JSON and HTML, for a site without a server."""
    from service.commands import write_related

    write_related(folder, base_url=base_url, top_k=top_k, languages=lang)


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
    from service.commands import print_measures

    print_measures(collection, encoder=encoder, leg=leg, as_json=as_json)


@app.command()
def releases() -> None:
    """List the releases on disk, and which one answers."""
    from service.releasing import print_releases
    from service.settings import Settings

    print_releases(Settings())


@app.command()
def activate(
    release: Annotated[str, typer.Argument(help="id of a release, or how it begins", show_default=False)],
    most_lost: Annotated[float, typer.Option("--most-lost", min=0, help="of nDCG@10 and of titles found")] = 0.01,
    force: Annotated[bool, typer.Option("--force", help="whatever it loses")] = False,  # noqa: FBT002  a switch
    questions: QuestionsOption = None,
) -> None:
    """Let a release answer; refused where its answers are worse than those of the current one."""
    from service.releasing import activate_release
    from service.settings import Settings

    activate_release(Settings(), release, most_lost=most_lost, force=force, questions=questions)


@app.command()
def rollback() -> None:
    """Let the release answer that did before; once more undoes it."""
    from service.releasing import return_to_previous
    from service.settings import Settings

    return_to_previous(Settings())


@app.command()
def prune(keep: Annotated[int, typer.Option("--keep", min=0, help="releases built last that stay too")] = 3) -> None:
    """Remove old releases; the current one and the one before it always stay."""
    from service.releasing import remove_old
    from service.settings import Settings

    remove_old(Settings(), keep=keep)


@app.command()
def diff(
    old: Annotated[str, typer.Argument(help="id of a release, or how it begins", show_default=False)],
    new: Annotated[str, typer.Argument(help="another one; also: current, previous", show_default=False)],
    questions: QuestionsOption = None,
) -> None:
    """Show what differs between two releases: practices, answers to questions, and how good these are."""
    from service.releasing import print_changes
    from service.settings import Settings

    print_changes(Settings(), old, new, questions=questions)


@app.command()
def doctor(release: Annotated[str, typer.Argument(help="id of a release")] = "current") -> None:
    """Examine a release from disk to answer, and name what is wrong with it."""
    from service.releasing import examine
    from service.settings import Settings

    examine(Settings(), release)


@app.command()
def insights(
    since: Annotated[str | None, typer.Option("--since", help="first ISO week, such as 2026-W48")] = None,
    as_json: JsonOption = False,  # noqa: FBT002  a command-line switch
) -> None:
    """Print what is asked and what the catalogue lacks, as far as PRACTICES_INSIGHTS has it counted."""
    from service.insight_command import print_insights
    from service.settings import Settings

    print_insights(Settings(), since=since, as_json=as_json)


@app.command("apply-edits")
def apply_edits(
    follow: Annotated[bool, typer.Option("--follow", help="until the standard input is closed")] = False,  # noqa: FBT002
) -> None:
    """Build the release that has the changes made by API; a running service does so by itself."""
    from service.logs import set_up_logs
    from service.rebuilding import Rebuilding
    from service.settings import Settings

    settings = Settings()
    rebuilding = Rebuilding(settings)
    if follow:
        set_up_logs(settings.log)
        rebuilding.follow()
    else:
        rebuilding.apply()


@app.command()
def check(
    catalogue: CatalogueArgument,
    report: Annotated[Path | None, typer.Option("--report", help="spreadsheet to list all findings in")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="status 1 for warnings too")] = False,  # noqa: FBT002
    encoder: EncoderOption = None,
) -> None:
    """Report what is wrong or doubtful in a catalogue; status 1 where rows are bad."""
    from service.checking import print_quality

    print_quality(catalogue, report=report, strict=strict, encoder=encoder)


@app.command()
def push(
    store: StoreArgument,
    release: Annotated[str, typer.Argument(help="id of a release, or how it begins; also: previous")] = "current",
    activate: Annotated[bool, typer.Option("--activate", help="let it answer wherever the store is followed")] = False,  # noqa: FBT002
) -> None:
    """Put a release into a store, from which other machines get it; one that is there is not sent again."""
    from service.replica_commands import push_release
    from service.settings import Settings

    push_release(Settings(), store, release, activates=activate)


@app.command()
def pull(
    store: StoreArgument,
    follow: Annotated[bool, typer.Option("--follow", help="until the process is asked to end")] = False,  # noqa: FBT002
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="between two looks, with --follow")] = 2,
) -> None:
    """Get the current release of a store and let it answer here; with --follow whichever becomes so."""
    from service.logs import set_up_logs
    from service.replica_commands import follow_store, pull_release
    from service.settings import Settings

    settings = Settings()
    if follow:
        set_up_logs(settings.log)
        follow_store(settings, store, seconds=seconds)
    else:
        pull_release(settings, store)


@keys.command("create")
def create_key(
    name: KeyArgument,
    scope: Annotated[Scope, typer.Option("--scope", help="what it allows")] = "write",
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=36_500, help="how long it is valid; for good by default"),
    ] = None,
) -> None:
    """Make a key and print its secret, which is kept nowhere else."""
    from service.key_commands import create_key
    from service.settings import Settings

    create_key(Settings(), name, scope=scope, days=days)


@keys.command("list")
def list_keys() -> None:
    """List the keys, those that are expired or revoked too."""
    from service.key_commands import print_keys
    from service.settings import Settings

    print_keys(Settings())


@keys.command("revoke")
def revoke_key(name: KeyArgument) -> None:
    """Make a key invalid at once and for good."""
    from service.key_commands import revoke_key
    from service.settings import Settings

    revoke_key(Settings(), name)


if __name__ == "__main__":
    main()
