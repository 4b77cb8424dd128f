"""Turn an answer or a shortlist into a file to take along: CSV, a spreadsheet, or a briefing to edit."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import NamedTuple

from fastapi import APIRouter, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from service.answers import answered
from service.dependencies import EncoderDependency, Page, PageDependency, RetrieverDependency
from service.downloads.briefing import Briefing, BriefingEntry
from service.downloads.document import to_docx
from service.downloads.spreadsheets import to_csv, to_xlsx
from service.encoder_queue import EncoderQueue
from service.facts import facts_of
from service.limits import MAX_TOP_K
from service.pages.choices import chips
from service.phrases import answer_phrase
from service.retriever import Retriever
from service.wording import Wording

router = APIRouter(include_in_schema=False)


class Kind(StrEnum):
    """The endings of the files."""

    CSV = "csv"
    XLSX = "xlsx"
    DOCX = "docx"


class _Format(NamedTuple):
    media_type: str
    write: Callable[[Briefing, Wording], bytes]


_OFFICE = "application/vnd.openxmlformats-officedocument"
_FORMATS: Mapping[Kind, _Format] = {
    Kind.CSV: _Format("text/csv; charset=utf-8", to_csv),
    Kind.XLSX: _Format(f"{_OFFICE}.spreadsheetml.sheet", to_xlsx),
    Kind.DOCX: _Format(f"{_OFFICE}.wordprocessingml.document", to_docx),
}


@router.get("/download/practices.{kind}")
async def download(
    kind: Kind, page: PageDependency, retriever: RetrieverDependency, encoder: EncoderDependency
) -> Response:
    """Return the answer to the question of the URL as a file, or its shortlist where there is one."""
    briefing = await _briefing(page, retriever, encoder)
    form = _FORMATS[kind]
    content = await run_in_threadpool(form.write, briefing, page.wording)
    name = f"practices-{briefing.made_on.isoformat()}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **page.headers}
    return Response(content, media_type=form.media_type, headers=headers)


async def _briefing(page: Page, retriever: Retriever, encoder: EncoderQueue) -> Briefing:
    state = page.state
    if not (state.query or state.pick) or state.excess:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY)
    # For a shortlist as many reasons as there are: its practices need not be among the first.
    request = (state.changed(top_k=MAX_TOP_K) if state.pick else state).request()
    answer = await answered(retriever, encoder, request) if request else None
    hits = {hit.practice.id: hit for hit in answer.hits} if answer else {}
    practices = [retriever.practice(one) for one in state.pick or hits]
    manifest = retriever.release.manifest
    return Briefing(
        question=state.query,
        verdict=answer_phrase(answer, page.wording) or "",
        filters=tuple((chip.title, chip.label) for chip in chips(state, retriever.facets, page.wording)),
        entries=tuple(
            BriefingEntry(one, tuple(facts_of(one, retriever.facets, page.wording)), hits.get(one.id))
            for one in practices
        ),
        address=page.home + state.url("/compare" if state.pick else "/"),
        made_on=datetime.now(UTC).date(),
        release_id=manifest.release_id,
        encoder=manifest.encoder.identity,
        catalogue_size=len(retriever.release.parts.practices),
    )
