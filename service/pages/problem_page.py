"""Turn an error into a page for people, with what to do next."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request
from fastapi.responses import HTMLResponse

from service.dependencies import page_of
from service.pages.page_state import PageState
from service.schemas import Problem
from service.wording import translatable

_FOR_PROGRAMS = ("/api/", "/health/", "/embed/", "/static/", "/widget.js")

_MANY = (
    translatable("Many people are asking right now"),
    translatable("Please load this page again in a few seconds. Your question is kept in its address."),
)
_PHRASES: Mapping[int, tuple[str, str]] = {
    HTTPStatus.NOT_FOUND: (
        translatable("There is no such page"),
        translatable("The address may be mistyped, or the practice is not in this catalogue any more."),
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        translatable("This address cannot be read"),
        translatable("Something in it is not as it should be:"),
    ),
    HTTPStatus.TOO_MANY_REQUESTS: _MANY,
    HTTPStatus.SERVICE_UNAVAILABLE: _MANY,
}
_OTHER = (
    translatable("Something went wrong"),
    translatable("It is not your fault. Please try again; if it happens once more, tell those who run this service."),
)


def wants_page(request: Request) -> bool:
    """Say whether an answer is read by a person: in a browser, at an address that is not for programs."""
    return not request.url.path.startswith(_FOR_PROGRAMS) and "text/html" in request.headers.get("accept", "")


def problem_page(request: Request, problem: Problem) -> HTMLResponse:
    """Return a page that says what went wrong, in the reader's language."""
    state = PageState(lang=request.query_params.get("lang"))
    page = page_of(request, state)
    title, text = (page.wording.gettext(phrase) for phrase in _PHRASES.get(problem.status, _OTHER))
    return page.html("error.html", problem.status, problem_title=title, problem_text=text, errors=problem.errors)
