"""Turn the size of a catalogue, and what is asked, into disk, memory, time and replicas.

`python -m tests.benchmarks.sizing` prints the tables of SIZING.md. With `--measure` it builds releases of three sizes
instead, asks them, and prints what they take beside what is said here. MB are 10^6 bytes.
"""

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from statistics import median

from indexer.layout import MOST_BY_NEIGHBOURS
from indexer.practice import Practice
from indexer.release import Release, load_release
from indexer.vectors import MOST_EXACT, MOST_FULL
from service.encoder_queue import _LARGEST_BATCH
from service.retriever import Retriever
from service.schemas import SearchRequest

# Bytes that the format of a release fixes.
PRACTICE_BYTES = 80  # beside its record: places, ids, ranks, four orders, the map, when it changed, bounds of passages
POSTING_BYTES = 8  # a word of a practice
NAME_BYTES = 28
CODE_BYTES = 4
PASSAGE_BYTES = 8  # where it begins and ends
LIST_FACTOR = 2  # lists of an index that is not exact, over the square root of its windows

# Measured.
LIBRARIES_MB = 62  # mapped by every process: Python, numpy, faiss, onnxruntime
QUESTION_BYTES = 20  # scores of one question, a practice
FORKED_MB = 53  # the process that several workers are forked from
BUILD_MB = 230
BUILD_BYTES = 3_260  # a practice
COMPARED_MB = 205  # a block of sentences beside those that may say the same
COMPARED_FROM = 8_192  # sentences
BUILD_SECONDS = 1
BUILD_MS = 1.5  # a practice, without the encoder
MAP_MS = 6  # a practice, where the map is made by t-SNE
RUN_TOKENS = 10  # what a run of the encoder costs beside its tokens
HTTP_MS = 2.12  # of the loop, beside ranking: request, answer, hand over to the encoder and back
REMEMBERED_MS = 2.52  # of the loop, all of it, for a question that is remembered
RANK_MS = 2.73
SCAN_MS = 0.000327  # a window, where every one is compared in full width
HALVES_MS = 2.0
HALVES_SLOPE_MS = 0.000199  # a window, where every one is compared in half the width
LISTS_MS = 5.19
LISTS_SLOPE_MS = 0.00000503  # a practice, where lists are read
SPREAD = 0.22  # of the logarithm of the encoder's time: p99 over p50 of one client
SPREAD_P99 = math.exp(2.326 * SPREAD - SPREAD**2 / 2)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a practice has on average: passages, bytes of its record, words, names, codes, tokens of all its passages.

    `beside` are the bytes of a release that do not grow with its practices: glosses, probes, different words.
    """

    windows: float
    sentences: float
    record: float
    words: float
    names: float
    codes: float
    tokens: float
    beside: float


SHIPPED = Shape(1.01, 13.1, 2_195, 74.5, 3.6, 12.7, 534, 470_000)
PROJECTS = Shape(1.19, 3.17, 484, 31.9, 2.3, 2.6, 238, 1_600_000)


@dataclass(frozen=True, slots=True)
class EncoderCost:
    """What an encoder takes: MB on disk, of the first process and of one more worker; milliseconds of a core a token.

    Those of a question are of a service, whose threads wait for each other; those of a text of a build.
    """

    dim: int
    disk_mb: float
    own_mb: float
    worker_mb: float
    question_ms: float
    text_ms: float


DEFAULT = EncoderCost(dim=384, disk_mb=82.6, own_mb=183, worker_mb=38, question_ms=0.62, text_ms=0.66)
MINILM = EncoderCost(dim=384, disk_mb=67.4, own_mb=158, worker_mb=52, question_ms=0.41, text_ms=0.50)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A catalogue of `size` practices of a shape, and the encoder of its release."""

    size: int
    shape: Shape = PROJECTS
    encoder: EncoderCost = DEFAULT

    @property
    def windows(self) -> float:
        """Return how many windows there are."""
        return self.size * self.shape.windows

    @property
    def sentences(self) -> float:
        """Return how many sentences there are."""
        return self.size * self.shape.sentences

    @property
    def is_exact(self) -> bool:
        """Say whether every window is compared."""
        return self.windows <= MOST_EXACT


def lists_bytes(catalogue: Catalogue) -> float:
    """Return the bytes of the lists: half a byte for two dimensions, eight for a number, and centroids."""
    if catalogue.is_exact:
        return 0
    dim, windows = catalogue.encoder.dim, catalogue.windows
    return windows * (dim / 4 + 8) + LIST_FACTOR * math.sqrt(windows) * dim * 4


def read_bytes(catalogue: Catalogue) -> float:
    """Return the bytes of a release that are read and not mapped: two embeddings a sentence."""
    width = 4 if catalogue.sentences <= MOST_EXACT else 2
    return catalogue.sentences * 2 * width * catalogue.encoder.dim


def grown_bytes(catalogue: Catalogue) -> float:
    """Return the bytes of a release that grow with its catalogue."""
    shape, sentences, windows = catalogue.shape, catalogue.sentences, catalogue.windows
    of_sentences = read_bytes(catalogue) + sentences * (PASSAGE_BYTES + 1)
    of_windows = windows * ((4 if windows <= MOST_FULL else 2) * catalogue.encoder.dim + PASSAGE_BYTES)
    texts = shape.record + POSTING_BYTES * shape.words + NAME_BYTES * shape.names + CODE_BYTES * shape.codes
    return of_sentences + of_windows + lists_bytes(catalogue) + catalogue.size * (PRACTICE_BYTES + texts)


def disk_mb(catalogue: Catalogue) -> float:
    """Return the MB of a release, its encoder included."""
    return catalogue.encoder.disk_mb + (catalogue.shape.beside + grown_bytes(catalogue)) / 1e6


def own_mb(catalogue: Catalogue) -> float:
    """Return the MB of the first process that are its own: the lists are read, scores are made for each question."""
    return catalogue.encoder.own_mb + (lists_bytes(catalogue) + QUESTION_BYTES * catalogue.size) / 1e6


def cached_mb(catalogue: Catalogue) -> float:
    """Return the MB that the page cache holds once questions have needed all of a release; the kernel may drop them."""
    return LIBRARIES_MB + (grown_bytes(catalogue) - lists_bytes(catalogue)) / 1e6


def mapped_mb(catalogue: Catalogue) -> float:
    """Return those of them that count as memory of a process, at most: they are mapped, and not read."""
    return cached_mb(catalogue) - read_bytes(catalogue) / 1e6


def memory_mb(catalogue: Catalogue, workers: int = 1) -> float:
    """Return the MB that may not be dropped, with the libraries."""
    more = FORKED_MB + (workers - 1) * (catalogue.encoder.worker_mb + QUESTION_BYTES * catalogue.size / 1e6)
    return own_mb(catalogue) + LIBRARIES_MB + (more if workers > 1 else 0)


def build_mb(catalogue: Catalogue) -> float:
    """Return the MB of its own that a build takes at most, without the encoder's."""
    compared = COMPARED_MB * min(1, catalogue.sentences / COMPARED_FROM)
    return BUILD_MB + max(compared, BUILD_BYTES * catalogue.size / 1e6)


def build_seconds(catalogue: Catalogue, *, cores: int = 2) -> float:
    """Return the seconds of a first build; later ones encode only what has changed."""
    encoding = catalogue.size * catalogue.shape.tokens * catalogue.encoder.text_ms / cores
    mapping = catalogue.size * MAP_MS if catalogue.size <= MOST_BY_NEIGHBOURS else 0
    return BUILD_SECONDS + (catalogue.size * BUILD_MS + mapping + encoding) / 1000


def rank_ms(catalogue: Catalogue) -> float:
    """Return the milliseconds from embeddings to ten explained hits as JSON."""
    if catalogue.windows <= MOST_FULL:
        return RANK_MS + SCAN_MS * catalogue.windows
    if catalogue.is_exact:
        return HALVES_MS + HALVES_SLOPE_MS * catalogue.windows
    return LISTS_MS + LISTS_SLOPE_MS * catalogue.size


def loop_ms(catalogue: Catalogue) -> float:
    """Return the milliseconds of the event loop for an answer."""
    return HTTP_MS + rank_ms(catalogue)


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked: tokens of a question, and the share of questions that are remembered."""

    tokens: float = 23
    repeated: float = 0


def encode_ms(catalogue: Catalogue, demand: Demand, *, cores: int = 2, batch: int = 1) -> float:
    """Return the milliseconds of the encoder for one new question of a batch of so many, all cores at work."""
    return (demand.tokens + RUN_TOKENS / batch) * catalogue.encoder.question_ms / cores


def pace_ms(catalogue: Catalogue, demand: Demand, *, cores: int = 2) -> float:
    """Return the milliseconds from one answer to the next of a replica that is never idle, so that batches are full.

    Encoder and loop work at once, one thread more than there are cores: each at `cores / (cores + 1)` of its speed.
    """
    encode = (1 - demand.repeated) * encode_ms(catalogue, demand, cores=cores, batch=_LARGEST_BATCH)
    loop = (1 - demand.repeated) * loop_ms(catalogue) + demand.repeated * REMEMBERED_MS
    return max(encode, loop) + min(encode, loop) / cores


def p99_ms(catalogue: Catalogue, demand: Demand, utilisation: float) -> float:
    """Return what 99 of 100 answers take less than, at most, at a utilisation below 1.

    The tail of the wait of one queue in heavy traffic (Kingman, 1962, "On queues in heavy traffic"): exponential, with
    a mean of the pace times (1 + squared coefficient of variation) / 2 / (1 - utilisation). A balancer shortens it.
    """
    alone = encode_ms(catalogue, demand) * SPREAD_P99 + loop_ms(catalogue)
    mean = pace_ms(catalogue, demand) * (1 + SPREAD**2) / 2 / (1 - utilisation)
    return alone + max(0.0, mean * math.log(100 * utilisation))


def replicas(catalogue: Catalogue, demand: Demand, rate: float, *, most_p99_ms: float = 300) -> int:
    """Return how many replicas of two cores answer `rate` questions a second in time; one more may then fail."""
    needed = rate * pace_ms(catalogue, demand) / 1000
    return next(
        number
        for number in range(math.floor(needed) + 1, 100_000)
        if p99_ms(catalogue, demand, needed / number) <= most_p99_ms
    )


EXAMPLES = (
    Catalogue(75, SHIPPED),
    *(Catalogue(size) for size in (1_000, 27_000, 100_000, 2_000_000)),
)
RATES = (1, 50, 1_000)
SHARES = (0.0, 0.5)


def size_rows() -> Iterator[str]:
    """Yield the table of what catalogues take."""
    yield "| practices | disk MB | memory MB | 4 workers | cache MB | build s | build MB |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for one in EXAMPLES:
        sizes = (disk_mb(one), memory_mb(one), memory_mb(one, 4), cached_mb(one), build_seconds(one), build_mb(one))
        yield f"| {one.size:,} | {' | '.join(f'{number:,.0f}' for number in sizes)} |"


def large_rows() -> Iterator[str]:
    """Yield what is said of the releases that `tests.benchmarks.large` measured, and by how much it is wrong."""
    yield "| practices | disk MB | own MB | all MB | build s | build MB | rank ms |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for row in large_measured():
        said = said_of_large(int(row["practices"]))
        cells = [f"{said[name]:,.{int(name == 'p50')}f} ({error(said[name], row[name])})" for name in said]
        yield f"| {int(row['practices']):,} | {' | '.join(cells)} |"


def error(said: float, measured: float) -> str:
    """Return by how many per cent of what was measured it is wrong, with a sign."""
    return f"{round(said / measured - 1, 2) + 0.0:+.0%}"


def large_measured() -> list[dict[str, float]]:
    """Return the rows of the table of large releases, by the names of its columns; MB are 2^20 bytes there."""
    lines = (Path(__file__).parent / "README.md").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| practices | build s |"))
    names, rows = cells_of(lines[start]), takewhile(lambda line: line.startswith("|"), lines[start + 2 :])
    return [dict(zip(names, (float(cell.replace(",", "")) for cell in cells_of(row)), strict=True)) for row in rows]


def cells_of(row: str) -> list[str]:
    """Return the cells of a row of a table."""
    return [cell.strip() for cell in row.strip("|").split("|")]


def said_of_large(size: int) -> dict[str, float]:
    """Return what is said of a large release, by the names of the columns of the measured ones, with their MB."""
    one, mib = Catalogue(size, encoder=replace(MINILM, text_ms=0)), 2**20 / 1e6  # its embeddings were given
    return {
        "disk MB": disk_mb(one) / mib,
        "own MB": own_mb(one) / mib,
        "resident MB": (own_mb(one) + cached_mb(one)) / mib,
        "build s": build_seconds(one),
        "build, own MB": build_mb(one) / mib,
        "p50": rank_ms(one),
    }


def answer_rows() -> Iterator[str]:
    """Yield the table of what answers take, and how many replicas of two cores, one to spare included."""
    wanted = [(rate, Demand(repeated=share)) for rate in RATES for share in SHARES]
    titles = " | ".join(f"{rate:,} a s{', half repeated' if demand.repeated else ''}" for rate, demand in wanted)
    yield f"| practices | encode ms | loop ms | answers a s | a core | {titles} |"
    yield "|---:" * (5 + len(wanted)) + "|"
    for one in EXAMPLES:
        times = f"{encode_ms(one, Demand()):.1f} | {loop_ms(one):.1f}"
        answers = 1000 / pace_ms(one, Demand())
        counts = " | ".join(f"{replicas(one, demand, rate) + 1}" for rate, demand in wanted)
        yield f"| {one.size:,} | {times} | {answers:.0f} | {answers / 2:.0f} | {counts} |"


MEASURED_SIZES = (200, 1_000, 5_500)
_WORDS = 3_000  # different ones
_SENTENCES, _LENGTH = 9, 6
_ASKED = 300
_DIM = 128


def practices(size: int) -> list[Practice]:
    """Return practices of nine sentences of made words, always the same; ten sentences with the title."""
    choice = random.Random(size)
    words = ["".join(choice.choices("bdfgklmnprst", k=3)) + choice.choice("aeiou") for _ in range(_WORDS)]
    return [
        Practice(
            id=f"practice-{number}",
            title=" ".join(choice.choices(words, k=7)).capitalize(),
            description=" ".join(
                f"{' '.join(choice.choices(words, k=_LENGTH)).capitalize()}." for _ in range(_SENTENCES)
            ),
            country=choice.choice(("DE", "FR", "GR")),
        )
        for number in range(size)
    ]


def build(size: int, folder: Path) -> Release:
    """Return a release of so many practices by an encoder that counts words."""
    from indexer.build import build_release
    from indexer.embedding_cache import EmbeddingCache
    from tests.fakes import WordEncoder, fake_spec, small_source

    encoder, source = WordEncoder(fake_spec(dim=_DIM, max_tokens=48)), small_source(practices(size))
    cache = EmbeddingCache(folder / f"cache-{size}", encoder.spec.identity, _DIM)
    return build_release(source, encoder, releases=folder / f"{size}", cache=cache, progress=lambda *_: None)


def bytes_of(release: Release) -> int:
    """Return the bytes of the files of a release."""
    return sum(path.stat().st_size for path in release.folder.rglob("*") if path.is_file())


def shape_of(release: Release) -> Shape:
    """Return what practices of a release have on average; what it has beside them is what else is on the disk."""
    size, counts, folder = release.manifest.counts.practices, release.manifest.counts, release.folder

    def values(pattern: str) -> float:
        return sum((path.stat().st_size - 128) / 4 for path in folder.glob(pattern)) / size

    shape = Shape(
        windows=counts.windows / size,
        sentences=counts.sentences / size,
        record=(folder / "practices.jsonl").stat().st_size / size,
        words=values("lexical/rows.npy"),
        names=values("names/rows.npy"),
        codes=values("facets/*-rows.npy"),
        tokens=0,
        beside=0,
    )
    catalogue = Catalogue(size, shape, fake_cost(release, own_mb=0))
    return replace(shape, beside=bytes_of(release) - grown_bytes(catalogue))


def fake_cost(release: Release, *, own_mb: float) -> EncoderCost:
    """Return what an encoder takes that counts words."""
    dim = release.manifest.encoder.dim
    return EncoderCost(dim=dim, disk_mb=0, own_mb=own_mb, worker_mb=0, question_ms=0, text_ms=0)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a process takes after some questions: MB of its own and mapped, and milliseconds of ranking on its core.

    They are those that it worked, at the median: other programs on the machine make no difference.
    """

    own_mb: float
    mapped_mb: float
    rank_ms: float


def asked_in_own_process(release: Release) -> Asked:
    """Return what a new process takes that answers from a release."""
    command = [sys.executable, "-m", "tests.benchmarks.sizing", "--ask", str(release.folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2], env=environment
    )
    return Asked(**json.loads(done.stdout))


def ask(folder: Path) -> Asked:
    """Ask the release in a folder its own sentences, spread evenly, and return what it takes."""
    from service.answers import search_response
    from tests.benchmarks.large import memory_mb as memory_mib
    from tests.fakes import WordEncoder, fake_spec

    retriever = Retriever(load_release(folder))
    encoder = WordEncoder(fake_spec(dim=retriever.release.manifest.encoder.dim))
    table, spent = retriever.release.parts.practices, []
    for number in range(_ASKED):
        query = (table[number * len(table) // _ASKED].description or "").split(". ")[number % _SENTENCES]
        question = retriever.understand(query)
        embeddings = encoder.encode_queries(question.encoder_texts)
        started = time.process_time()
        search_response(retriever, SearchRequest(query=query), question, embeddings, started).model_dump_json()
        spent.append((time.process_time() - started) * 1000)
    own, mapped = (memory_mib(kind) * 1.048576 for kind in ("RssAnon", "RssFile"))
    return Asked(own, mapped, median(spent))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables of the page, or what is measured beside what is said."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--ask", type=Path)
    options = parser.parse_args(arguments)
    if options.ask:
        found = ask(options.ask)
        print(json.dumps({name: getattr(found, name) for name in Asked.__slots__}))
    elif options.measure:
        print_measured()
    else:
        print("\n".join([*size_rows(), "", *answer_rows(), "", *large_rows()]))


def print_measured() -> None:
    """Build three releases, ask them, and print measured / said; what is said of an encoder is of the smallest one."""
    shape: Shape | None = None
    print("| practices | disk MB | own MB | mapped MB | rank ms |\n|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for size in MEASURED_SIZES:
            release = build(size, Path(folder))
            found = asked_in_own_process(release)
            if shape is None:
                shape, first = shape_of(release), found
            said = Catalogue(size, shape, fake_cost(release, own_mb=first.own_mb))
            disk = f"{bytes_of(release) / 1e6:.2f} / {disk_mb(said):.2f}"
            own = f"{found.own_mb:.0f} / {own_mb(said):.0f}"
            mapped = f"{found.mapped_mb:.0f} / {mapped_mb(said):.0f}"
            print(f"| {size:,} | {disk} | {own} | {mapped} | {found.rank_ms:.1f} / {rank_ms(said):.1f} |", flush=True)


if __name__ == "__main__":
    main()
