"""The HTTP calls that change practices: for a program with a key, checked at once and kept before the answer."""

import asyncio
import re
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from indexer.edits import entity_tag
from indexer.practice import Practice
from service.access import WriterDependency
from service.administration import Administration
from service.api import PREFIX
from service.editing import Condition, Editing, Written
from service.limits import MAX_UPLOAD_ROWS, UploadMode
from service.problems import DOCUMENTED, ToldError
from service.schemas import EditState, Uploaded, WrittenModel
from service.switching import Switch

_NDJSON = "application/x-ndjson"
_TAG = re.compile(r'(?:W/)?"[^"]*"|\*')
_LOOKS, _LOOK_SECONDS = 100, 0.1  # how long a call waits for the current release to answer

_RESPONSES: dict[int | str, dict[str, Any]] = {
    401: DOCUMENTED | {"description": "no valid key"},
    403: DOCUMENTED | {"description": "the key does not allow to write"},
    404: DOCUMENTED | {"description": "no practice has this id"},
    409: DOCUMENTED | {"description": "the change contradicts the rest of the catalogue"},
    412: DOCUMENTED | {"description": "the practice is not what the condition says: someone else has changed it"},
    413: DOCUMENTED | {"description": "the content is too large"},
    422: DOCUMENTED | {"description": "the record is not valid; `errors` names every fault"},
    428: DOCUMENTED | {"description": "the practice is there and no If-Match says which record is meant"},
    501: DOCUMENTED | {"description": "what it takes to build releases is not installed"},
    503: DOCUMENTED | {"description": "a new release is about to answer; Retry-After says when to try again"},
}
_CREATED: dict[int | str, dict[str, Any]] = {201: {"model": WrittenModel, "description": "the practice is a new one"}}
_OTHER_TYPE: dict[int | str, dict[str, Any]] = {415: DOCUMENTED | {"description": f"the content is not {_NDJSON}"}}


def _content(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return what OpenAPI says of a body that is read as bytes: it is checked like a line of a catalogue."""
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


_RECORD = _content("application/json", {"$ref": "#/components/schemas/Practice"})
_LINES = _content(_NDJSON, {"type": "string"})


router = APIRouter(prefix=f"{PREFIX}/admin", tags=["admin"], responses=_RESPONSES)

PracticeIdPath = Annotated[str, Path(description="id of a practice")]


async def _editing(request: Request) -> Editing:
    """Return what writes edits of the current release, as soon as that answers."""
    administration: Administration = request.app.state.administration
    switch: Switch = request.app.state.switch
    if administration.missing:
        missing = ", ".join(administration.missing)
        detail = f"this service cannot build releases: {missing} are missing (practices[edit])"
        raise ToldError(HTTPStatus.NOT_IMPLEMENTED, detail)
    for _ in range(_LOOKS):
        if administration.current_id() == switch.answering.release_id:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    return Editing(administration.journal, switch.answering.retriever.release, administration.current_id)


async def _condition(
    if_match: Annotated[str | None, Header(description="tag of the record that is meant to be changed")] = None,
    if_none_match: Annotated[str | None, Header(description="'*' where the practice shall be a new one")] = None,
) -> Condition:
    tags = None if if_match is None else tuple(_TAG.findall(if_match))
    return Condition(tags, is_absent=if_none_match is not None and if_none_match.strip() == "*")


EditingDependency = Annotated[Editing, Depends(_editing)]
ConditionDependency = Annotated[Condition, Depends(_condition)]


@router.get("/practices/{practice_id}")
async def last_written(
    practice_id: PracticeIdPath, _key: WriterDependency, editing: EditingDependency, response: Response
) -> Practice:
    """Return the record that was last written, also where it is in no release yet; its tag is in the header ETag."""
    practice = await run_in_threadpool(editing.practice, practice_id)
    response.headers["ETag"] = entity_tag(practice)
    return practice


@router.put("/practices/{practice_id}", openapi_extra=_RECORD, responses=_CREATED)
async def put(
    practice_id: PracticeIdPath,
    request: Request,
    key: WriterDependency,
    condition: ConditionDependency,
    editing: EditingDependency,
    response: Response,
) -> WrittenModel:
    """Create a practice, or replace the record whose tag If-Match names; it is on the disk when this answers."""
    written = await run_in_threadpool(editing.put, practice_id, await request.body(), condition, key.name)
    if written.change == "created":
        response.status_code = HTTPStatus.CREATED
    if written.entity_tag is not None:
        response.headers["ETag"] = written.entity_tag
    return _model(written)


@router.delete("/practices/{practice_id}")
async def remove(
    practice_id: PracticeIdPath, key: WriterDependency, condition: ConditionDependency, editing: EditingDependency
) -> WrittenModel:
    """Remove the practice whose record's tag If-Match names."""
    return _model(await run_in_threadpool(editing.remove, practice_id, condition, key.name))


@router.post("/practices", openapi_extra=_LINES, responses=_OTHER_TYPE)
async def upload(
    request: Request,
    key: WriterDependency,
    editing: EditingDependency,
    mode: Annotated[UploadMode, Query(description="add only, also replace, or also remove what is not named")] = "new",
) -> Uploaded:
    """Write many practices, one JSON object a line: all of them or, where one is refused, none."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _NDJSON:
        raise ToldError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected Content-Type: {_NDJSON}, one JSON object a line")
    body = await request.body()
    rows = [(number, row) for number, row in enumerate(body.split(b"\n"), start=1) if row.strip()]
    if len(rows) > MAX_UPLOAD_ROWS:
        detail = f"{len(rows)} lines, expected at most {MAX_UPLOAD_ROWS}; send several uploads"
        raise ToldError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    written = await run_in_threadpool(editing.upload, rows, mode, key.name)
    edits = [one.edit for one in written if one.edit is not None]
    return Uploaded(
        created=sum(one.change == "created" for one in written),
        replaced=sum(one.change == "replaced" for one in written),
        unchanged=sum(one.change == "unchanged" for one in written),
        removed=sum(one.change == "removed" for one in written),
        last_edit=max(edits, default=None),
    )


@router.get("/edits")
async def edits(request: Request, _key: WriterDependency) -> EditState:
    """Say how many edits are in no release yet, and why, so that a program can wait until its own are found."""
    administration: Administration = request.app.state.administration
    switch: Switch = request.app.state.switch
    state = await run_in_threadpool(administration.journal.state)
    return EditState(
        pending=state.pending, last_edit=state.last_edit, fault=state.fault, release=switch.answering.release_id
    )


def _model(written: Written) -> WrittenModel:
    return WrittenModel(practice_id=written.practice_id, change=written.change, edit=written.edit)
