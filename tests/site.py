"""A running service for tests in a real browser: a small catalogue with hostile texts in it, and the fake encoder."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import uvicorn

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.practice import Practice, Source
from indexer.release import load_release
from indexer.release_files import CURRENT
from service.app import create_app
from service.retriever import Retriever
from tests.fakes import PRACTICES, WordEncoder, calibrated_source

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SCRIPT = "<script>document.title = 'broken in'</script>"
HANDLER = "<img src=x onerror=\"document.title='broken in'\">"
HOSTILE = (
    Practice(
        id="<img>&\"'+;[bold]é🎓",
        title=f"{SCRIPT} \"quoted\" & 'single' {{{{ 7*7 }}}}",
        original_title="\u200fעברית\u200e \u202eback to front\u202c",
        summary='=HYPERLINK("http://elsewhere.example") 👩🏽‍🏫🎓 </textarea><!-- ]]> ${x} \\ \x1b[31m',
        description=f"Hostile pupils\u2028write\u0000 ' OR 1=1; --\n\n{HANDLER}",
        region="Île-de-France <b>",
        country="FR",
        approaches=("outreach",),
        sources=(Source(url="javascript:document.title='broken in'"), Source(url="https://source.example/?a=1&b=2")),
    ),
    Practice(id="long-title", title=f"Long {'title' * 2000}", summary=f"Endless {'summary' * 300}.", country="PT"),
)
OTHERS = tuple(
    Practice(
        id=f"workshop-{day.lower()}",
        title=f"{day} workshop",
        summary=f"A workshop in which pupils repair bicycles every {day}.",
        description=f"The workshop opens on {day}. Pupils repair bicycles and sell them at the market.",
        country="PL" if number % 2 else "IE",
        approaches=("health-support",),
        target_groups=("vet-learners",),
        start_year=2000 + number,
    )
    for number, day in enumerate(WEEKDAYS)
)
CATALOGUE = (*PRACTICES, *HOSTILE, *OTHERS)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Yield the address of a service over `CATALOGUE`, on a free port of this machine."""
    encoder = WordEncoder()
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, encoder.spec.dim)
    build_release(
        calibrated_source(CATALOGUE), encoder, releases=folder / "releases", cache=cache, progress=lambda *_: None
    )
    app = create_app(Retriever(load_release(folder / "releases" / CURRENT)), encoder, queue_size=64)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def foreign_site(folder: Path) -> Iterator[str]:
    """Yield the address of another site that serves the files of a folder: another origin for a browser."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
