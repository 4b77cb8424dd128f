"""The pages for people: server-rendered, complete without JavaScript, and all of their state in the URL."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, PlainTextResponse

from indexer.practice import Practice
from service.answers import answered, practice_page, related_answered
from service.api import PREFIX
from service.dependencies import EncoderDependency, Page, PageDependency, RetrieverDependency
from service.encoder_queue import EncoderQueue
from service.facts import facts_of, labels_of
from service.limits import MAX_TOP_K
from service.pages.about import about, count_countries
from service.pages.choices import chips, field_choices, ways_out
from service.pages.comparison import compared_facts
from service.pages.coverage_table import coverage_rows
from service.pages.page_state import MOST_COMPARED, SHOWN_AT_ONCE, practice_path
from service.pages.picture import picture_of
from service.pages.rendering import render
from service.pages.structured_data import structured_data
from service.phrases import answer_phrase
from service.retriever import Retriever
from service.schemas import ListParameters, RelatedParameters, SearchResponse
from service.wording import DEFAULT_LANGUAGE, translatable

router = APIRouter(include_in_schema=False)

SWAGGER_PATH = f"{PREFIX}/docs/files"

EXAMPLES = (
    translatable("How can we keep apprentices from dropping out?"),
    translatable("Young people who left school and whom nobody can reach"),
    translatable("A second chance for adults without a certificate"),
    translatable("Pupils who are often absent because they are ill"),
    translatable("Our trainers quarrel with apprentices and contracts end in the first year"),
)
RELATED_SHOWN = 4
TABS = (
    ("similar", translatable("Most alike")),
    ("same-approach", translatable("Similar approach")),
    ("same-target-group", translatable("Same target group")),
    ("other-country", translatable("Other country")),
)
"""Modes of `related` that the page of a practice offers."""


@router.get("/")
async def search_page(page: PageDependency, retriever: RetrieverDependency, encoder: EncoderDependency) -> HTMLResponse:
    """Return the search page: the question, and its answer where there is a question."""
    state = page.state
    answer = await _answer(page, retriever, encoder)
    return _html(
        page,
        retriever,
        "search.html",
        answer=answer,
        verdict=answer_phrase(answer, page.wording),
        choices=field_choices(answer.facets, state, retriever.facets, page.wording) if answer else [],
        chips=chips(state, retriever.facets, page.wording),
        ways_out=ways_out(state, retriever.facets, page.wording) if answer and not answer.hits else [],
        examples=EXAMPLES,
        catalogue_size=len(retriever.release.parts.practices),
        countries=count_countries(retriever),
        too_long=state.excess,
        more=min(state.top_k + SHOWN_AT_ONCE, MAX_TOP_K),
        coverage=coverage_rows(retriever, answer.coverage) if answer and answer.coverage else [],
    )


@router.get("/practices")
async def listing(page: PageDependency, retriever: RetrieverDependency) -> HTMLResponse:
    """Return one page of the catalogue."""
    state, table = page.state, retriever.facets
    listed = practice_page(retriever, ListParameters(page=state.page, sort=state.sort, **dict(state.filters)))
    return _html(
        page,
        retriever,
        "listing.html",
        listed=listed,
        page_numbers=page_numbers(listed.page, listed.pages),
        choices=field_choices(table.counts_to_choose(state.filters), state, table, page.wording),
        chips=chips(state, table, page.wording),
        ways_out=ways_out(state, table, page.wording),
    )


@router.get("/practices/{practice_id}")
async def practice(practice_id: str, page: PageDependency, retriever: RetrieverDependency) -> HTMLResponse:
    """Return the page of one practice."""
    found = retriever.practice(practice_id)
    parameters = RelatedParameters(mode=page.state.mode, top_k=RELATED_SHOWN)
    return _html(
        page,
        retriever,
        "practice.html",
        practice=found,
        facts=facts_of(found, retriever.facets, page.wording),
        related=await related_answered(retriever, practice_id, parameters),
        tabs=TABS,
        successor=retriever.practice(found.succeeded_by) if found.succeeded_by else None,
        structured=structured_data(found, page.home + practice_path(practice_id)),
    )


@router.get("/map")
async def map_page(page: PageDependency, retriever: RetrieverDependency, encoder: EncoderDependency) -> HTMLResponse:
    """Return the map of the practices; a question lights up its hits."""
    answer = await _answer(page, retriever, encoder)
    return _html(
        page,
        retriever,
        "map.html",
        answer=answer,
        verdict=answer_phrase(answer, page.wording),
        picture=picture_of(retriever, page.state.colour, answer.hits if answer else [], page.wording),
    )


@router.get("/compare")
async def compare(page: PageDependency, retriever: RetrieverDependency) -> HTMLResponse:
    """Return the practices of the shortlist side by side."""
    compared = [retriever.practice(one) for one in page.state.pick[:MOST_COMPARED]]
    return _html(
        page,
        retriever,
        "compare.html",
        practices=compared,
        rows=compared_facts(compared, retriever.facets, page.wording),
        most=MOST_COMPARED,
    )


@router.get("/about")
async def about_page(page: PageDependency, retriever: RetrieverDependency) -> HTMLResponse:
    """Return what the catalogue covers, how answers are made and how good they are."""
    is_counted = page.request.app.state.insights is not None
    return _html(page, retriever, "about.html", about=about(retriever, page.wording), is_counted=is_counted)


@router.get("/robots.txt")
async def robots() -> PlainTextResponse:
    """Return what search services need not follow: files, shortlists, and what is made for programs."""
    paths = ("/download/", "/api/", "/*pick=", "/*release=")
    return PlainTextResponse("User-agent: *\n" + "".join(f"Disallow: {path}\n" for path in paths))


@router.get(f"{PREFIX}/docs")
async def docs() -> HTMLResponse:
    """Return a page that describes the API, drawn by Swagger UI from our own files."""
    page = render("docs.html", DEFAULT_LANGUAGE, swagger=SWAGGER_PATH, openapi=f"{PREFIX}/openapi.json")
    return HTMLResponse(page)


async def _answer(page: Page, retriever: Retriever, encoder: EncoderQueue) -> SearchResponse | None:
    """Return the answer to the question of a page, None where there is none or it is too long to be read."""
    request = page.state.request()
    return await answered(retriever, encoder, request) if request else None


def _html(page: Page, retriever: Retriever, template: str, **shown: object) -> HTMLResponse:
    """Return a page that can name practices: those it shows and those on the shortlist.

    Raises UnknownPracticeError where one on the shortlist is not in the catalogue.
    """

    def labels(practice: Practice, field: str) -> tuple[str, ...]:
        return labels_of(practice, field, retriever.facets, page.wording)

    titles = {one: retriever.practice(one).title for one in page.state.pick}
    return page.html(template, labels=labels, titles=titles, **shown)


def page_numbers(page: int, pages: int) -> list[int]:
    """Return the pages to link to: the first, the last and those around this one; 0 stands for those left out."""
    near = sorted({1, pages, *range(page - 2, page + 3)} & set(range(1, pages + 1)))
    found: list[int] = []
    for number in near:
        if found and number > found[-1] + 1:
            found.append(0)
        found.append(number)
    return found
