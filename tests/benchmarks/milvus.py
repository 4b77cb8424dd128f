"""How long one search takes by Milvus and by the release's own index, on the same rows: `--uri` says which Milvus.

Without `--uri` it is milvus-lite. Rows are a mixture of Gaussians as wide as the default encoder's.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from indexer.encoder import Embedding, unit_rows
from indexer.vectors import MOST_EXACT, Allowed, Vectors
from service.filters import FacetTable, Filters
from tests.fakes import WordEncoder, small_source
from tests.milvus import collections, milvus_uri, release_of
from tests.test_build import build, tiny_spec

DIM, CENTRES, QUESTIONS, COUNT = 384, 1_000, 100, 400


def mixture(count: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(CENTRES, DIM)).astype(np.float32)
    noise = generator.normal(size=(count, DIM)).astype(np.float32)
    return unit_rows(centres[generator.integers(CENTRES, size=count)] + 0.6 * noise)


def milliseconds(search: Callable[[Embedding], object]) -> float:
    """Return the median of many searches, after a few that are not counted."""
    took = []
    for question in mixture(QUESTIONS, 1):
        started = time.perf_counter()
        search(question)
        took.append(time.perf_counter() - started)
    return 1000 * median(took[10:])


def main() -> None:
    """Print a line of Markdown a kind of question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uri", default="")
    parser.add_argument("--rows", type=int, default=20_000)
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        small = build(folder, small_source(), WordEncoder(tiny_spec()))
        release = release_of(mixture(arguments.rows, 0), small, folder / "rows", most_exact=MOST_EXACT)
        held = collections(arguments.uri or milvus_uri(folder))
        started = time.perf_counter()
        held.hold(release)
        seconds = time.perf_counter() - started
        both: tuple[Vectors, Vectors] = (release.parts.vectors, held.opened(release).parts.vectors)
        print(f"{arguments.rows} rows held after {seconds:.0f} s; {both[1].record}")
        for filters in (Filters(), Filters(region=tuple(release.parts.facets.values("region")[:10]))):
            passing = FacetTable(release.parts.facets, {}).passing(filters)
            allowed = None if passing is None else Allowed(passing, filters.conditions())
            own, milvus = (
                milliseconds(lambda question, one=one, allowed=allowed: one.search(question, COUNT, allowed))
                for one in both
            )
            print(f"| {arguments.rows} | {len(filters.region)} % | {own:.1f} | {milvus:.1f} | {milvus / own:.1f} |")
        held.remove([release.manifest.release_id])


if __name__ == "__main__":
    main()
