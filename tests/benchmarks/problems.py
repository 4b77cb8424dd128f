"""Print how long descriptions are taken apart: `python -m tests.benchmarks.problems`, tuning and held out.

`roles`: share of sentences whose role is told right. `ARI`: adjusted Rand index of aspects against needs, over the
sentences of a need. `needs met`: share of the needs for which a practice that addresses them is in the smallest set, or
among as many first hits of the whole text; `in an aspect`: among the first three of an aspect.
"""

import json
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from sklearn.metrics import adjusted_rand_score

from indexer.encoder import Encoder
from indexer.shipped import shipped_path
from service.aspects import Aspect, coverage, find_aspects
from service.loading import load_current_release
from service.release_encoder import load_release_encoder
from service.retriever import Retriever
from service.settings import Settings

FILES = {"tuning": "data/qrels/problems.jsonl", "held out": "data/qrels/held-out-problems.jsonl"}


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one description; `set_size` is the number of practices in the smallest set."""

    roles: float
    ari: float
    aspects: int
    set_size: int
    met_by_set: float
    met_by_hits: float
    met_by_aspect: float


def measured(problem: dict[str, Any], retriever: Retriever, encoder: Encoder) -> Result:
    """Return what comes of one description."""
    sentences = problem["sentences"]
    text = " ".join(one["text"] for one in sentences)
    question = retriever.understand(text)
    embeddings = encoder.encode_queries(question.encoder_texts)
    aspects = find_aspects(retriever, question, embeddings, retriever.topic(question, embeddings))
    chosen = coverage(aspects).smallest_set
    hits = [hit.practice.id for hit in retriever.rank(question, embeddings, top_k=max(1, len(chosen)))]
    first_three = {hit.practice.id for aspect in aspects for hit in aspect.hits[:3]}
    found = places(aspects, text, sentences)
    needed = [at for at, one in enumerate(sentences) if one["need"]]
    # A sentence that belongs to no aspect was taken for one of the role 'other'.
    roles = [found[at][1] if at in found else "other" for at in range(len(sentences))]
    return Result(
        roles=fmean(role == one["role"] for role, one in zip(roles, sentences, strict=True)),
        ari=adjusted_rand_score(
            [sentences[at]["need"] for at in needed], [found[at][0] if at in found else -1 for at in needed]
        ),
        aspects=len(aspects),
        set_size=len(chosen),
        met_by_set=met(problem, chosen),
        met_by_hits=met(problem, hits),
        met_by_aspect=met(problem, first_three),
    )


def places(aspects: list[Aspect], text: str, sentences: list[dict[str, Any]]) -> dict[int, tuple[int, str | None]]:
    """Return for each sentence that an aspect has its number, and the aspect's number and the role."""
    starts, offset = [], 0
    for one in sentences:
        offset = text.index(one["text"], offset)
        starts.append(offset)
    return {
        max(at for at, start in enumerate(starts) if start <= part.start): (number, role)
        for number, aspect in enumerate(aspects)
        for part, role in zip(aspect.parts, aspect.roles, strict=True)
    }


def met(problem: dict[str, Any], practice_ids) -> float:
    """Return the share of the needs that one of the practices addresses."""
    return fmean(not set(relevant).isdisjoint(practice_ids) for relevant in problem["needs"].values())


def main() -> None:
    """Print one row a file."""
    settings = Settings()
    release = load_current_release(settings)
    retriever, encoder = Retriever(release), load_release_encoder(release.folder, settings)
    print("| descriptions | | roles | ARI | aspects | set | needs met by it | by as many hits | in an aspect |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, path in FILES.items():
        problems = [json.loads(line) for line in shipped_path(path).read_text(encoding="utf-8").splitlines()]
        results = [measured(problem, retriever, encoder) for problem in problems]
        values = [fmean(getattr(one, field) for one in results) for field in Result.__slots__]
        digits = (3, 3, 1, 1, 3, 3, 3)
        cells = [f"{value:.{digit}f}" for value, digit in zip(values, digits, strict=True)]
        print(f"| {name} | {len(problems)} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
