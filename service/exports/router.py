"""Answer with the whole catalogue as a file, and with what its fields mean."""

from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from indexer.release import Release
from service.dependencies import RetrieverDependency
from service.exports.dictionary import data_dictionary
from service.exports.formats import content
from service.exports.kinds import MEDIA_TYPES, Kind
from service.exports.table import TABLE_FILE, table_metadata
from service.web_address import is_web_address

router = APIRouter(prefix="/download", include_in_schema=False)

_METADATA_TYPE = "application/csvm+json"
_DESCRIBED = f'<{TABLE_FILE}-metadata.json>; rel="describedby"; type="{_METADATA_TYPE}"'
_SAFE_IN_ADDRESS = "%/:?#[]@!$&'()*+,;=~"

KnownDependency = Annotated[str, Header(alias="If-None-Match")]
"""The releases of which a client has the file."""


@router.get("/dictionary.json")
async def dictionary(retriever: RetrieverDependency, known: KnownDependency = "") -> Response:
    """Return the fields of a practice: type, values and meaning of each."""
    release = retriever.release
    if _is_known(release, known):
        return _not_modified(release)
    rows = [asdict(row) for row in data_dictionary(release.parts.vocabulary)]
    told = {"release_id": release.manifest.release_id, **release.parts.description.model_dump(exclude_none=True)}
    return JSONResponse({**told, "fields": rows}, headers=_headers(release, "dictionary", "json"))


@router.get("/catalogue.csv-metadata.json")
async def metadata_of_table(retriever: RetrieverDependency, known: KnownDependency = "") -> Response:
    """Return what stands in the CSV file, for programs that read CSV on the Web (W3C)."""
    release = retriever.release
    if _is_known(release, known):
        return _not_modified(release)
    headers = _headers(release, "catalogue", "csv-metadata.json")
    return JSONResponse(table_metadata(release), media_type=_METADATA_TYPE, headers=headers)


@router.get("/catalogue.{kind}")
async def catalogue(
    kind: Kind, request: Request, retriever: RetrieverDependency, known: KnownDependency = ""
) -> Response:
    """Return all practices of the release as a file; a thread makes it while it is sent."""
    release = retriever.release
    if _is_known(release, known):
        return _not_modified(release)
    answer = StreamingResponse(
        content(kind, release, str(request.base_url).rstrip("/")),
        media_type=MEDIA_TYPES[kind],
        headers=_headers(release, "catalogue", kind),
    )
    if kind is Kind.CSV:
        answer.headers.append("Link", _DESCRIBED)
    return answer


def _tag(release: Release) -> str:
    # A weak one: the same content is sent compressed as well.
    return f'W/"{release.manifest.release_id}"'


def _is_known(release: Release, known: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
    return "*" in tags or _tag(release).removeprefix("W/") in tags


def _not_modified(release: Release) -> Response:
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=_lasting(release))


def _lasting(release: Release) -> dict[str, str]:
    """Return the headers by which a client keeps the file, and asks each time whether there is a newer one."""
    return {"ETag": _tag(release), "Cache-Control": "no-cache"}


def _headers(release: Release, name: str, ending: str) -> Mapping[str, str]:
    file = f"{name}-{release.manifest.release_id}.{ending}"
    headers = _lasting(release) | {"Content-Disposition": f'attachment; filename="{file}"'}
    licence = release.parts.description.licence_url
    if licence is not None and is_web_address(licence):
        headers["Link"] = f'<{quote(licence, safe=_SAFE_IN_ADDRESS)}>; rel="license"'
    return headers
