"""Turn the latest changes of the catalogue, or of one theme, into an Atom feed (RFC 4287) that people can watch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

import numpy as np
from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from indexer.columns import Rows
from indexer.practice import Practice
from service.answers import answered
from service.dependencies import EncoderDependency, Page, PageDependency, RetrieverDependency
from service.encoder_queue import EncoderQueue
from service.facts import label_of
from service.pages.page_state import practice_path
from service.pages.rendering import render
from service.retriever import Retriever

router = APIRouter(include_in_schema=False)

FEED_PATH = "/practices.atom"
MOST_ENTRIES = 50

_MEDIA_TYPE = "application/atom+xml"


@dataclass(frozen=True, slots=True)
class Entry:
    """A practice, the address of its page, when it was last changed (RFC 3339), and its country in words."""

    practice: Practice
    address: str
    updated: str
    country: str


@dataclass(frozen=True, slots=True)
class Feed:
    """What a feed says of itself, and its entries, the latest change first. `page` shows the same to people."""

    home: str
    address: str
    page: str
    title: str
    author: str
    licence: str | None
    updated: str
    entries: Sequence[Entry]


@router.get(FEED_PATH)
async def feed(page: PageDependency, retriever: RetrieverDependency, encoder: EncoderDependency) -> Response:
    """Return the practices changed last; with a question those among its hits, so that a theme can be watched."""
    state = page.state
    if state.excess:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY)
    rows = await _rows_of_hits(page, retriever, encoder) if state.query else _rows_that_pass(page, retriever)
    content = render("feed.xml", page.wording.language, feed=_feed(page, retriever, _latest(retriever, rows)))
    return Response(content, media_type=_MEDIA_TYPE, headers=page.headers)


async def _rows_of_hits(page: Page, retriever: Retriever, encoder: EncoderQueue) -> Rows:
    request = page.state.request()
    answer = await answered(retriever, encoder, request.model_copy(update={"explain": False})) if request else None
    rows = [retriever.release.parts.practices.row(hit.practice.id) for hit in answer.hits] if answer else []
    return np.array([row for row in rows if row is not None], dtype=np.int64)


def _rows_that_pass(page: Page, retriever: Retriever) -> Rows:
    passing = retriever.facets.passing(page.state.filters)
    rows = np.arange(len(retriever.release.parts.practices)) if passing is None else np.flatnonzero(passing)
    return rows.astype(np.int64)


def _latest(retriever: Retriever, rows: Rows) -> Rows:
    """Return those of the rows that were changed last, the latest first, of equal ones the first by id."""
    parts = retriever.release.parts
    if len(rows) > MOST_ENTRIES:
        moments = parts.changed_at[rows]
        rows = rows[moments >= np.partition(moments, -MOST_ENTRIES)[-MOST_ENTRIES]]
    order = np.lexsort((parts.practices.id_ranks(rows), -parts.changed_at[rows]))
    return rows[order][:MOST_ENTRIES]


def _feed(page: Page, retriever: Retriever, rows: Rows) -> Feed:
    parts, gettext = retriever.release.parts, page.wording.gettext
    site = gettext("Practices against early leaving")
    changed_at = parts.changed_at[rows].tolist()
    state = page.state
    return Feed(
        home=page.home,
        address=page.home + state.url(FEED_PATH),
        page=page.home + state.url("/" if state.query else "/practices"),
        title=f"{state.query} · {site}" if state.query else f"{gettext('New and changed practices')} · {site}",
        author=parts.description.publisher or parts.description.title or site,
        licence=parts.description.licence,
        updated=_moment(changed_at[0]) if changed_at else retriever.release.manifest.created_at,
        entries=[
            _entry(page, retriever, parts.practices[row], moment)
            for row, moment in zip(rows.tolist(), changed_at, strict=True)
        ],
    )


def _entry(page: Page, retriever: Retriever, practice: Practice, moment: int) -> Entry:
    country = practice.country or ""
    return Entry(
        practice=practice,
        address=page.home + practice_path(practice.id),
        updated=_moment(moment),
        country=label_of("country", country, retriever.facets, page.wording) if country else "",
    )


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
