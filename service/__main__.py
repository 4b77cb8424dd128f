"""The command line: `practices index | serve | search | related | export-related | evaluate | check`.

Here is only what may be typed. What a command needs is imported once it is known which one it is: most of the time that
a command takes to start goes into imports.
"""

from pathlib import Path
from typing import Annotated

import typer

from service.limits import MAX_TOP_K, MOST_LINKS, USUAL_LINKS, MeasuredLeg, Mode

_ABOUT = "Ask in plain words what has worked elsewhere against early leaving: index practices, ask them, serve them."

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=_ABOUT)

CatalogueArgument = Annotated[Path, typer.Argument(help="catalogue file (JSONL)", show_default=False)]
TopKOption = Annotated[int, typer.Option("--top-k", min=1, max=MAX_TOP_K, help="how many practices")]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]
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
def index(
    catalogue: Annotated[Path | None, typer.Argument(help="catalogue file; the shipped one by default")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="folder of releases")] = None,
    encoder: EncoderOption = None,
) -> None:
    """Build a release of a catalogue and publish it; nothing is done when it is up to date."""
    from service.commands import index_catalogue

    index_catalogue(catalogue, out=out, encoder=encoder)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option("--host", help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="port to listen on")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="processes that answer")] = None,
) -> None:
    """Serve the current release over HTTP; the shipped catalogue's release is built first if there is none."""
    from service.serving import serve_release

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
def check(catalogue: CatalogueArgument) -> None:
    """Report the quality of a catalogue; status 1 where rows are bad."""
    from service.commands import print_quality

    print_quality(catalogue)


if __name__ == "__main__":
    main()
