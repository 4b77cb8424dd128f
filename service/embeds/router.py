"""What other sites show of ours: the widget, its data, and plain HTML for pages without JavaScript."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from service.answers import answered, related_answered
from service.dependencies import EncoderDependency, Page, PageDependency, RetrieverDependency, page_of
from service.embeds.links import LinkParameters, RelatedLinks, TextLinksRequest, embed_path, links_of, no_links
from service.embeds.widget import widget_script
from service.pages.page_state import PageState
from service.retriever import Retriever, UnknownPracticeError
from service.schemas import RelatedParameters, SearchRequest

router = APIRouter(include_in_schema=False)

_KEPT_AN_HOUR = {"Cache-Control": "public, max-age=3600"}
_KEPT_MINUTES = {"Cache-Control": "public, max-age=300"}

LinkQuery = Annotated[LinkParameters, Query()]


async def _text_request(request: Request) -> TextLinksRequest:
    """Read the JSON of a request whatever its content type is.

    The widget sends text/plain: that makes it a simple request, which a browser sends at once, without asking first.
    """
    try:
        return TextLinksRequest.model_validate_json(await request.body())
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]
        raise RequestValidationError(faults) from error


@router.get("/widget.js")
async def widget() -> Response:
    """Return the script that makes `<related-practices>` an element."""
    return Response(widget_script(), media_type="text/javascript", headers=_KEPT_AN_HOUR)


@router.post("/embed/related.json")
async def links_for_text(
    body: Annotated[TextLinksRequest, Depends(_text_request)],
    request: Request,
    response: Response,
    retriever: RetrieverDependency,
    encoder: EncoderDependency,
) -> RelatedLinks:
    """Return links to the practices that fit a text; none where nothing fits."""
    page = page_of(request, PageState(lang=body.lang))
    response.headers.update(page.headers)
    answer = await answered(retriever, encoder, SearchRequest(query=body.text, top_k=body.top_k))
    return links_of(answer, page.wording)


# Before the call for HTML, whose id would match 'quabb.json' as well; an id that ends so itself has no HTML.
@router.get("/embed/related/{practice_id}.json")
async def links_for_practice(
    practice_id: str, parameters: LinkQuery, request: Request, response: Response, retriever: RetrieverDependency
) -> RelatedLinks:
    """Return links to the practices related to one."""
    page = page_of(request, PageState(lang=parameters.lang))
    response.headers.update(_KEPT_MINUTES | page.headers)
    return await _links(retriever, practice_id, parameters, page)


@router.get("/embed/related/{practice_id}")
async def html_for_practice(
    practice_id: str, parameters: LinkQuery, request: Request, retriever: RetrieverDependency
) -> HTMLResponse:
    """Return the same links as a page for a frame, or as a list that the server of another site includes."""
    page = page_of(request, PageState(lang=parameters.lang))
    template = "_related_links.html" if parameters.part else "embed.html"
    try:
        links = await _links(retriever, practice_id, parameters, page)
    except UnknownPracticeError:
        return page.html(template, 404, links=no_links(page.wording).at(page.home))
    response = page.html(template, links=links.at(page.home))
    response.headers.update(_KEPT_MINUTES)
    return response


@router.get("/embed/demo")
async def demo(page: PageDependency, retriever: RetrieverDependency) -> HTMLResponse:
    """Return a page of an imaginary site that uses the widget."""
    return page.html("embed_demo.html", practice_id=_example(retriever))


@router.get("/widget")
async def widget_page(page: PageDependency, retriever: RetrieverDependency) -> HTMLResponse:
    """Return how to show related practices on one's own site."""
    practice_id = _example(retriever)
    return page.html("widget.html", home=page.home, practice_id=practice_id, embed_path=embed_path(practice_id))


async def _links(retriever: Retriever, practice_id: str, parameters: LinkParameters, page: Page) -> RelatedLinks:
    wanted = RelatedParameters(top_k=parameters.top_k, mode=parameters.mode)
    return links_of(await related_answered(retriever, practice_id, wanted), page.wording)


def _example(retriever: Retriever) -> str:
    return retriever.release.parts.practices[0].id
