"""What a request is answered with: the retriever, the encoder, and the page that was asked for."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Query, Request
from fastapi.responses import HTMLResponse

from service.encoder_queue import EncoderQueue
from service.pages.page_state import PageState
from service.pages.rendering import render
from service.retriever import Retriever
from service.switching import Answering
from service.trace import current_trace
from service.wording import LANGUAGES, Wording, choose_language, wording


@dataclass(frozen=True, slots=True)
class Page:
    """One page that was asked for: what its URL says, the reader's language, and the way it is answered."""

    request: Request
    state: PageState
    wording: Wording

    @property
    def path(self) -> str:
        """Return the path of the page for links to itself: quoted, and with one slash, as two begin another host."""
        path: str = self.request.scope["path"]
        return quote("/" + path.lstrip("/"))

    @property
    def home(self) -> str:
        """Return the address of the service as the reader knows it, without a slash at its end."""
        return str(self.request.base_url).rstrip("/")

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that say in which language it is answered, and that another browser may get another."""
        return {"Content-Language": self.wording.language, "Vary": "Accept-Language"}

    @property
    def is_older(self) -> bool:
        """Say whether another release is asked for than the current one."""
        asked = self.state.release
        return asked is not None and asked != self.request.app.state.switch.answering.release_id

    def html(self, template: str, status: int = 200, /, **shown: object) -> HTMLResponse:
        """Return the page that a template makes of what it shows."""
        content = render(
            template, self.wording.language, state=self.state, path=self.path, is_older=self.is_older, **shown
        )
        return HTMLResponse(content, status_code=status, headers=self.headers)


def page_of(request: Request, state: PageState) -> Page:
    """Return the page that a request asks for; a language that there is not is passed over."""
    language = choose_language(state.lang, request.headers.get("accept-language"))
    kept = state if state.lang in LANGUAGES else state.changed(lang=None)
    return Page(request, kept, wording(language))


# Asynchronous, though none waits for anything: FastAPI sends a plain function to another thread for each request.
async def _page(request: Request, state: Annotated[PageState, Query()]) -> Page:
    return page_of(request, state)


async def _answering(
    request: Request,
    release: Annotated[str | None, Query(description="id of an older release, which gives the same list later")] = None,
) -> Answering:
    state = request.app.state
    answering: Answering = await state.archive.answering(release) if release else state.switch.answering
    current_trace().release_id = answering.release_id
    return answering


AnsweringDependency = Annotated[Answering, Depends(_answering)]
"""Once a request: the release may change meanwhile."""


async def _retriever(answering: AnsweringDependency) -> Retriever:
    return answering.retriever


async def _encoder(answering: AnsweringDependency) -> EncoderQueue:
    return answering.encoder


PageDependency = Annotated[Page, Depends(_page)]
RetrieverDependency = Annotated[Retriever, Depends(_retriever)]
EncoderDependency = Annotated[EncoderQueue, Depends(_encoder)]
