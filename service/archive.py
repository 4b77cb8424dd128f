"""Let an older release answer that is still on disk: an address that names it gives the same list later."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AsyncExitStack

from indexer.encoder import Encoder
from indexer.manifest import check_encoder
from indexer.registry import EncoderError
from indexer.release_files import ReleaseError
from indexer.vectors import AwayError
from service.encoder_queue import EncoderQueue
from service.retriever import Retriever
from service.switching import Answering, Releases, Switch

MOST_OPEN = 3
"""Older releases that stay open; of more, those not asked for longest are closed."""

_CLOSED_AFTER_SECONDS = 60.0  # so that whoever is being answered by it gets the answer
_RELEASE_ID = re.compile(r"[0-9a-f]{12}")


class UnknownReleaseError(LookupError):
    """No release of this id can be asked here."""

    def __init__(self, release_id: str) -> None:
        super().__init__(f"release '{release_id}' is not kept here any more, or cannot be read; leave `release` away")


class Archive:
    """Opens older releases when they are asked; one with the encoder of the current release shares it."""

    def __init__(self, switch: Switch, releases: Releases | None, queue: Callable[[Encoder], EncoderQueue]) -> None:
        self._switch = switch
        self._releases = releases
        self._queue = queue
        self._open: OrderedDict[str, tuple[Answering, AsyncExitStack]] = OrderedDict()
        self._opening = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def answering(self, release_id: str) -> Answering:
        """Return what answers for a release. Raises UnknownReleaseError where it is not on disk or not sound."""
        current = self._switch.answering
        if release_id == current.release_id:
            return current
        if self._releases is None or not _RELEASE_ID.fullmatch(release_id):
            raise UnknownReleaseError(release_id)
        # It is opened to its end though who has asked hangs up: else hanging up would have many opened at once.
        return await asyncio.shield(self._kept(self._releases, release_id, current))

    async def close(self) -> None:
        """Close all of them."""
        for task in self._closing:
            task.cancel()
        for _, stack in self._open.values():
            await stack.aclose()

    async def _kept(self, releases: Releases, release_id: str, current: Answering) -> Answering:
        async with self._opening:  # one at a time, however many are asked for
            if release_id not in self._open:
                self._open[release_id] = await self._opened(releases, release_id, current)
                if len(self._open) > MOST_OPEN:
                    _, (_, stack) = self._open.popitem(last=False)
                    self._close_later(stack)
            self._open.move_to_end(release_id)
            return self._open[release_id][0]

    async def _opened(
        self, releases: Releases, release_id: str, current: Answering
    ) -> tuple[Answering, AsyncExitStack]:
        stack = AsyncExitStack()
        try:
            retriever, encoder = await asyncio.to_thread(_loaded, releases, release_id, current)
        except AwayError:
            raise  # it is known, but cannot be asked now
        except (EncoderError, ReleaseError) as error:
            raise UnknownReleaseError(release_id) from error
        queue = current.encoder if encoder is None else await stack.enter_async_context(self._queue(encoder))
        return Answering(retriever, queue), stack

    def _close_later(self, stack: AsyncExitStack) -> None:
        async def close() -> None:
            await asyncio.sleep(_CLOSED_AFTER_SECONDS)
            await stack.aclose()

        task = asyncio.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _loaded(releases: Releases, release_id: str, current: Answering) -> tuple[Retriever, Encoder | None]:
    """Return a release, and its encoder where the current one is another one."""
    release = releases.release(release_id)
    retriever = current.retriever.over(release)
    if release.manifest.encoder.identity == current.retriever.release.manifest.encoder.identity:
        return retriever, None
    encoder = releases.encoder(release)
    check_encoder(release.manifest, encoder)
    return retriever, encoder
