"""Turn a retriever's hits into the response objects that the API and the terminal share."""

import time
from collections.abc import Sequence
from dataclasses import asdict

from indexer.encoder import Embedding
from service.question import Question
from service.retriever import Hit, Retriever
from service.schemas import (
    CanaryModel,
    HitModel,
    IndexInfo,
    IndexResponse,
    ListParameters,
    PracticePage,
    PracticeSummary,
    RelatedResponse,
    SearchRequest,
    SearchResponse,
    SimilarResponse,
    Sort,
)

_SCORE_DIGITS = 4


def search_response(
    retriever: Retriever, request: SearchRequest, question: Question, embedding: Embedding, started: float
) -> SearchResponse:
    """Return the answer to `request`; `embedding` is that of `question.encoder_text`.

    `started` is a `time.perf_counter()`.
    """
    hits = retriever.search(question, embedding, top_k=request.top_k, filters=request.filters)
    return SearchResponse(
        query=request.query,
        language=question.language,
        hits=hit_models(hits),
        facets=retriever.facets.counts(retriever.shown([hit.practice for hit in hits])),
        index=index_info(retriever),
        took_ms=elapsed_ms(started),
    )


def similar_response(retriever: Retriever, embedding: Embedding, top_k: int, started: float) -> SimilarResponse:
    """Return the practices nearest to the embedding of a programme that is not in the catalogue."""
    hits = hit_models(retriever.similar(embedding, top_k=top_k))
    return SimilarResponse(hits=hits, index=index_info(retriever), took_ms=elapsed_ms(started))


def related_response(retriever: Retriever, practice_id: str, top_k: int) -> RelatedResponse:
    """Return the practices nearest to a given one. Raises UnknownPracticeError."""
    return RelatedResponse(practice_id=practice_id, hits=hit_models(retriever.related(practice_id, top_k=top_k)))


def practice_page(retriever: Retriever, parameters: ListParameters) -> PracticePage:
    """Return one page of the practices that pass the filters; a page behind the last one is empty."""
    passing = retriever.facets.passing(parameters.filters())
    practices = [
        practice for row, practice in enumerate(retriever.release.parts.practices) if passing is None or passing[row]
    ]
    summaries = _sorted([PracticeSummary.model_validate(practice) for practice in practices], parameters.sort)
    start = (parameters.page - 1) * parameters.page_size
    shown = summaries[start : start + parameters.page_size]
    return PracticePage(
        total=len(summaries),
        page=parameters.page,
        pages=-(-len(summaries) // parameters.page_size),
        page_size=parameters.page_size,
        first=start + 1 if shown else 0,
        last=start + len(shown) if shown else 0,
        practices=shown,
    )


def index_response(retriever: Retriever) -> IndexResponse:
    """Return the manifest of the release that answers."""
    manifest = retriever.release.manifest
    plain = asdict(manifest)
    plain["canaries"] = [CanaryModel(text=canary.text, is_query=canary.is_query) for canary in manifest.canaries]
    return IndexResponse.model_validate(plain)


def index_info(retriever: Retriever) -> IndexInfo:
    """Return which release answers, with which encoder."""
    manifest = retriever.release.manifest
    return IndexInfo(release_id=manifest.release_id, encoder=manifest.encoder.identity)


def hit_models(hits: Sequence[Hit]) -> list[HitModel]:
    """Return hits as an answer shows them."""
    return [
        HitModel(
            rank=hit.rank,
            score=round(hit.score, _SCORE_DIGITS),
            practice=PracticeSummary.model_validate(hit.practice),
        )
        for hit in hits
    ]


def elapsed_ms(started: float) -> float:
    """Return the milliseconds since a `time.perf_counter()`."""
    return round((time.perf_counter() - started) * 1000, 1)


def _sorted(summaries: list[PracticeSummary], sort: Sort) -> list[PracticeSummary]:
    """Order by the sort key, then title, then id; what is not known comes last."""

    def key(practice: PracticeSummary) -> tuple[object, ...]:
        by_title = (practice.title.casefold(), practice.id)
        if sort == "country":
            return (practice.country is None, practice.country or "", *by_title)
        if sort == "evidence":
            return (practice.evidence_level is None, -(practice.evidence_level or 0), *by_title)
        if sort == "newest":
            return (practice.start_year is None, -(practice.start_year or 0), *by_title)
        return by_title

    return sorted(summaries, key=key)
