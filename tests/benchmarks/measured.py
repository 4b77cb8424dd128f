"""Turn judged collections into the values of every question by every leg, with one encoder and an index built anew."""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Encoder
from indexer.passage_embeddings import all_windows, embed, passage_texts
from service.collection import Collection, JudgedQuery, read_beir, read_shipped_collection
from service.evaluate import MAIN_MEASURE, Run, Values, mean_values, search_all, search_all_plain, values_by_query
from service.retriever import Retriever

LEGS = ("lexical", "plain", "hybrid")
"""BM25 of the words; the cosine of texts cut off where the encoder stops reading; what the product does."""

OWN = "own"
OWN_PARTS = ("own-tuning", "own-held-out", "own-translations")
PUBLIC = (
    "feedbackqa-valid",
    "feedbackqa",
    "scifact",
    *(f"xquad/{language}-en" for language in ("de", "es", "el", "ro", "en")),
    "npl",
    "csfcube",
)
TUNING = frozenset({"own-tuning", "own-translations", "feedbackqa-valid"})
"""Parts that weights may be chosen by, so that their figures say nothing about other questions."""


@dataclass(frozen=True, slots=True)
class Part:
    """Questions of one collection that are reported together: leg -> query id -> measure -> value.

    `base_of` is the question that a query says the same as, itself where it is no translation. `seconds` are those of
    the whole collection: index and all legs.
    """

    name: str
    values: Mapping[str, Mapping[str, Values]]
    base_of: Mapping[str, str]
    seconds: float

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self.base_of)

    def means(self, leg: str) -> Values:
        """Return the mean of each measure."""
        return mean_values(self.values[leg].values())

    def main_values(self, leg: str) -> Mapping[str, float]:
        """Return query id -> nDCG@10."""
        return {query_id: values[MAIN_MEASURE] for query_id, values in self.values[leg].items()}

    def differences(self, leg: str, other: str) -> list[float]:
        """Return what nDCG@10 of `leg` has above that of `other`, one number for each question and its translations.

        Translations of one question rise and fall together: as 24 questions they would make luck look like a proof.
        """
        by_base = defaultdict(list)
        other_values = self.main_values(other)
        for query_id, value in self.main_values(leg).items():
            by_base[self.base_of[query_id]].append(value - other_values[query_id])
        return [fmean(differences) for differences in by_base.values()]


def read_collections(folder: Path | None, catalogue: Path) -> Iterator[tuple[str, Collection]]:
    """Yield the name and content of the shipped collection and of the public ones; one that is absent is named."""
    yield OWN, read_shipped_collection(catalogue)
    for name in PUBLIC:
        if folder is not None and (folder / name).is_dir():
            yield name, read_beir(folder / name)
        else:
            place = f"is not in {folder}" if folder else "needs a folder of public collections and none is given"
            print(f"SKIPPED: {name} {place}", file=sys.stderr)


def measure_collection(name: str, collection: Collection, encoder: Encoder, cache: EmbeddingCache) -> list[Part]:
    """Return the parts of a collection, each with its values by every leg."""
    started = time.perf_counter()
    # Always built anew: the id of a release knows its catalogue and encoder, and not the code that built it.
    with TemporaryDirectory() as releases:
        runs = {"plain": plain_run(collection, encoder, cache)}
        release = build_release(collection.source, encoder, releases=Path(releases), cache=cache, progress=report)
        for leg in ("lexical", "hybrid"):
            runs[leg] = search_all(collection.queries, Retriever(release, leg=leg), encoder)
    return parts(name, collection, runs, seconds=time.perf_counter() - started)


def report(done: int, total: int) -> None:
    """Say on a terminal how many passages are encoded, in one line that is written over."""
    if sys.stderr.isatty():
        print(f"\r{done} of {total} passages encoded", end="\n" if done == total else "", file=sys.stderr, flush=True)


def plain_run(collection: Collection, encoder: Encoder, cache: EmbeddingCache) -> Run:
    """Return the run of the leg `plain`, as the command `evaluate` makes it."""
    practices = collection.source.practices
    windows = all_windows(practices, encoder)
    texts = passage_texts(practices, windows)
    embeddings = embed([texts[first] for first in windows.bounds[:-1]], encoder, cache, report)
    return search_all_plain(collection, encoder, embeddings)


def parts(name: str, collection: Collection, runs: Mapping[str, Run], *, seconds: float) -> list[Part]:
    """Return the values of some runs by part of the collection; questions without judgements are in none."""
    values = {leg: values_by_query(collection, run) for leg, run in runs.items()}
    members: dict[str, dict[str, str]] = defaultdict(dict)
    for query in collection.queries:
        if query.query_id in collection.qrels:
            members[_part_name(name, query)][query.query_id] = query.base or query.query_id
    return [
        Part(
            name=part,
            values={leg: {query_id: values[leg][query_id] for query_id in base_of} for leg in runs},
            base_of=base_of,
            seconds=seconds,
        )
        for part, base_of in members.items()
    ]


def _part_name(name: str, query: JudgedQuery) -> str:
    if name != OWN:
        return name
    if query.base:
        return "own-translations"
    return "own-held-out" if query.is_held_out else "own-tuning"
