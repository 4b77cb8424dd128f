"""Compare the service with txtai, the nearest peer, over HTTP: same documents, same encoder, exact index on both sides.

Usage: python -m tests.benchmarks.peer --peer-python PYTHON --documents DOCUMENTS --questions QUESTIONS

It needs wrk (`apt install wrk`), a Python environment with txtai 9.14 and the folder `peers/txtai`; where one of them
is absent it says so and ends. A document is a line of JSON: `_id`, `title`, `text` as in BEIR, or `id`, `title`,
`description` as in our catalogues, of which nothing else is read. A question is a line of JSON with `text`. Only one
server is asked at a time, and the two take turns.
"""

import argparse
import gzip
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Literal, ParamSpec, TypeVar
from urllib.parse import urlencode

from tests.benchmarks.load import (
    HOST,
    Load,
    LoadError,
    Memory,
    Server,
    ask_all,
    distinct_questions,
    memory_of,
    run_wrk,
    seconds_to_first_answer,
    serving,
    wait_until_idle,
)

OURS, THEIRS, BARE = "practices", "txtai", "practices, explain=false"
CLIENTS = (1, 4, 16)
Kind = Literal["different", "repeated"]
Value = Literal["per_second", "p50_ms", "p99_ms"]
Pair = tuple[float | None, float | None]
"""Ours and theirs; None where it was not measured."""
TOP_K = 10

_STARTS = 3
_ASKED = 1_000  # questions before memory is read again
_ASKING = 12  # clients that ask them, enough for every worker to have some
_WORKERS = (2, 4)  # the second one costs the process too that workers are forked from, further ones do not
_REPEATED = 20  # questions that are asked over and over
_COMPARED = 20  # questions of which both encoders' embeddings are compared
_MOST_PER_SECOND = 1_000  # questions prepared for each second of load; an engine that is faster repeats some
_LEAST_COSINE = 0.99  # ours are rounded: .9988 with the default encoder, .9958 with all-MiniLM-L6-v2
_LEAST_ANSWERS = 100
_PROBE_WORDS = 30
_SEED = 7
_IDLE = 0.5  # load average below which nothing else runs

P = ParamSpec("P")
T = TypeVar("T")

_PEER_VERSIONS = """
import json, platform
from importlib.metadata import version
names = ("txtai", "torch", "sentence-transformers", "transformers", "faiss-cpu", "fastapi", "uvicorn")
print(json.dumps({"python": platform.python_version()} | {name: version(name) for name in names}))
"""

_PEER_EMBEDDINGS = """
import json, sys
from txtai import Embeddings
embeddings = Embeddings()
embeddings.load(sys.argv[1])
print(json.dumps(embeddings.batchtransform(json.load(sys.stdin), "query").tolist()))
"""

# Builds with the embeddings of a file, and then names the model in the configuration, which encodes the questions.
_PEER_BUILD_FROM_VECTORS = """
import json, pathlib, sys
import numpy as np
from txtai import Embeddings
documents, model, index, vectors, limit = sys.argv[1:]
rows = np.load(vectors, mmap_mode="r")[: int(limit) or None]
with open(documents, encoding="utf-8") as file:
    lines = list(file)
if len(rows) != len(lines):
    sys.exit(f"{vectors} has {len(rows)} rows for {len(lines)} documents, expected one for each")
taken = 0
def transform(texts):
    global taken
    taken += len(texts)
    return np.array(rows[taken - len(texts) : taken], dtype=np.float32)
faiss = {"components": "IDMap,Flat"}
embeddings = Embeddings({"method": "external", "transform": transform, "content": True, "faiss": faiss})
embeddings.index(map(json.loads, lines))
embeddings.save(index)
path = pathlib.Path(index, "config.json")
config = json.loads(path.read_text(encoding="utf-8"))
del config["transform"]
config |= {"method": "sentence-transformers", "path": model, "given_vectors": True}
path.write_text(json.dumps(config), encoding="utf-8")
"""


class PeerError(RuntimeError):
    """The comparison cannot be made with what was given."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; see `parse`."""

    peer_python: Path
    documents: Path
    questions: Path
    encoder: str | None
    peer_folder: Path
    peer_index: Path | None
    peer_vectors: Path | None
    own_index: Path | None
    limit: int | None
    duration: int
    rounds: int
    json: Path | None


@dataclass(frozen=True, slots=True)
class Engine:
    """One side: the command that serves on a port, the path of a question, and the ids of the hits in an answer."""

    name: str
    command: Callable[[int], Sequence[str]]
    environment: Mapping[str, str]
    path: Callable[[str], str]
    ids: Callable[[bytes], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents as our catalogue and as the lines that the peer reads; `probe` is words of document `probe_id`."""

    catalogue: Path
    peer_lines: Path
    count: int
    probe: str
    probe_id: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """What both sides are built from; `model` is the folder of the encoder's weights for sentence-transformers."""

    documents: Documents
    encoder: str
    identity: str
    model: Path


@dataclass(frozen=True, slots=True)
class LoadRun:
    """One measurement by wrk; `kind` says whether each question came once, or a few of them over and over."""

    name: str
    kind: Kind
    clients: int
    load: Load


@dataclass(slots=True)
class Measured:
    """All that was measured, by the name of the side. `index_seconds` has none for an index that was there already."""

    least_cosine: float = 0.0
    has_given_vectors: bool = False
    index_seconds: dict[str, float] = field(default_factory=dict)
    start_seconds: dict[str, list[float]] = field(default_factory=lambda: {OURS: [], THEIRS: []})
    memory_first: dict[str, list[Memory]] = field(default_factory=lambda: {OURS: [], THEIRS: []})
    memory_later: dict[str, Memory] = field(default_factory=dict)
    memory_workers: dict[int, Memory] = field(default_factory=dict)
    short_answers: dict[str, int] = field(default_factory=dict)
    loads: list[LoadRun] = field(default_factory=list)

    def load(self, name: str, kind: Kind, clients: int, value: Value) -> float:
        """Return the median over the rounds of one value of the loads."""
        wanted = (name, kind, clients)
        loads = [one.load for one in self.loads if (one.name, one.kind, one.clients) == wanted]
        return float(median(getattr(one, value) for one in loads))

    def errors(self, *names: str) -> int:
        """Return how many questions under load were not answered well."""
        return sum(one.load.errors for one in self.loads if one.name in names)

    def asked_again(self, name: str) -> int:
        """Return how many of the questions that should have come once did not, for want of questions."""
        return sum(one.load.repeated for one in self.loads if one.name == name and one.kind == "different")


@dataclass(frozen=True, slots=True)
class Aim:
    """What our value must reach: `times` that of theirs or more, a `part` of it or less, and less than `below`."""

    times: int | None = None
    part: int | None = None
    below: float | None = None

    def is_met(self, ours: float, theirs: float | None) -> bool | None:
        """Say whether it is reached; None where that takes a value of theirs and there is none."""
        if theirs is None:
            return None if self.times or self.part else self.below is None or ours < self.below
        return (
            (self.times is None or ours >= self.times * theirs)
            and (self.part is None or ours * self.part <= theirs)
            and (self.below is None or ours < self.below)
        )

    def shown(self, unit: str) -> str:
        """Return the aim as a table shows it."""
        parts = [
            f"≥ {self.times}×" if self.times else "",
            f"≤ 1/{self.part}" if self.part else "",
            f"< {self.below:g} {unit}".rstrip() if self.below else "",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Row:
    """One measure: our value and theirs, None where it was not measured, and the aim if there is one."""

    measure: str
    unit: str
    values: Pair
    aim: Aim | None = None
    digits: int = 0

    @property
    def ratio(self) -> float | None:
        """Return ours by theirs; None where one is absent or theirs is 0."""
        ours, theirs = self.values
        return None if ours is None or not theirs else ours / theirs

    @property
    def verdict(self) -> str:
        """Return 'met', 'missed' or 'not measured'; empty without an aim."""
        if self.aim is None:
            return ""
        ours, theirs = self.values
        is_met = None if ours is None else self.aim.is_met(ours, theirs)
        return "not measured" if is_met is None else "met" if is_met else "missed"

    def cells(self) -> list[str]:
        """Return the row as a table shows it; what is missed is bold."""
        name = f"{self.measure}, {self.unit}" if self.unit else self.measure
        values = ["–" if value is None else f"{value:,.{self.digits}f}" for value in self.values]
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}×"
        verdict = f"**{self.verdict}**" if self.verdict == "missed" else self.verdict
        return [name, *values, ratio, "" if self.aim is None else self.aim.shown(self.unit), verdict]


def main(options: Options) -> None:
    """Compare and print the table; where something is absent that the comparison needs, say so and end well."""
    absent = absences(options.peer_python, options.peer_folder)
    if absent:
        say(f"SKIPPED: no comparison with txtai: {'; '.join(absent)}")
        return
    busy = os.getloadavg()[0]
    with TemporaryDirectory() as folder:
        prepared, measured = compare(options, Path(folder))
    rows = table_rows(measured)
    facts = described(options, prepared, busy)
    print(report(rows, measured, facts))
    if options.json:
        content = facts | {"rows": [as_json(row) for row in rows], "measured": asdict(measured)}
        options.json.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def absences(python: Path, folder: Path) -> list[str]:
    """Return what the comparison needs and does not find here, and how to have it."""
    absent = []
    if not (folder / "build.py").is_file() or not (folder / "serve.yml").is_file():
        absent.append(f"{folder} has no build.py and serve.yml, name the folder with --peer-folder")
    if not shutil.which(python):
        absent.append(f"there is no {python}, name the python of an environment with txtai with --peer-python")
    elif subprocess.run([python, "-c", "import txtai.api"], capture_output=True, check=False).returncode:
        absent.append(f"{python} cannot import txtai.api, install 'txtai[api]==9.14.0' there")
    if not shutil.which("wrk"):
        absent.append("wrk is not installed, it is in Debian's package `wrk`")
    return absent


def compare(options: Options, folder: Path) -> tuple[Prepared, Measured]:
    """Build both sides, start them, load them, and return what was measured."""
    measured = Measured()
    questions = read_questions(options.questions)
    prepared = in_own_process(prepare, options.documents, options.encoder, options.limit, folder)
    say(f"{prepared.documents.count:,} documents, {len(questions):,} questions, encoder {prepared.identity}")
    home, peer_index = options.own_index or folder / "own", options.peer_index or folder / "peer"
    build_ours(prepared, home, measured)
    build_theirs(prepared, options, peer_index, measured)
    measured.least_cosine = least_cosine(questions[:_COMPARED], options.peer_python, prepared, peer_index)
    engines = (our_engine(home), their_engine(options, peer_index, folder))
    source = distinct_questions(questions)
    measure_starts(engines, prepared, folder, measured)
    measure_loads(engines, source, options, prepared, folder, measured)
    for workers in _WORKERS:
        engine = our_engine(home, workers=workers)
        measured.memory_workers[workers] = memory_of_workers(engine, workers, source, prepared, folder)
    return prepared, measured


def in_own_process(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that imports the product in a process of its own, which ends.

    This one stays free of the product's libraries: PSS would split their pages between it and the servers.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args, **kwargs).result()


def read_questions(path: Path) -> list[str]:
    """Return the different questions of a file, in an order that mixes short and long ones, always the same."""
    texts = list(dict.fromkeys(text for row in json_lines(path) if (text := row["text"].strip())))
    if len(texts) < _REPEATED:
        raise PeerError(f"{path} has {len(texts)} different questions, expected at least {_REPEATED}")
    random.Random(_SEED).shuffle(texts)
    return texts


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file of JSON lines, packed or not."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def prepare(documents: Path, encoder: str | None, limit: int | None, folder: Path) -> Prepared:
    """Write the documents for both sides, and find the encoder's weights."""
    from indexer.registry import find_spec, locate_encoder, read_registry
    from service.settings import Settings

    settings = Settings()
    spec = find_spec(encoder or settings.encoder, read_registry())
    model = locate_encoder(spec, settings.models, allow_hub=settings.hub).resolve()
    return Prepared(write_documents(documents, limit, folder), spec.name, spec.identity, model)


def write_documents(documents: Path, limit: int | None, folder: Path) -> Documents:
    """Write the first documents of a file for both sides: the peer reads title and text as one."""
    from service.collection import _practice

    catalogue, peer_lines = folder / "documents.jsonl", folder / "peer.jsonl"
    number, probe, probe_id = 0, "", ""
    with catalogue.open("w", encoding="utf-8") as ours, peer_lines.open("w", encoding="utf-8") as theirs:
        for number, row in enumerate(islice(json_lines(documents), limit), start=1):  # noqa: B007  it is the count
            practice = _practice(row if "_id" in row else _in_beir(row))
            text = f"{practice.title}. {practice.description}" if practice.description else practice.title
            ours.write(practice.model_dump_json(exclude_defaults=True) + "\n")
            theirs.write(json.dumps({"id": practice.id, "text": text}) + "\n")
            if not probe and practice.description:
                probe, probe_id = " ".join(text.split()[:_PROBE_WORDS]), practice.id
    if not probe:
        raise PeerError(f"{documents} has no document with a title and a text")
    return Documents(catalogue, peer_lines, number, probe, probe_id)


def _in_beir(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"_id": row["id"], "title": row["title"], "text": row.get("description")}


def build_ours(prepared: Prepared, home: Path, measured: Measured) -> None:
    """Build our release, with the command of a user; one that is there already is kept, and then takes no time."""
    is_new = not (home / "releases" / "current").exists()
    say(f"{OURS}: {'building' if is_new else 'reusing'} the index")
    out = ["--out", str(home / "releases"), "--encoder", prepared.encoder]
    started = time.perf_counter()
    run([sys.executable, "-m", "service", "index", str(prepared.documents.catalogue), *out], our_environment(home))
    if is_new:
        measured.index_seconds[OURS] = time.perf_counter() - started


def build_theirs(prepared: Prepared, options: Options, index: Path, measured: Measured) -> None:
    """Build the peer's index; one that is there already is used if it is of as many documents and the same model.

    Raises PeerError where it is not.
    """
    if (index / "config.json").is_file():
        say(f"{THEIRS}: reusing the index")
        config = json.loads((index / "config.json").read_text(encoding="utf-8"))
        found, expected = (config["offset"], config["path"]), (prepared.documents.count, str(prepared.model))
        if found != expected:
            raise PeerError(f"{index} has documents and model {found}, expected {expected}; remove it to build it anew")
        measured.has_given_vectors = config.get("given_vectors", False)
        return
    index.parent.mkdir(parents=True, exist_ok=True)
    inputs = [str(prepared.documents.peer_lines), str(prepared.model), str(index)]
    command = [str(options.peer_python), str(options.peer_folder / "build.py"), *inputs]
    if options.peer_vectors:
        vectors = [str(options.peer_vectors), str(options.limit or 0)]
        command = [str(options.peer_python), "-c", _PEER_BUILD_FROM_VECTORS, *inputs, *vectors]
    say(f"{THEIRS}: building the index{' from given vectors' if options.peer_vectors else ''}")
    started = time.perf_counter()
    run(command, their_environment())
    if options.peer_vectors:
        measured.has_given_vectors = True
    else:
        measured.index_seconds[THEIRS] = time.perf_counter() - started


def run(command: Sequence[str], environment: Mapping[str, str], text: str = "") -> str:
    """Return what a command prints. Raises PeerError with its last words if it fails."""
    ended = subprocess.run(command, env=dict(environment), input=text, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise PeerError(
            f"{' '.join(command[:3])[:200]} … ended with status {ended.returncode}:\n{ended.stderr[-2000:]}"
        )
    return ended.stdout


def our_environment(home: Path) -> dict[str, str]:
    """Return an environment in which only folders are set, and that nobody is refused: both sides answer all."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRACTICES_")}
    kept |= {name: os.environ[name] for name in ("PRACTICES_MODELS",) if name in os.environ}
    folders = {f"PRACTICES_{name.upper()}": str(home / name) for name in ("releases", "cache", "state")}
    return kept | folders | {"PRACTICES_MOST_WAIT": "60"}


def their_environment() -> dict[str, str]:
    """Return an environment in which the peer asks no other host."""
    return dict(os.environ) | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def least_cosine(questions: Sequence[str], peer_python: Path, prepared: Prepared, index: Path) -> float:
    """Return the least cosine of both sides' embeddings of a question: is it the same encoder, with its prompts?"""
    printed = run([str(peer_python), "-c", _PEER_EMBEDDINGS, str(index)], their_environment(), json.dumps(questions))
    theirs: list[list[float]] = json.loads(printed.splitlines()[-1])
    ours = in_own_process(our_embeddings, questions, prepared.encoder)
    return min(sum(a * b for a, b in zip(*rows, strict=True)) for rows in zip(ours, theirs, strict=True))


def our_embeddings(questions: Sequence[str], encoder: str) -> list[list[float]]:
    """Return one unit row a question."""
    from service.loading import load_encoder
    from service.settings import Settings

    rows: list[list[float]] = load_encoder(encoder, Settings()).encode_queries(questions).tolist()
    return rows


def our_engine(home: Path, workers: int = 1) -> Engine:
    """Return the service, asked with explanations, as it is asked by default."""
    serve = [sys.executable, "-m", "service", "serve", "--host", HOST, "--workers", str(workers)]
    return Engine(
        name=OURS,
        command=lambda port: [*serve, "--port", str(port)],
        environment=our_environment(home),
        path=lambda question: "/api/v1/search?" + urlencode({"q": question, "top_k": TOP_K}),
        ids=lambda body: [hit["practice"]["id"] for hit in json.loads(body)["hits"]],
    )


def bare_path(question: str) -> str:
    """Return the path of a question to us for hits without explanations."""
    return "/api/v1/search?" + urlencode({"q": question, "top_k": TOP_K, "explain": "false"})


def their_engine(options: Options, index: Path, folder: Path) -> Engine:
    """Return the peer as its folder serves it, but without its log of requests: ours writes none either."""
    serve = [str(options.peer_python), "-m", "uvicorn", "txtai.api:app", "--host", HOST, "--no-access-log"]
    config = folder / "serve.yml"
    served = (options.peer_folder / "serve.yml").read_text(encoding="utf-8")
    config.write_text(served.replace("INDEX_DIR", str(index.resolve())), encoding="utf-8")
    return Engine(
        name=THEIRS,
        command=lambda port: [*serve, "--port", str(port)],
        environment=their_environment() | {"CONFIG": str(config)},
        path=lambda question: "/search?" + urlencode({"query": question, "limit": TOP_K}),
        ids=lambda body: [row["id"] for row in json.loads(body)],
    )


def measure_starts(engines: Sequence[Engine], prepared: Prepared, folder: Path, measured: Measured) -> None:
    """Start each engine some times, in turns, up to its first right answer; read its memory then."""
    for number in range(_STARTS):
        for engine in engines:
            say(f"{engine.name}: start {number + 1} of {_STARTS}")
            with started(engine, folder) as server:
                measured.start_seconds[engine.name].append(first_answer(engine, server, prepared))
                measured.memory_first[engine.name].append(memory_of(server.process.pid))


def started(engine: Engine, folder: Path) -> AbstractContextManager[Server]:
    """Start an engine; it ends with the block."""
    return serving(engine.command, engine.environment, folder / f"{engine.name}.log")


def first_answer(engine: Engine, server: Server, prepared: Prepared) -> float:
    """Return the seconds to the first answer that has the document whose words are asked for."""
    path, probe_id = engine.path(prepared.documents.probe), prepared.documents.probe_id
    return seconds_to_first_answer(server, path, lambda body: probe_id in engine.ids(body))


def measure_loads(
    engines: Sequence[Engine],
    source: Iterator[str],
    options: Options,
    prepared: Prepared,
    folder: Path,
    measured: Measured,
) -> None:
    """Ask both engines 1,000 questions and read their memory, and load them in turns, one at a time."""
    questions = list(islice(source, _ASKED))
    with ExitStack() as stack:
        servers = []
        for engine in engines:
            server = stack.enter_context(started(engine, folder))
            first_answer(engine, server, prepared)
            say(f"{engine.name}: {_ASKED:,} questions")
            measured.short_answers[engine.name] = short_answers(engine, server, questions, prepared)
            measured.memory_later[engine.name] = memory_of(server.process.pid)
            servers.append(server)
        (ours, theirs), (our_server, their_server) = engines, servers
        bare = replace(ours, name=BARE, path=bare_path)
        sides = ((ours, our_server), (theirs, their_server), (bare, our_server))
        for clients in CLIENTS:
            for _ in range(options.rounds):
                same, other = (list(islice(source, options.duration * _MOST_PER_SECOND)) for _ in range(2))
                for (engine, server), asked in zip(sides, (same, same, other), strict=True):
                    measured.loads.append(load(engine, server, "different", asked, clients, options, folder))
        few = list(islice(source, _REPEATED))
        for _ in range(options.rounds):
            for engine, server in sides[:2]:
                measured.loads.append(load(engine, server, "repeated", few, CLIENTS[-1], options, folder))


def load(
    engine: Engine,
    server: Server,
    kind: Kind,
    questions: Sequence[str],
    clients: int,
    options: Options,
    folder: Path,
) -> LoadRun:
    """Ask questions by some clients for the duration, and let the server end what it has begun."""
    say(f"{engine.name}: {clients} clients, {kind} questions")
    paths = [engine.path(question) for question in questions]
    measured = run_wrk(server.port, paths, clients=clients, seconds=options.duration, folder=folder)
    wait_until_idle(server.process.pid)
    return LoadRun(engine.name, kind, clients, measured)


def short_answers(engine: Engine, server: Server, questions: Sequence[str], prepared: Prepared) -> int:
    """Ask all questions, and return how many answers have fewer hits than asked for: those are cheap."""
    expected = min(TOP_K, prepared.documents.count)
    answers = ask_all(server.port, [engine.path(question) for question in questions], clients=_ASKING)
    return sum(len(engine.ids(answer)) < expected for answer in answers)


def memory_of_workers(engine: Engine, workers: int, source: Iterator[str], prepared: Prepared, folder: Path) -> Memory:
    """Return the memory of several workers after as many questions each as one had."""
    say(f"{engine.name}: {workers} workers, {workers * _ASKED:,} questions")
    with started(engine, folder) as server:
        first_answer(engine, server, prepared)
        short_answers(engine, server, list(islice(source, workers * _ASKED)), prepared)
        return memory_of(server.process.pid)


def table_rows(measured: Measured) -> list[Row]:
    """Return all measures with their aims, those that are missed too."""
    starts = both(lambda side: median(measured.start_seconds[side]))
    errors = (measured.errors(OURS, BARE), measured.errors(THEIRS))
    return [
        Row("building the index", "s", both(measured.index_seconds.get), digits=1),
        Row("first right answer", "s", starts, Aim(part=10, below=1.5), digits=2),
        *(row for clients in CLIENTS for row in _load_rows(measured, clients)),
        *_repeated_rows(measured, f"{_REPEATED} questions over and over, {CLIENTS[-1]} clients"),
        Row("errors under load", "", errors, Aim(below=1)),
        *_memory_rows(measured),
    ]


def both(value: Callable[[str], float | None], *, ours: str = OURS) -> Pair:
    """Return a value of our side and of theirs."""
    return value(ours), value(THEIRS)


def _load_rows(measured: Measured, clients: int) -> list[Row]:
    name = f"{clients} client{'s' if clients > 1 else ''}"

    def values(value: Value, ours: str = OURS) -> Pair:
        return both(lambda side: measured.load(side, "different", clients, value), ours=ours)

    aim = Aim(part=3) if clients == CLIENTS[-1] else None
    return [
        Row(name, "q/s", values("per_second"), Aim(times=3), digits=1),
        Row(f"{name}, without explanations", "q/s", values("per_second", BARE), digits=1),
        Row(f"{name}, p50", "ms", values("p50_ms"), digits=1),
        Row(f"{name}, p99", "ms", values("p99_ms"), aim, digits=1),
    ]


def _repeated_rows(measured: Measured, name: str) -> list[Row]:
    def values(value: Value) -> Pair:
        return both(lambda side: measured.load(side, "repeated", CLIENTS[-1], value))

    return [
        Row(name, "q/s", values("per_second"), Aim(times=10), digits=1),
        Row(f"{name}, p99", "ms", values("p99_ms"), digits=1),
    ]


def _memory_rows(measured: Measured) -> list[Row]:
    first, later, aim = measured.memory_first, measured.memory_later, Aim(part=3, below=250)
    asked = f"after {_ASKED:,} questions"
    pss = {1: sum(later[OURS].pss)} | {workers: sum(one.pss) for workers, one in measured.memory_workers.items()}
    two, most = _WORKERS
    return [
        Row("RSS after the first answer", "MB", both(lambda side: median(sum(one.rss) for one in first[side])), aim),
        Row(f"RSS {asked}", "MB", both(lambda side: sum(later[side].rss)), aim),
        Row("PSS after the first answer", "MB", both(lambda side: median(sum(one.pss) for one in first[side]))),
        Row(f"PSS {asked}", "MB", both(lambda side: sum(later[side].pss))),
        Row("PSS of two workers less that of one", "MB", (pss[two] - pss[1], None)),
        Row(
            f"PSS of one more worker, from {two} to {most}",
            "MB",
            ((pss[most] - pss[two]) / (most - two), None),
            Aim(below=60),
        ),
    ]


def described(options: Options, prepared: Prepared, busy: float) -> dict[str, Any]:
    """Return what the figures hold for: documents, encoder, machine, settings and versions."""
    peer: dict[str, str] = json.loads(run([str(options.peer_python), "-c", _PEER_VERSIONS], os.environ))
    names = ("practices", "faiss-cpu", "onnxruntime", "fastapi", "uvicorn")
    ours = {"python": platform.python_version()} | {name: version(name) for name in names}
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout.split("[")[0].strip()
    return {
        "documents": prepared.documents.count,
        "encoder": prepared.identity,
        "cores": os.cpu_count(),
        "load_before": busy,
        "duration_seconds": options.duration,
        "rounds": options.rounds,
        "versions": {OURS: ours, THEIRS: peer, "wrk": wrk},
    }


def report(rows: Sequence[Row], measured: Measured, facts: Mapping[str, Any]) -> str:
    """Return what was compared, everything that is not as it should be, the table, and how many aims are missed."""
    verdicts = [row.verdict for row in rows if row.aim]
    header = ["measure", OURS, f"{THEIRS} {facts['versions'][THEIRS]['txtai']}", "ratio", "aim", ""]
    return "\n\n".join(
        [
            f"{facts['documents']:,} documents, encoder {facts['encoder']}, {facts['cores']} cores, {TOP_K} hits, "
            f"{facts['rounds']} rounds of {facts['duration_seconds']} s; medians; {facts['versions']['wrk']}. Cosine "
            f"of both sides' embeddings of a question: {measured.least_cosine:.6f} at least.",
            *faults(measured, facts),
            markdown(header, [row.cells() for row in rows]),
            f"{verdicts.count('met')} aims are met, {verdicts.count('missed')} are missed, "
            f"{verdicts.count('not measured')} are not measured.",
        ]
    )


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, what is measured to the left and all else to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def faults(measured: Measured, facts: Mapping[str, Any]) -> list[str]:
    """Return everything that a reader must know before the figures."""
    found = []
    for name in (OURS, BARE, THEIRS):
        if errors := measured.errors(name):
            found.append(f"**ERRORS: {name} answered {errors:,} questions under load with an error or not at all.**")
        if again := measured.asked_again(name):
            found.append(f"**{name}: {again:,} questions came again, it was faster than questions were prepared.**")
    for name, number in measured.short_answers.items():
        if number:
            found.append(f"**{name}: {number:,} of {_ASKED:,} answers had fewer than {TOP_K} hits.**")
    if (few := min((one.load.answers for one in measured.loads), default=0)) < _LEAST_ANSWERS:
        found.append(f"A load has only {few} answers: a p99 of fewer than {_LEAST_ANSWERS} is that of the slowest one.")
    if measured.least_cosine < _LEAST_COSINE:
        found.append(f"**The encoders differ: cosine of a question's embeddings {measured.least_cosine:.4f}.**")
    if measured.has_given_vectors:
        found.append(f"The index of {THEIRS} was built from given vectors, not from the texts.")
    if facts["load_before"] > _IDLE:
        found.append(f"The machine was busy: load average {facts['load_before']:.1f} before the run.")
    return found


def as_json(row: Row) -> dict[str, Any]:
    """Return a row with what follows from it."""
    return asdict(row) | {"ratio": row.ratio, "verdict": row.verdict}


def say(text: str) -> None:
    """Say how far the comparison is, beside what it prints."""
    print(text, file=sys.stderr, flush=True)


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--peer-python", type=Path, required=True, help="python of an environment with txtai")
    add("--documents", type=Path, required=True, help="documents, JSON lines, packed (.gz) or not")
    add("--questions", type=Path, required=True, help="questions, JSON lines, packed (.gz) or not")
    add("--encoder", help="name in models/registry.toml; that of PRACTICES_ENCODER, else the default one")
    add("--peer-folder", type=Path, default=Path("../shared/peers/txtai"), help="folder of build.py and serve.yml")
    add("--peer-index", type=Path, help="folder of txtai's index, kept, and used again where it is there")
    add("--peer-vectors", type=Path, help="embeddings of the documents (.npy) to build txtai's index from")
    add("--own-index", type=Path, help="folder of our release and embeddings, kept, and used again")
    add("--limit", type=int, help="how many documents, all by default")
    add("--duration", type=int, default=15, help="seconds of each load")
    add("--rounds", type=int, default=2, help="how often each load is repeated")
    add("--json", type=Path, help="file for all figures and versions")
    return Options(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    # Without it a terminated comparison would leave its servers behind: now every block ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        main(parse())
    except (LoadError, PeerError, OSError) as error:
        sys.exit(f"Error: {error}")
