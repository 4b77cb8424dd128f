"""The HTTP calls of version 1: parse, await the answer, shape it."""

import time
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, status

from indexer.practice import Practice
from service.answers import (
    answered,
    index_response,
    practice_page,
    related_answered,
    similar_response,
)
from service.dependencies import EncoderDependency, RetrieverDependency
from service.problems import DOCUMENTED
from service.schemas import (
    FacetParameters,
    FacetResponse,
    Health,
    IndexResponse,
    ListParameters,
    PracticePage,
    Readiness,
    RelatedParameters,
    RelatedResponse,
    SearchParameters,
    SearchRequest,
    SearchResponse,
    SimilarRequest,
    SimilarResponse,
)
from service.switching import Switch

PREFIX = "/api/v1"

_INVALID: dict[int | str, dict[str, Any]] = {422: DOCUMENTED | {"description": "the request is not valid"}}
_UNKNOWN: dict[int | str, dict[str, Any]] = {404: DOCUMENTED | {"description": "no release of this id is kept"}}
_UNKNOWN_PRACTICE: dict[int | str, dict[str, Any]] = {
    404: DOCUMENTED | {"description": "no practice has this id, or no release of this id is kept"}
}
_UNREADABLE: dict[int | str, dict[str, Any]] = {400: DOCUMENTED | {"description": "the content is no JSON in UTF-8"}}
_BUSY: dict[int | str, dict[str, Any]] = {
    503: DOCUMENTED
    | {"description": "too many questions wait, or what searches is away; Retry-After says when to try again"}
}


router = APIRouter(prefix=PREFIX, responses=_INVALID | _UNKNOWN)
health_router = APIRouter(prefix="/health", tags=["health"])


@router.post("/search", tags=["search"], response_model=SearchResponse, responses=_BUSY | _UNREADABLE)
async def search(request: SearchRequest, retriever: RetrieverDependency, encoder: EncoderDependency) -> Response:
    """Return the practices that answer a question best."""
    return _as_json(await answered(retriever, encoder, request))


@router.get("/search", tags=["search"], response_model=SearchResponse, responses=_BUSY)
async def search_by_url(
    parameters: Annotated[SearchParameters, Query()], retriever: RetrieverDependency, encoder: EncoderDependency
) -> Response:
    """Return the same answer for a question in the URL."""
    return _as_json(await answered(retriever, encoder, parameters.request()))


@router.post("/similar", tags=["search"], responses=_BUSY | _UNREADABLE)
async def similar(
    request: SimilarRequest, retriever: RetrieverDependency, encoder: EncoderDependency
) -> SimilarResponse:
    """Return the practices most like a programme that is not in the catalogue."""
    started = time.perf_counter()
    [embedding] = await encoder.encode_documents([request.text])
    return await retriever.during(partial(similar_response, retriever, request, embedding, started))


@router.get("/practices", tags=["practices"])
async def practices(parameters: Annotated[ListParameters, Query()], retriever: RetrieverDependency) -> PracticePage:
    """Return one page of the catalogue."""
    return practice_page(retriever, parameters)


@router.get("/practices/{practice_id}", tags=["practices"], responses=_UNKNOWN_PRACTICE)
async def practice(practice_id: str, retriever: RetrieverDependency) -> Practice:
    """Return the whole record of a practice."""
    return retriever.practice(practice_id)


@router.get("/practices/{practice_id}/related", tags=["practices"], responses=_UNKNOWN_PRACTICE | _BUSY)
async def related(
    practice_id: str, parameters: Annotated[RelatedParameters, Query()], retriever: RetrieverDependency
) -> RelatedResponse:
    """Return the practices related to a practice, each with its reason; itself is never among them."""
    return await related_answered(retriever, practice_id, parameters)


@router.get("/facets", tags=["practices"])
async def facets(parameters: Annotated[FacetParameters, Query()], retriever: RetrieverDependency) -> FacetResponse:
    """Return how many practices have each value, over those that pass the filters."""
    passing = retriever.facets.passing(parameters.alone())
    total = len(retriever.release.parts.practices) if passing is None else int(passing.sum())
    return FacetResponse(total=total, facets=retriever.facets.counts(passing))


@router.get("/index", tags=["service"])
async def index(retriever: RetrieverDependency) -> IndexResponse:
    """Return the manifest of the release that answers."""
    return index_response(retriever)


@health_router.get("/live")
async def live() -> Health:
    """Say that the process answers."""
    return Health(status="ok")


@health_router.get("/ready", responses={503: {"model": Readiness}})
async def ready(request: Request, response: Response) -> Readiness:
    """Say whether questions can be answered, by which release, and why by no newer one."""
    switch: Switch = request.app.state.switch
    answering = switch.answering
    vectors = answering.retriever.release.parts.vectors
    away = await vectors.during(vectors.fault)
    is_ready = answering.encoder.is_running and away is None
    if not is_ready:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return Readiness(
        status="ok" if is_ready else "unavailable", release=answering.release_id, fault=away or switch.fault
    )


def _as_json(answer: SearchResponse) -> Response:
    """Return an answer as it is: it is valid already, and to check all of it again takes longer than to find it."""
    return Response(answer.model_dump_json(), media_type="application/json")
