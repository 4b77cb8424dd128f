"""What a request is answered with: the retriever, the encoder, and the page that was asked for."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.responses import HTMLResponse

from service.encoder_queue import EncoderQueue
from service.pages.page_state import PageState
from service.pages.rendering import render
from service.retriever import Retriever
from service.wording import LANGUAGES, Wording, choose_language, wording


@dataclass(frozen=True, slots=True)
class Page:
    """One page that was asked for: what its URL says, the reader's language, and the way it is answered."""

    request: Request
    state: PageState
    wording: Wording

    def html(self, template: str, status: int = 200, /, **shown: object) -> HTMLResponse:
        """Return the page that a template makes of what it shows."""
        content = render(template, self.wording.language, state=self.state, path=self.request.url.path, **shown)
        headers = {"Content-Language": self.wording.language, "Vary": "Accept-Language"}
        return HTMLResponse(content, status_code=status, headers=headers)


def page_of(request: Request, state: PageState) -> Page:
    """Return the page that a request asks for; a language that there is not is passed over."""
    language = choose_language(state.lang, request.headers.get("accept-language"))
    kept = state if state.lang in LANGUAGES else state.changed(lang=None)
    return Page(request, kept, wording(language))


def _page(request: Request, state: Annotated[PageState, Query()]) -> Page:
    return page_of(request, state)


def _retriever(request: Request) -> Retriever:
    retriever: Retriever = request.app.state.retriever
    return retriever


def _encoder(request: Request) -> EncoderQueue:
    encoder: EncoderQueue = request.app.state.encoder
    return encoder


PageDependency = Annotated[Page, Depends(_page)]
RetrieverDependency = Annotated[Retriever, Depends(_retriever)]
EncoderDependency = Annotated[EncoderQueue, Depends(_encoder)]
