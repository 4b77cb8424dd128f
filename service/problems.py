"""Turn every error into an `application/problem+json` answer (RFC 9457), or into a page where a person asks."""

import json
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.responses import Response

from indexer.catalogue import CatalogueError
from indexer.vectors import AwayError
from service.archive import UnknownReleaseError
from service.editing import ConflictError, EditError, StaleReleaseError, UnconditionalError
from service.encoder_queue import BusyError
from service.journal import JournalError
from service.pages.problem_page import problem_page, wants_page
from service.retriever import UnknownPracticeError
from service.schemas import Problem, ProblemError
from service.trace import current_request_id

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1

DOCUMENTED: dict[str, Any] = {
    "model": Problem,
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
"""What OpenAPI says of an answer that is a problem, but for its description."""

_LOG = logging.getLogger(__name__)
_SHOWN_CHARACTERS = 80
_SHOWN_FAULTS = 1_000


class ToldError(HTTPException):
    """An HTTP error of which the detail may be shown to whoever asks: it was written for them."""


def add_problem_handlers(app: FastAPI) -> None:
    """Make `app` answer every error with a problem document, or with a page that says the same.

    Comes before all other middleware: what is added later sees the answer to a bug too.
    """
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(UnknownPracticeError, _on_unknown_practice)
    app.add_exception_handler(UnknownReleaseError, _on_unknown_release)
    app.add_exception_handler(AwayError, _on_away)
    app.add_exception_handler(BusyError, _on_busy)
    app.add_exception_handler(CatalogueError, _on_invalid_record)
    app.add_exception_handler(ConflictError, _on_conflict)
    app.add_exception_handler(EditError, _on_contradiction)
    app.add_exception_handler(StaleReleaseError, _on_busy)
    app.add_exception_handler(JournalError, _on_journal_fault)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_middleware(ServerErrorMiddleware, handler=_on_bug)


def problem_response(
    request: Request,
    status: HTTPStatus,
    detail: str,
    *,
    kind: str = "about:blank",
    errors: Sequence[ProblemError] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """Return a problem document, or a page; `kind` is its type URI, 'about:blank' where the status says it all."""
    problem = Problem(
        type=kind,
        title=status.phrase,
        status=status,
        detail=detail,
        instance=current_request_id(),
        errors=list(errors),
    )
    if wants_page(request):
        page = problem_page(request, problem)
        page.headers.update(headers or {})
        return page
    return Response(
        problem.model_dump_json(exclude_none=True), status_code=status, media_type=MEDIA_TYPE, headers=headers
    )


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    errors = [_problem_error(fault) for fault in faults]
    detail = "; ".join(f"{one.field}: {one.expected}, found {one.found}" for one in errors)
    return problem_response(
        request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, kind="urn:practices:problem:invalid-request", errors=errors
    )


def _problem_error(fault: dict[str, Any]) -> ProblemError:
    place = [str(part) for part in fault["loc"]]
    is_unreadable = fault["type"] == "json_invalid"
    field = place[0] if is_unreadable or len(place) == 1 else ".".join(place[1:])
    return ProblemError(field=field, found=_shown(fault.get("input")), expected=str(fault["msg"]))


def _shown(value: object) -> str:
    """Return a short, pure ASCII picture of what came in: it may be anything, half a character too."""
    text = json.dumps(value, default=repr)
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    size = f" ({len(value)} characters)" if isinstance(value, str) else ""
    return f"{text[:_SHOWN_CHARACTERS]}...{size}"


async def _on_unknown_practice(request: Request, error: Exception) -> Response:
    return problem_response(request, HTTPStatus.NOT_FOUND, str(error), kind="urn:practices:problem:unknown-practice")


async def _on_unknown_release(request: Request, error: Exception) -> Response:
    return problem_response(request, HTTPStatus.NOT_FOUND, str(error), kind="urn:practices:problem:unknown-release")


async def _on_busy(request: Request, error: Exception) -> Response:
    return busy_response(request, error)


def busy_response(request: Request, error: Exception) -> Response:
    """Return the answer to a request that would have to wait for too long."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return problem_response(
        request, HTTPStatus.SERVICE_UNAVAILABLE, str(error), kind="urn:practices:problem:busy", headers=headers
    )


async def _on_away(request: Request, error: Exception) -> Response:
    """Answer without the message, which names a machine behind the service."""
    _LOG.error("%s", error)
    return problem_response(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "what searches the practices does not answer now; try again in a moment",
        kind="urn:practices:problem:away",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


async def _on_invalid_record(request: Request, error: Exception) -> Response:
    problems = error.problems if isinstance(error, CatalogueError) else ()
    errors = [
        ProblemError(field=f"line {one.line}: {one.field}".rstrip(": "), found=one.found, expected=one.expected)
        for one in problems[:_SHOWN_FAULTS]
    ]
    return problem_response(
        request, HTTPStatus.UNPROCESSABLE_ENTITY, str(error), kind="urn:practices:problem:invalid-record", errors=errors
    )


async def _on_conflict(request: Request, error: Exception) -> Response:
    is_unconditional = isinstance(error, UnconditionalError)
    status = HTTPStatus.PRECONDITION_REQUIRED if is_unconditional else HTTPStatus.PRECONDITION_FAILED
    present = error.present if isinstance(error, ConflictError) else None
    headers = {"ETag": present} if present else {}
    return problem_response(request, status, str(error), kind="urn:practices:problem:conflict", headers=headers)


async def _on_contradiction(request: Request, error: Exception) -> Response:
    return problem_response(request, HTTPStatus.CONFLICT, str(error), kind="urn:practices:problem:contradiction")


async def _on_journal_fault(request: Request, error: Exception) -> Response:
    """Answer without the message, which names files of the server."""
    _LOG.error("%s", error)
    detail = "changes cannot be kept now, and nothing was changed; the reason has been logged"
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return problem_response(request, HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=headers)


async def _on_http_error(request: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    detail = f"{request.method} {request.url.path}: {status.description}"
    if isinstance(error, ToldError):
        detail = error.detail
    elif status is HTTPStatus.BAD_REQUEST:  # whose description is about the syntax of HTTP
        detail = f"{request.method} {request.url.path}: the content cannot be read; expected JSON in UTF-8"
    return problem_response(request, status, detail, headers=headers)


async def _on_bug(request: Request, error: Exception) -> Response:
    _LOG.error("the service made a mistake", exc_info=error)  # its path may hold what was asked; the id leads to it
    return problem_response(request, HTTPStatus.INTERNAL_SERVER_ERROR, "the service made a mistake; it has been logged")
