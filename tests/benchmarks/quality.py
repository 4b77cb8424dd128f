"""Measure the search on the shipped and the public judged collections and print the tables of the measures.

Usage: python -m tests.benchmarks.quality [COLLECTIONS] [--write-baselines]

The encoder is that of PRACTICES_ENCODER, else the default one; it is loaded once and its embeddings are kept.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from indexer.embedding_cache import EmbeddingCache
from indexer.queries_once import QueriesOnce
from indexer.registry import DEFAULT_ENCODER
from service.evaluate import MAIN_MEASURE, MEASURES
from service.loading import load_encoder
from service.settings import Settings
from tests.benchmarks.baselines import BaselineError, baseline_of, read_baseline, write_baseline
from tests.benchmarks.measured import LEGS, TUNING, Part, measure_collection, read_collections
from tests.benchmarks.significance import PERMUTATIONS, holm, paired_p

OTHERS = ("plain", "lexical")
"""What hybrid is compared with."""

P_VALUES = (
    f"p: two-sided paired randomisation test over the questions' nDCG@10 (scipy.stats.permutation_test, samples, "
    f"{PERMUTATIONS:,} permutations, fixed seed; a question and its translations are one), with Holm's correction over "
    "all comparisons of the table."
)


def main(folder: Path | None, *, has_to_write: bool) -> None:
    """Measure everything, print the tables, and write the baselines if asked to."""
    settings = Settings()
    loaded = load_encoder(settings.encoder, settings)
    identity = loaded.spec.identity
    cache = EmbeddingCache(settings.cache, identity, loaded.spec.dim)
    encoder = QueriesOnce(loaded, cache.of_queries())
    measured: list[Part] = []
    for name, collection in read_collections(folder, settings.catalogue):
        counts = f"{len(collection.source.practices)} documents, {len(collection.queries)} queries"
        print(f"{name}: {counts}", file=sys.stderr, flush=True)
        measured += measure_collection(name, collection, encoder, cache)
    print(f"Encoder {identity}\n\n{comparison_table(measured)}\n\n{P_VALUES}\n\n{hybrid_table(measured, identity)}")
    if has_to_write:
        for part in measured:
            write_baseline(baseline_of(part, identity))


def comparison_table(measured: Sequence[Part]) -> str:
    """Return nDCG@10 of every leg, and what hybrid has above the others."""
    p_values = holm(
        {(part.name, leg): paired_p(part.differences("hybrid", leg)) for part in measured for leg in OTHERS}
    )
    header = [
        "collection",
        "questions",
        *(f"{MAIN_MEASURE} {leg}" for leg in LEGS),
        *(f"hybrid - {leg}" for leg in OTHERS),
    ]
    rows = []
    for part in measured:
        means = {leg: part.means(leg)[MAIN_MEASURE] for leg in LEGS}
        compared = [f"{means['hybrid'] - means[leg]:+.3f} ({shown_p(p_values[part.name, leg])})" for leg in OTHERS]
        rows.append([label(part), str(len(part)), *(f"{means[leg]:.3f}" for leg in LEGS), *compared])
    return markdown(header, rows)


def hybrid_table(measured: Sequence[Part], encoder: str) -> str:
    """Return every measure of hybrid, its change since the baseline, and the seconds of the whole collection."""
    header = ["hybrid", *map(str, MEASURES), f"{MAIN_MEASURE} - baseline", "seconds"]
    rows = []
    for part in measured:
        means = part.means("hybrid")
        rows.append(
            [label(part), *(f"{means[str(one)]:.3f}" for one in MEASURES), change(part, encoder), f"{part.seconds:.0f}"]
        )
    return markdown(header, rows)


def change(part: Part, encoder: str) -> str:
    """Return what nDCG@10 of hybrid has above the baseline; empty where there is none of this encoder."""
    try:
        baseline = read_baseline(part.name)
    except BaselineError:
        return ""
    if baseline.encoder != encoder:
        return ""
    return f"{part.means('hybrid')[MAIN_MEASURE] - baseline.legs['hybrid'][MAIN_MEASURE]:+.4f}"


def label(part: Part) -> str:
    """Return the name of a part for a table, marked where it was used for tuning."""
    return f"{part.name} (tuning)" if part.name in TUNING else part.name


def shown_p(p_value: float) -> str:
    """Return a p value as a table shows it."""
    return "p < .001" if p_value < 0.001 else f"p {p_value:.3f}"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, numbers to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="?", type=Path, help="folder of the public collections")
    parser.add_argument(
        "--write-baselines", action="store_true", help="keep the measures as what later ones must reach"
    )
    arguments = parser.parse_args()
    if arguments.write_baselines and Settings().encoder != DEFAULT_ENCODER:
        parser.error(f"baselines are of the default encoder '{DEFAULT_ENCODER}', not of '{Settings().encoder}'")
    main(arguments.collections, has_to_write=arguments.write_baselines)
