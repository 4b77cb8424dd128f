"""Print what an index of n vectors takes and finds: `python -m tests.benchmarks.vector_sizes --sizes 10000 1000000`.

The vectors are synthetic: 384 dimensions, unit length, from a mixture of 5,000 Gaussians, which are clustered as text
is; the questions are drawn from the same mixture and are not in the index. Every size is measured in a process of its
own, one search after another. `exact`: all rows of this index compared; `Flat`: all rows of one of float32 rows, which
is what a small index is. Times in brackets are those of the processor: they bear other programs on the same machine.
"""

import argparse
import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from indexer.encoder import Embeddings, unit_rows
from indexer.vectors import MOST_EXACT, Rows, VectorIndex

SIZES = (1_000, 10_000, 50_000, 100_000, 300_000)
DIM = 384
GAUSSIANS = 5_000
SPREAD = 0.7  # length of the noise by that of a centre: rows of one Gaussian have a cosine of about .67
BLOCK = 50_000
QUESTIONS = 200
SEARCHES = 1_000
COUNT = 400  # rows that the retriever asks for first
SHARES = (0.01, 0.1, 0.5)


@dataclass(frozen=True, slots=True)
class Milliseconds:
    """Median and 95th percentile of the time of one search, and the median of what the processor worked for it."""

    p50: float
    p95: float
    work: float

    def __str__(self) -> str:
        return f"{self.p50:.2f} / {self.p95:.2f} ({self.work:.2f})"


@dataclass(frozen=True, slots=True)
class Measured:
    """What one size takes and finds. `build_mb` is the most that the build had for itself, mapped files not counted;
    `own_mb` and `mapped_mb` are those of a process that opened the index and searched 1,000 times, above an empty one.
    """

    size: int
    index: str
    parameters: dict[str, int]
    calibrated_recall: float
    build_seconds: float
    build_mb: float
    disk_mb: float
    open_seconds: float
    own_mb: float
    mapped_mb: float
    recall_at_10: float
    recall_at_100: float
    search_ten: Milliseconds
    search: Milliseconds
    exact: Milliseconds
    flat: Milliseconds
    filtered: dict[str, Milliseconds]
    take: Milliseconds


def write_vectors(path: Path, size: int) -> Embeddings:
    """Write `size` rows as float16, block by block; return the questions (QUESTIONS, DIM)."""
    generator = np.random.default_rng(1)
    centres = unit_rows(generator.normal(size=(GAUSSIANS, DIM)).astype(np.float32))

    def draw(count: int) -> Embeddings:
        noise = generator.standard_normal((count, DIM), dtype=np.float32) * np.float32(SPREAD / np.sqrt(DIM))
        return unit_rows(centres[generator.integers(0, GAUSSIANS, count)] + noise)

    rows = np.lib.format.open_memmap(path, "w+", np.float16, (size, DIM))
    for start in range(0, size, BLOCK):
        rows[start : start + BLOCK] = draw(min(BLOCK, size - start))
    rows.flush()
    return draw(QUESTIONS)


def memory_mb(name: str) -> float:
    """Return a line of /proc/self/status, such as RssAnon, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


class Peak:
    """The most memory of its own that this process has while a block of code runs, looked at every 20 ms."""

    def __enter__(self) -> "Peak":
        self._before = self.most = memory_mb("RssAnon")
        self._is_done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_done.wait(0.02):
            self.most = max(self.most, memory_mb("RssAnon"))

    @property
    def above_start(self) -> float:
        return self.most - self._before


def timed(search: Callable[[Embeddings], object], questions: Embeddings, seconds: float = 5) -> Milliseconds:
    """Return the time of a search over the questions, or as many of them as there is time for."""
    search(questions[0])
    taken, worked = [], []
    for question in questions:
        started, work = time.perf_counter(), time.process_time()
        search(question)
        worked.append((time.process_time() - work) * 1e3)
        taken.append((time.perf_counter() - started) * 1e3)
        if sum(taken) > seconds * 1e3:
            break
    p50, p95 = np.percentile(taken, [50, 95]).tolist()
    return Milliseconds(p50, p95, work=float(np.median(worked)))


def build(folder: Path) -> tuple[float, float]:
    """Build the index of the rows in `folder`; return the seconds and the most memory in MB."""
    rows = np.load(folder / "rows.npy", mmap_mode="r")
    started = time.perf_counter()
    with Peak() as peak:
        VectorIndex.build(rows, folder / "index")
    taken = time.perf_counter() - started, peak.above_start
    VectorIndex.build(rows, folder / "flat", most_exact=len(rows))
    return taken


def measure(folder: Path, build_seconds: float, build_mb: float) -> Measured:
    """Return what the index in `folder` takes and finds."""
    questions = np.load(folder / "questions.npy")
    before = memory_mb("RssAnon"), memory_mb("RssFile")
    started = time.perf_counter()
    index = VectorIndex.load(folder / "index")
    open_seconds = time.perf_counter() - started
    for at in range(SEARCHES):
        index.search(questions[at % QUESTIONS], COUNT)
    own_mb, mapped_mb = memory_mb("RssAnon") - before[0], memory_mb("RssFile") - before[1]
    generator = np.random.default_rng(2)
    every = np.ones(index.size, dtype=np.bool_)
    filtered = {}
    for share in SHARES:
        allowed = generator.random(index.size) < share
        filtered[f"{share:.0%}"] = timed(lambda one, allowed=allowed: index.search(one, COUNT, allowed), questions)
    flat = VectorIndex.load(folder / "flat")
    picked = generator.integers(0, index.size, COUNT)
    return Measured(
        size=index.size,
        index=index.record.name,
        parameters=dict(index.record.parameters),
        calibrated_recall=index.record.recall_at_10,
        build_seconds=build_seconds,
        build_mb=build_mb,
        disk_mb=sum(path.stat().st_size for path in (folder / "index").iterdir()) / 2**20,
        open_seconds=open_seconds,
        own_mb=own_mb,
        mapped_mb=mapped_mb,
        recall_at_10=recall(index, questions, every, 10),
        recall_at_100=recall(index, questions, every, 100),
        search_ten=timed(lambda one: index.search(one, 10), questions),
        search=timed(lambda one: index.search(one, COUNT), questions),
        exact=timed(lambda one: index.search(one, COUNT, every), questions),
        flat=timed(lambda one: flat.search(one, COUNT), questions),
        filtered=filtered,
        take=timed(lambda _: index.take(picked), questions),
    )


def recall(index: VectorIndex, questions: Embeddings, every: np.ndarray, depth: int) -> float:
    """Return the share of the `depth` nearest rows that are among the first `depth` of COUNT."""

    def first(found: tuple[Rows, object]) -> set[int]:
        return set(found[0][:depth].tolist())

    # A mask, even one that allows all, makes the index compare every row.
    shares = [
        len(first(index.search(one, COUNT)) & first(index.search(one, COUNT, every))) / min(depth, index.size)
        for one in questions
    ]
    return float(np.mean(shares))


def measure_size(size: int) -> Measured:
    """Return the figures of one size, made by three processes: one writes, one builds, one searches."""
    with TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name)
        context = multiprocessing.get_context("spawn")

        def alone(function: Callable[..., object], *arguments: object) -> object:
            with context.Pool(1) as pool:
                return pool.apply(function, arguments)

        np.save(folder / "questions.npy", alone(write_vectors, folder / "rows.npy", size))
        build_seconds, build_mb = alone(build, folder)
        return alone(measure, folder, build_seconds, build_mb)


COLUMNS: dict[str, Callable[[Measured], str]] = {
    "vectors": lambda one: f"{one.size:,}",
    "index": lambda one: one.index.split(" + ")[0],
    "lists read / rows scored": lambda one: (
        f"{one.parameters['nprobe']} / {one.parameters['rescored']}" if one.parameters else "-"
    ),
    "build s": lambda one: f"{one.build_seconds:.1f}",
    "build MB": lambda one: f"{one.build_mb:.0f}",
    "disk MB": lambda one: f"{one.disk_mb:.0f}",
    "open s": lambda one: f"{one.open_seconds:.3f}",
    "own / mapped MB": lambda one: f"{one.own_mb:.0f} / {one.mapped_mb:.0f}",
    "recall@10 (calibrated)": lambda one: f"{one.recall_at_10:.3f} ({one.calibrated_recall:.3f})",
    "recall@100": lambda one: f"{one.recall_at_100:.3f}",
    "10 rows": lambda one: str(one.search_ten),
    "400 rows": lambda one: str(one.search),
    "400, exact": lambda one: str(one.exact),
    "400, Flat": lambda one: str(one.flat),
    **{f"400 of {share:.0%}": lambda one, share=share: str(one.filtered[f"{share:.0%}"]) for share in SHARES},
    "take 400": lambda one: str(one.take),
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of vectors")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    options = parser.parse_args(arguments)
    print(
        f"{os.cpu_count()} cores, {os.environ.get('OMP_NUM_THREADS', 'all')} threads; times are p50 / p95 (work) in ms"
    )
    print(f"up to {MOST_EXACT:,} rows every row is compared\n")
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    results = []
    for size in options.sizes:
        results.append(measure_size(size))
        print(f"| {' | '.join(cell(results[-1]) for cell in COLUMNS.values())} |", flush=True)
    print(f"\nload of the machine at the end: {os.getloadavg()[0]:.1f}", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in results], indent=1) + "\n")


if __name__ == "__main__":
    main()
