"""Turn a retriever's hits into the response objects that the API and the terminal share."""

import time
from dataclasses import asdict
from functools import partial

from indexer.encoder import Embedding, Embeddings
from indexer.question import Question
from service.aspects import Aspect, Coverage, coverage, find_aspects
from service.encoder_queue import EncoderQueue
from service.explain import Explainer, Explanation
from service.insights import note_asked
from service.phrases import verdict_phrase
from service.redaction import Asked
from service.related import related
from service.retriever import Hit, Retriever
from service.schemas import (
    AspectModel,
    AspectPartModel,
    CanaryModel,
    CoverageModel,
    CoverageRow,
    ExplanationModel,
    HitModel,
    IndexInfo,
    IndexResponse,
    ListParameters,
    PracticePage,
    PracticeSummary,
    RelatedHitModel,
    RelatedParameters,
    RelatedResponse,
    SearchRequest,
    SearchResponse,
    SimilarRequest,
    SimilarResponse,
    ThemeModel,
)
from service.trace import current_trace, stage
from service.wording import DEFAULT_LANGUAGE, wording

_SCORE_DIGITS = 4


async def answered(retriever: Retriever, encoder: EncoderQueue, request: SearchRequest) -> SearchResponse:
    """Return the answer to `request`. Raises BusyError where too many questions are waiting, and AwayError."""
    started = time.perf_counter()
    question = retriever.understand(request.query)
    embeddings = await encoder.encode_queries(question.encoder_texts)
    ranking = partial(search_response, retriever, request, question, embeddings, started)
    answer = await retriever.during(ranking)
    note_asked(Asked(retriever, question, embeddings, request.filters, answer.verdict))
    return answer


async def related_answered(retriever: Retriever, practice_id: str, parameters: RelatedParameters) -> RelatedResponse:
    """Return what `related_response` does, without holding up others. Raises UnknownPracticeError and AwayError."""
    return await retriever.during(partial(related_response, retriever, practice_id, parameters))


def search_response(
    retriever: Retriever, request: SearchRequest, question: Question, embeddings: Embeddings, started: float
) -> SearchResponse:
    """Return the answer to `request`; `embeddings` (k, dim) are those of `question.encoder_texts`.

    `started` is a `time.perf_counter()`.
    """
    topic = retriever.topic(question, embeddings)
    ranked = retriever.rank_part(
        question, question.whole, embeddings[0], topic, top_k=request.top_k, filters=request.filters
    )
    verdict = current_trace().verdict = retriever.verdict(topic, ranked)
    hits = [] if verdict == "none" else ranked
    aspects = find_aspects(retriever, question, embeddings, topic, filters=request.filters) if hits else []
    theme = None if verdict in ("good", None) else next(iter(retriever.nearest_themes(embeddings)), None)
    explained: list[Explanation | None] = [None] * len(hits)
    if request.explain and hits:
        with stage("explain"):
            explained = [*Explainer(retriever, question, embeddings).explain(hits)]
    return SearchResponse(
        query=request.query,
        language=question.language,
        verdict=verdict,
        message=verdict_phrase(verdict, theme.label if theme else None, wording(DEFAULT_LANGUAGE)),
        nearest_theme=None if theme is None else ThemeModel.model_validate(theme),
        hits=[_hit_model(hit, explanation) for hit, explanation in zip(hits, explained, strict=True)],
        aspects=[_aspect_model(aspect) for aspect in aspects],
        coverage=_coverage_model(coverage(aspects)) if len(aspects) > 1 else None,
        facets=retriever.facets.counts_of([hit.practice for hit in hits]),
        index=index_info(retriever),
        took_ms=elapsed_ms(started),
    )


def similar_response(
    retriever: Retriever, request: SimilarRequest, embedding: Embedding, started: float
) -> SimilarResponse:
    """Return the practices most like a programme that is not in the catalogue; `embedding` is that of its text."""
    hits = retriever.similar(request.text, embedding, top_k=request.top_k)
    return SimilarResponse(
        hits=[_hit_model(hit, None) for hit in hits], index=index_info(retriever), took_ms=elapsed_ms(started)
    )


def related_response(retriever: Retriever, practice_id: str, parameters: RelatedParameters) -> RelatedResponse:
    """Return one page of the practices related to a given one. Raises UnknownPracticeError."""
    found = related(retriever, practice_id, mode=parameters.mode, top_k=parameters.top_k, page=parameters.page)
    return RelatedResponse(
        practice_id=practice_id,
        mode=parameters.mode,
        page=parameters.page,
        hits=[RelatedHitModel(**dict(_hit_model(one.hit, one.explanation)), same_as=one.same_as) for one in found],
    )


def practice_page(retriever: Retriever, parameters: ListParameters) -> PracticePage:
    """Return one page of the practices that pass the filters; a page behind the last one is empty."""
    practices = retriever.release.parts.practices
    rows = practices.ordered(parameters.sort)
    passing = retriever.facets.passing(parameters.filters())
    if passing is not None:
        rows = rows[passing[rows]]
    start = (parameters.page - 1) * parameters.page_size
    shown = [PracticeSummary.model_validate(practices[int(row)]) for row in rows[start : start + parameters.page_size]]
    return PracticePage(
        total=len(rows),
        page=parameters.page,
        pages=-(-len(rows) // parameters.page_size),
        page_size=parameters.page_size,
        first=start + 1 if shown else 0,
        last=start + len(shown) if shown else 0,
        practices=shown,
    )


def index_response(retriever: Retriever) -> IndexResponse:
    """Return the manifest of the release that answers; `vectors` is what searches it."""
    manifest = retriever.release.manifest
    plain = asdict(manifest)
    plain["vectors"] = asdict(retriever.release.parts.vectors.record)
    plain["canaries"] = [CanaryModel(text=canary.text, is_query=canary.is_query) for canary in manifest.canaries]
    return IndexResponse.model_validate(plain)


def index_info(retriever: Retriever) -> IndexInfo:
    """Return which release answers, with which encoder."""
    manifest = retriever.release.manifest
    return IndexInfo(release_id=manifest.release_id, encoder=manifest.encoder.identity)


def _hit_model(hit: Hit, explanation: Explanation | None) -> HitModel:
    return HitModel(
        rank=hit.rank,
        score=round(hit.score, _SCORE_DIGITS),
        confidence=None if hit.confidence is None else round(hit.confidence, _SCORE_DIGITS),
        practice=PracticeSummary.model_validate(hit.practice),
        explanation=None if explanation is None else ExplanationModel.model_validate(explanation),
    )


def _aspect_model(aspect: Aspect) -> AspectModel:
    return AspectModel(
        parts=[
            AspectPartModel(text=part.text, start=part.start, end=part.end, role=role)
            for part, role in zip(aspect.parts, aspect.roles, strict=True)
        ],
        hits=[_hit_model(hit, None) for hit in aspect.hits],
    )


def _coverage_model(found: Coverage) -> CoverageModel:
    return CoverageModel(
        matrix=[
            CoverageRow(
                practice_id=practice_id,
                confidence=confidence,
                addresses=tuple(found.addresses(row, column) for column in range(len(confidence))),
            )
            for row, (practice_id, confidence) in enumerate(zip(found.practice_ids, found.confidence, strict=True))
        ],
        smallest_set=found.smallest_set,
    )


def elapsed_ms(started: float) -> float:
    """Return the milliseconds since a `time.perf_counter()`."""
    return round((time.perf_counter() - started) * 1000, 1)
