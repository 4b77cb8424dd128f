"""Print what an answer costs once its question is encoded: `python -m tests.benchmarks.answering`.

Median milliseconds over the judged questions, and over the long descriptions of problems, with ten hits each. Shared
machines are noisy: read the shares, not the digits.
"""

import json
import time
from collections import defaultdict
from statistics import median

from indexer.shipped import shipped_path
from service.aspects import coverage, find_aspects
from service.collection import read_shipped_collection
from service.explain import Explainer
from service.loading import load_current_release, load_release_encoder
from service.retriever import Retriever
from service.settings import Settings

STAGES = ("understand", "rank", "explain ten hits", "aspects and coverage")
_QUESTIONS = 60


def problems() -> list[str]:
    """Return the long descriptions for tuning."""
    lines = shipped_path("data/qrels/problems.jsonl").read_text(encoding="utf-8").splitlines()
    return [" ".join(one["text"] for one in json.loads(line)["sentences"]) for line in lines]


def measured(texts: list[str], retriever: Retriever, encoder) -> dict[str, float]:
    """Return the median milliseconds of each stage."""
    spent: dict[str, list[float]] = defaultdict(list)
    for text in texts:
        asked = time.perf_counter()
        question = retriever.understand(text)
        understood = time.perf_counter()
        embeddings = encoder.encode_queries(question.encoder_texts)
        started = time.perf_counter()
        hits = retriever.rank(question, embeddings, top_k=10)
        ranked = time.perf_counter()
        explainer = Explainer(retriever, question, embeddings)
        for hit in hits:
            explainer.explain(hit)
        explained = time.perf_counter()
        coverage(find_aspects(retriever, question, embeddings, retriever.topic(question, embeddings)))
        ended = time.perf_counter()
        spans = (understood - asked, ranked - started, explained - ranked, ended - explained)
        for stage, seconds in zip(STAGES, spans, strict=True):
            spent[stage].append(seconds * 1000)
    return {stage: median(values) for stage, values in spent.items()}


def main() -> None:
    """Print one row a stage."""
    settings = Settings()
    release = load_current_release(settings)
    retriever, encoder = Retriever(release), load_release_encoder(release, settings)
    queries = [query.text for query in read_shipped_collection(settings.catalogue).queries if not query.base]
    short, long = measured(queries[:_QUESTIONS], retriever, encoder), measured(problems(), retriever, encoder)
    print("| ms | question | long description |")
    print("|---|---|---|")
    for stage in STAGES:
        print(f"| {stage} | {short[stage]:.1f} | {long[stage]:.1f} |")


if __name__ == "__main__":
    main()
