"""Refuse at once what would have to wait for the encoder for too long: it costs a tenth of what an answer does."""

import re

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.encoder_queue import BusyError
from service.problems import busy_response
from service.switching import Switch

_ENCODED = re.compile(r"/api/v1/(search|similar)|/embed/related\.json")
_ENCODED_WITH_QUESTION = re.compile(r"/|/map|/practices\.atom|/download/practices\..*", re.DOTALL)


class Shedding:
    """Middleware that answers 503 where too many wait already; comes before all that takes a request apart."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and needs_encoder(scope):
            switch: Switch = scope["app"].state.switch
            try:
                switch.answering.encoder.admit()
            except BusyError as error:
                await busy_response(Request(scope), error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def needs_encoder(scope: Scope) -> bool:
    """Say whether a question or a text comes with a request; one that is known by now may need no encoder after all."""
    path, parameters = scope["path"], scope["query_string"]
    if _ENCODED.fullmatch(path):
        return True
    return _ENCODED_WITH_QUESTION.fullmatch(path) is not None and (parameters[:2] == b"q=" or b"&q=" in parameters)
