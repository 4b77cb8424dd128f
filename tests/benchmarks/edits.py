"""Print how long a change by API takes to be in a release, by the size of the catalogue.

    python -m tests.benchmarks.edits [SIZE ...]

The catalogue is the shipped one, repeated with other ids and titles. The process that builds is warm, as beside a
service; a worker answers by the new release within a second more. The first build encodes the titles, which takes long.
"""

import statistics
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from indexer.build import build_release
from indexer.edits import Edit
from indexer.embedding_cache import EmbeddingCache
from indexer.practice import Practice
from indexer.shipped import shipped_path
from indexer.source import CatalogueSource, read_source
from service.journal import Journal
from service.loading import load_encoder
from service.rebuilding import SLOW_IMPORTS, Rebuilding
from service.settings import Settings

SIZES = (75, 1_000, 5_000, 15_000)
_CHANGES = 5


def repeated(size: int) -> CatalogueSource:
    """Return the shipped catalogue with as many practices as are asked for."""
    source = read_source(shipped_path("data/catalogue/practices.jsonl"))
    practices = [
        one if number == 0 else one.model_copy(update={"id": f"{one.id}-{number}", "title": f"{one.title} {number}"})
        for number in range(-(-size // len(source.practices)))
        for one in source.practices
    ]
    return CatalogueSource(
        source.name, practices[:size], source.vocabulary, source.thesaurus, source.probes, source.roles
    )


def seconds_of_changes(size: int, folder: Path) -> list[float]:
    """Return how long each of some changes took, one after the other."""
    settings = Settings(releases=folder / "releases", state=folder / "state", kept_releases=2)
    encoder = load_encoder(settings.encoder, settings)
    cache = EmbeddingCache(settings.cache, encoder.spec.identity, encoder.spec.dim)
    build_release(repeated(size), encoder, releases=settings.releases, cache=cache, progress=lambda *_: None)
    rebuilding, journal, found = Rebuilding(settings), Journal(settings.journal), []
    for number in range(_CHANGES + 1):
        practice = Practice(id=f"new-{number}", title=f"A new programme for apprentices, number {number}")
        with journal.writing() as writer:
            writer.append(Edit(practice.id, practice), None, "benchmark")
        started = time.perf_counter()
        rebuilding.apply()
        found.append(time.perf_counter() - started)
    return found[1:]  # the first one loads the encoder


def main(sizes: list[int]) -> None:
    """Measure and print a table."""
    for name in SLOW_IMPORTS:
        import_module(name)
    print("| practices | seconds, median | longest |\n|---:|---:|---:|")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            found = seconds_of_changes(size, Path(folder))
        print(f"| {size:,} | {statistics.median(found):.1f} | {max(found):.1f} |", flush=True)


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]] or [*SIZES])
