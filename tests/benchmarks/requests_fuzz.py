"""Count how the service answers requests that no program would send.

    python -m tests.benchmarks.requests_fuzz [NUMBER]

The application is called in this process, as a server calls it: API with a key, pages, embeds, downloads and the feed.
Prints how often each status was answered and the first request of each fault: a 5xx that is not a 503 with
Retry-After, a problem that is none, or an exception.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from service.administration import Administration
from service.app import create_app
from service.journal import Journal
from service.keys import KeyStore
from service.problems import MEDIA_TYPE
from service.retriever import Retriever
from tests.fakes import WordEncoder, calibrated_source
from tests.test_admin import NoBuilder
from tests.test_build import build, tiny_spec
from tests.test_switching import FolderReleases

NUMBER = 100_000
_BATCH = 1_000  # more examples in one run make hypothesis slow
_LONGEST_SECONDS = 30.0

_PATHS = (
    *("/", "/practices", "/practices/{}", "/map", "/compare", "/about", "/widget", "/practices.atom", "/robots.txt"),
    *("/widget.js", "/embed/related/{}.json", "/embed/related/{}", "/embed/related.json", "/embed/demo", "/static/{}"),
    *("/download/practices.csv", "/download/practices.xlsx", "/download/practices.docx", "/download/practices.{}"),
    *("/download/catalogue.jsonl", "/download/catalogue.csv", "/download/catalogue.jsonld", "/download/catalogue.xlsx"),
    *("/download/dictionary.json", "/download/catalogue.csv-metadata.json", "/download/{}", "/health/ready", "/{}"),
    *("/api/v1/search", "/api/v1/similar", "/api/v1/practices", "/api/v1/practices/{}", "/api/v1/facets"),
    *("/api/v1/practices/{}/related", "/api/v1/index", "/api/v1/docs", "/api/v1/openapi.json", "/health/live"),
    *("/api/v1/admin/practices/{}", "/api/v1/admin/practices", "/api/v1/admin/edits", "/api/v1/docs/files/{}"),
)
_PARAMETERS = (
    *("q", "top_k", "page", "page_size", "sort", "mode", "colour", "pick", "lang", "release", "explain", "part"),
    *("country", "region", "languages", "status", "approaches", "target_groups", "evidence_level", "effect", "v"),
)
_BODIES: tuple[dict[str, object], ...] = (
    {"query": "who helps apprentices", "top_k": 3, "filters": {"country": ["DE"]}, "explain": True},
    {"title": "Mentors", "description": "Masters listen to apprentices. They give advice every week.", "top_k": 2},
    {"text": "masters mentor apprentices", "top_k": 2, "lang": "de"},
    {"id": "mentors", "title": "Mentors", "country": "DE", "start_year": 2001, "sources": [{"url": "https://a.eu"}]},
)
_KNOWN = (
    *("mentors", "second-school", "street-work", "DE", "mentoring", "de", "title", "diverse", "1", "10", "positive"),
    "pupils are often away. their parents are told. we need a school in the evening " * 3,
)
_TRICKS = (
    *(
        "",
        " ",
        "\0",
        "\ufffe",
        "\u202e",
        "\ud83d",
        "İ",
        "ﬀ",
        "a\u0301" * 40,
        "𐍈",
        "-1",
        "0",
        "1e309",
        "nan",
        "٣",
        "1_0",
    ),
    *(
        str(2**63),
        "9" * 5_000,
        "../../etc/passwd",
        "%2e%2e%2f",
        "{{7*7}}",
        "{0.__class__}",
        "%s%n",
        "=1+1",
        "'",
        '"><b>',
    ),
    *("a" * 20_001, "word " * 3_000, "Ω" * 900, "a.b!c? " * 500, "\r\nX-Injected: 1", "0" * 12, "con", ".", "..", "//"),
)
_HEADERS = {
    "accept": ("*/*", "text/html", "application/json;q=nan", ";;,", "text/html;q=9" * 900),
    "accept-language": ("de", "xx;q=bad", "de;q=0,fr;q=1e99", "*", "el-" * 3_000, ",".join(["a"] * 5_000)),
    "accept-encoding": ("gzip", "gzip;q=0", "br", "*"),
    "if-none-match": ("*", '"x"', 'W/"', ",,,", '"' * 9_000),
    "if-match": ("*", '"x"', 'W/"x", *', '"' * 9_001),
    "if-modified-since": ("Thu, 01 Jan 1970 00:00:00 GMT", "never", "Fri, 31 Dec 99999 23:59:59 GMT"),
    "range": ("bytes=0-1", "bytes=9-1", "bytes=-", "bytes=0-,0-,0-", "bytes=" + "0-1," * 4_000, "lines=1", "bytes=a-b"),
    "if-range": ('"x"', "never"),
    "origin": ("null", "https://evil.example", "\xff"),
    "host": ("evil.example", "", "a:b:c", "[::1", "a/../b", "\xe9", "x" * 9_000),
    "content-type": ("application/json", "application/x-ndjson", "text/plain; charset=bad", "multipart/form-data", ";"),
    "authorization": ("Bearer", "Bearer practices_x", "Basic !!!", "\xff\xfe", "Bearer " + "a" * 9_000),
    "x-forwarded-proto": ("javascript", "https"),
    "cookie": ("a=b", "\xff" * 99),
    "x-long": ("a" * 60_000,),
}
_WRITTEN = {
    "/api/v1/search": ("GET", "POST"),
    "/api/v1/similar": ("POST",),
    "/embed/related.json": ("POST",),
    "/api/v1/admin/practices": ("POST",),
    "/api/v1/admin/practices/{}": ("GET", "PUT", "PUT", "DELETE"),
}
"""The methods of the paths that take others than GET."""

_OTHER_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "F")


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as a server hands it on; `target` is the path and the query, quoted."""

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


@dataclass(slots=True)
class Counts:
    """What came back: how often each status, the slowest answer in seconds, and the first request of each fault."""

    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    slowest_request: Sent | None = None
    faults: dict[str, Sent] = field(default_factory=dict)


def fuzzed_app(folder: Path) -> tuple[FastAPI, str]:
    """Return an application with calls that change practices, and a key for them."""
    release = build(folder, calibrated_source())
    keys, followed = KeyStore(folder / "keys.sqlite"), FolderReleases(folder / "releases")
    journal = Journal(folder / "journal.sqlite")
    app = create_app(
        Retriever(release),
        WordEncoder(tiny_spec()),
        queue_size=8,
        releases=followed,
        administration=Administration(keys, journal, NoBuilder(), followed.current_id),
    )
    return app, keys.create("fuzz", ["write"])


def texts() -> st.SearchStrategy[str]:
    """Return texts of all kinds: those that are known, those that break something elsewhere, and any other."""
    known, tricks = st.sampled_from(_KNOWN), st.sampled_from(_TRICKS)
    return st.one_of(known, known, tricks, st.text(max_size=40), st.integers().map(str), st.floats().map(str))


def _bodies(record: dict[str, object]) -> st.SearchStrategy[bytes]:
    values = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts()),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts(), inner, max_size=4),
        max_leaves=8,
    )
    changes = st.dictionaries(st.sampled_from([*record, "id", "top_k", "filters", "x"]), values, max_size=2)
    return changes.map(lambda some: json.dumps(record | some).encode())


def sent(key: str) -> st.SearchStrategy[Sent]:
    """Return requests of all kinds; half of them have a key."""
    names = st.sampled_from(_PARAMETERS) | texts()
    queries = st.one_of(
        st.lists(st.tuples(names, texts()), max_size=4).map(
            lambda pairs: urlencode(pairs, errors="surrogatepass").encode()
        ),
        st.binary(max_size=30).map(lambda some: quote(some, safe="%&=;+").encode()),
    )
    places = st.one_of(st.sampled_from(_KNOWN[:3]), st.sampled_from(_KNOWN[:3]), texts().map(lambda one: one[:300]))
    goals = st.sampled_from(
        [
            (method, path)
            for path in (*_PATHS, *_WRITTEN, *_WRITTEN)
            for method in (*_WRITTEN.get(path, ("GET",)) * 40, *_OTHER_METHODS)
        ]
    )
    pairs = [(name.encode(), one.encode("latin-1")) for name, some in _HEADERS.items() for one in some]
    headers = st.lists(st.sampled_from(pairs), max_size=3)
    own = st.sampled_from([(), ((b"authorization", f"Bearer {key}".encode()),)])
    records = st.one_of(*map(_bodies, _BODIES))
    bodies = st.one_of(
        st.just(b""),
        records,
        st.lists(records, max_size=3).map(b"\n".join),
        st.binary(max_size=60),
        st.sampled_from([b"[" * 50_000, b'{"a":' * 50_000, b'{"query": "\\ud800"}', b'{"query": NaN}', b"1" * 9_000]),
    )
    return st.builds(
        lambda goal, place, query, some, key_header, body: Sent(
            goal[0], _target(goal[1], place, query), (*key_header, *some), body
        ),
        goals,
        places,
        queries,
        headers,
        own,
        bodies,
    )


def _target(path: str, place: str, query: bytes) -> bytes:
    whole = path.replace("{}", quote(place, safe="", errors="surrogatepass")).encode()
    return whole + b"?" + query if query else whole


async def answer(app: FastAPI, request: Sent) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and content of the answer to a request, as uvicorn would ask for it."""
    raw_path, _, query = request.target.partition(b"?")
    named = dict(request.headers)
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(raw_path.decode("ascii")),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": [*request.headers, *(() if b"host" in named else ((b"host", b"127.0.0.1"),))],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    incoming = [{"type": "http.request", "body": request.body, "more_body": False}]
    started: dict[str, Any] = {}
    content = bytearray()
    forever = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not incoming:
            await forever.wait()
        return incoming.pop()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        content.extend(message.get("body", b""))

    await asyncio.wait_for(app(scope, receive, send), _LONGEST_SECONDS)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in started["headers"]}
    return started["status"], headers, bytes(content)


def fault_of(status: int, headers: dict[str, str], content: bytes) -> str:
    """Return what is wrong with an answer; empty where nothing is."""
    if status >= 500 and not (status == 503 and "retry-after" in headers):
        return f"status {status}"
    if any("\n" in one or "\r" in one for one in headers.values()):
        return "a header of two lines"
    if headers.get("content-type") == MEDIA_TYPE and "content-encoding" not in headers and content:
        problem = json.loads(content)
        if problem["status"] != status:
            return "a problem of another status"
    return ""


def fuzz(app: FastAPI, key: str, number: int, start: int = 0) -> Counts:
    """Send so many requests and return what came back; the same `start` sends the same ones."""
    counts = Counts()
    lifespan = app.router.lifespan_context(app)
    with asyncio.Runner() as runner:
        runner.run(lifespan.__aenter__())  # on the same loop as the requests: the encoder's queue belongs to it

        def ask(request: Sent) -> None:
            started = time.perf_counter()
            try:
                status, headers, content = runner.run(answer(app, request))
                fault = fault_of(status, headers, content)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                status, fault = 0, f"{type(error).__name__}: {error}"[:80]
            counts.statuses[status] += 1
            seconds = time.perf_counter() - started
            if seconds > counts.slowest:
                counts.slowest, counts.slowest_request = seconds, request
            if fault:
                counts.faults.setdefault(fault, request)

        for batch in range(start, start + -(-number // _BATCH)):
            limits = settings(
                max_examples=min(_BATCH, number - (batch - start) * _BATCH),
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=[*HealthCheck],
            )
            seed(batch)(limits(given(sent(key))(ask)))()
        runner.run(lifespan.__aexit__(None, None, None))
    return counts


def main() -> None:
    """Send the requests and print the counts."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else NUMBER
    with tempfile.TemporaryDirectory() as folder:
        app, key = fuzzed_app(Path(folder))
        started = time.perf_counter()
        counts = fuzz(app, key, number)
        seconds = time.perf_counter() - started
    for status, times in sorted(counts.statuses.items()):
        print(f"{status or 'none'}: {times:,}")
    print(f"{counts.statuses.total():,} requests in {seconds:.0f} s, the slowest in {counts.slowest:.2f} s")
    print(f"slowest: {counts.slowest_request}"[:400])
    for fault, request in counts.faults.items():
        print(f"FAULT {fault}: {request}"[:2_000])
    sys.exit(bool(counts.faults))


if __name__ == "__main__":
    main()
