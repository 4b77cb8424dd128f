"""What a release holds and how good its answers are: what the page about the service says."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from indexer.description import Description
from indexer.shipped import shipped_path
from service.pages.choices import Choice
from service.retriever import Retriever
from service.verdicts import ELSEWHERE
from service.wording import SEVERAL_COUNTRIES, Wording

MEASURED_FILE = "data/qrels/measured.json"
"""What `practices evaluate --json` printed for the shipped catalogue."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Measured quality on held-out questions: shares in [0, 1], and nDCG@10."""

    questions: int
    languages: int
    refused: float
    traps_called_good: float
    called_good: float
    ndcg: float


@dataclass(frozen=True, slots=True)
class About:
    """Counts over all practices, the release, and `quality` where it was measured with this catalogue and encoder.

    `countries` holds 'several countries' too, `single_countries` counts the others. `evidence` is in order of level.
    """

    practices: int
    sources: int
    single_countries: int
    countries: tuple[Choice, ...]
    evidence: tuple[Choice, ...]
    effects: tuple[Choice, ...]
    is_shipped: bool
    description: Description
    release_id: str
    built_on: date
    encoder: str
    quality: Quality | None


def about(retriever: Retriever, wording: Wording) -> About:
    """Return what a release holds, labels in the reader's language."""
    manifest, practices = retriever.release.manifest, retriever.release.parts.practices
    facets = retriever.facets.counts()

    def counted(field: str) -> tuple[Choice, ...]:
        return tuple(
            Choice(one.value, wording.label(field, one.value, one.label), one.count, is_chosen=False)
            for one in facets[field]
        )

    return About(
        practices=len(practices),
        sources=manifest.counts.sources,
        single_countries=count_countries(retriever),
        countries=counted("country"),
        evidence=tuple(sorted(counted("evidence_level"), key=lambda choice: choice.value)),
        effects=counted("effect"),
        is_shipped="cedefop-starting-list" in retriever.release.parts.facets.values("listed_in"),
        description=retriever.release.parts.description,
        release_id=manifest.release_id,
        built_on=datetime.fromisoformat(manifest.created_at).date(),
        encoder=manifest.encoder.identity,
        quality=_quality(manifest.catalogue_sha256, manifest.encoder.identity),
    )


def count_countries(retriever: Retriever) -> int:
    """Return from how many countries there are practices; 'several countries' is none."""
    return sum(facet.value != SEVERAL_COUNTRIES for facet in retriever.facets.counts()["country"])


@cache
def _quality(catalogue_sha256: str, encoder: str) -> Quality | None:
    """Return the measured quality; None where it is that of another catalogue or encoder."""
    if not shipped_path(MEASURED_FILE).exists():
        return None
    measured = json.loads(shipped_path(MEASURED_FILE).read_text(encoding="utf-8"))
    if (measured["catalogue_sha256"], measured["encoder"]) != (catalogue_sha256, encoder):
        return None
    (verdict,) = (one for one in measured["verdicts"] if one["group"] == "held-out")
    (order,) = (one for one in measured["rows"] if one["group"] == "held-out")
    good: dict[str, float] = verdict["good"]
    return Quality(
        questions=verdict["questions"],
        languages=verdict["languages"],
        refused=verdict["refused"],
        traps_called_good=max(good[kind] for kind in ELSEWHERE),
        called_good=max(share for kind, share in good.items() if kind not in ELSEWHERE),
        ndcg=order["nDCG@10"],
    )
