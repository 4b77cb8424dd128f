"""Let another release answer in a running service: when `current` points to it, and only if it is sound."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

from indexer.encoder import Encoder
from indexer.manifest import check_encoder
from indexer.release import Release
from service.encoder_queue import EncoderQueue
from service.retriever import Retriever

SECONDS = 0.5
"""Between two looks at the link: what the switch to a new release takes at most, beside loading it."""

LOOKS_UNTIL_RETRY = 30

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answering:
    """What a request is answered with; a request takes it once, so that no answer mixes two releases."""

    retriever: Retriever
    encoder: EncoderQueue

    @property
    def release_id(self) -> str:
        """Return the id of the release that answers."""
        return self.retriever.release.manifest.release_id


class Releases(Protocol):
    """Where releases come from."""

    def current_id(self) -> str | None:
        """Return the id of the release that should answer."""
        ...

    def release(self, release_id: str) -> Release:
        """Return a verified release. Raises ReleaseError."""
        ...

    def encoder(self, release: Release) -> Encoder:
        """Return the encoder of a release. Raises ReleaseError or EncoderError."""
        ...


class Switch:
    """Holds what answers, and follows the current release; one that is not sound leaves the old one answering.

    `fault` says why the release that should answer does not; it is None where that does.
    """

    def __init__(self, retriever: Retriever, encoder: Encoder, queue: Callable[[Encoder], EncoderQueue]) -> None:
        self._queue = queue
        self._encoder = encoder
        self._stack = AsyncExitStack()
        self.answering = Answering(retriever, queue(encoder))
        self.fault: str | None = None

    async def __aenter__(self) -> "Switch":
        queue = await self._stack.enter_async_context(self._queue(self._encoder))
        self.answering = Answering(self.answering.retriever, queue)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def follow(self, releases: Releases, seconds: float = SECONDS) -> None:
        """Look again and again which release should answer, for as long as the service runs.

        One that was refused is tried again after `LOOKS_UNTIL_RETRY` looks: it may have been repaired.
        """
        refused, looks = None, 0
        while True:
            await asyncio.sleep(seconds)
            looks += 1
            wanted = releases.current_id()
            if wanted is None or (wanted == refused and looks < LOOKS_UNTIL_RETRY):
                continue
            if wanted == self.answering.release_id:
                self.fault = refused = None
                continue
            try:
                await self._switch(await asyncio.to_thread(self._loaded, releases, wanted))
            except Exception as error:  # noqa: BLE001  whatever is wrong with it, the old one goes on answering
                is_known = refused == wanted
                refused, looks = wanted, 0
                self.fault = f"release {wanted} does not answer: {error}"
                if not is_known:
                    _LOG.error("%s; release %s goes on answering", self.fault, self.answering.release_id)
            else:
                self.fault = refused = None
                _LOG.warning("release %s answers now", wanted)

    def _loaded(self, releases: Releases, release_id: str) -> tuple[Retriever, Encoder]:
        release = releases.release(release_id)
        is_same = release.manifest.encoder.identity == self._encoder.spec.identity
        encoder = self._encoder if is_same else releases.encoder(release)
        check_encoder(release.manifest, encoder)
        return self.answering.retriever.over(release), encoder

    async def _switch(self, loaded: tuple[Retriever, Encoder]) -> None:
        retriever, encoder = loaded
        queue = self.answering.encoder
        if encoder is not self._encoder:
            queue = await self._stack.enter_async_context(self._queue(encoder))
            self._encoder = encoder
        self.answering = Answering(retriever, queue)
