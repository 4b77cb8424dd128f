"""Turn waiting questions into embeddings: one thread takes whatever waits as one batch; the loop is never blocked."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from cachetools import LRUCache

from indexer.encoder import Embedding, Embeddings, Encoder
from service.salted_hash import SaltedHash
from service.trace import Trace, current_trace

_LARGEST_BATCH = 4
"""Texts of one batch, unless a single question has more: in larger ones a text costs hardly less, and the answers of
one batch are made while the next one is encoded. At 16 clients 118 questions a second, 38 with batches of 32."""

_LEARNED = 0.1
"""Share of what one batch teaches of the pace: some ten of them tell it; the first one, which is slow, does not."""


class BusyError(RuntimeError):
    """So many questions wait for the encoder that another one would wait too long."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    texts: Sequence[str]
    is_query: bool
    answer: asyncio.Future[Embeddings]
    trace: Trace
    since: float


class EncoderQueue:
    """A bounded queue in front of one encoder thread; used inside `async with`.

    The embeddings of the last `remembered` texts are kept, each under a salted hash of its text: a question that is
    asked again, or with other filters, is not encoded again, and no question can be read from what is kept.
    `on_change` is told by how many questions the queue grows or, below 0, shrinks. A question that would have to wait
    for more than `most_wait` seconds is not let in: who waits is answered soon, and the others know at once.
    """

    def __init__(
        self,
        encoder: Encoder,
        size: int,
        *,
        remembered: int = 0,
        most_wait: float = float("inf"),
        on_change: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._encoder = encoder
        self._hash = SaltedHash()
        self._kept: LRUCache[bytes, Embedding] = LRUCache(remembered)
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue(size)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")
        self._task: asyncio.Task[None] | None = None
        self._on_change = on_change
        self._most_wait = most_wait
        self._texts = 0  # that wait or are being encoded
        self._pace = 0.0  # seconds from one text to the next while texts wait, a moving average
        self._ended = 0.0  # when the last batch was done

    async def __aenter__(self) -> "EncoderQueue":
        self._task = asyncio.create_task(self._serve())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
        while not self._waiting.empty():
            self._next().answer.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def is_running(self) -> bool:
        """Say whether questions are being answered."""
        return self._task is not None and not self._task.done()

    async def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Return the embeddings (k, dim) of the texts of one question. Raises BusyError when the queue is full."""
        return await self._encode(texts, is_query=True)

    async def encode_documents(self, texts: Sequence[str]) -> Embeddings:
        """Return the embeddings (k, dim) of texts of the catalogue's kind. Raises BusyError when the queue is full."""
        return await self._encode(texts, is_query=False)

    async def _encode(self, texts: Sequence[str], *, is_query: bool) -> Embeddings:
        if not texts:
            return np.empty((0, self._encoder.spec.dim), dtype=np.float32)
        keys = [self._key(text, is_query=is_query) for text in texts]
        known = {key: self._kept[key] for key in keys if key in self._kept}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            rows = await self._wait(list(missing.values()), is_query=is_query)
            # Copies: a view of one row would keep its whole batch in memory.
            found = {key: row.copy() for key, row in zip(missing, rows, strict=True)}
            known.update(found)
            if self._kept.maxsize:
                self._kept.update(found)
        return np.stack([known[key] for key in keys])

    def admit(self) -> None:
        """Raise BusyError where a question would have to wait for too long, before anything is done for it."""
        if self._texts * self._pace > self._most_wait or self._waiting.full():
            current_trace().refused += 1
            raise BusyError(f"{self._waiting.qsize()} questions are waiting already; try again in a moment")

    async def _wait(self, texts: Sequence[str], *, is_query: bool) -> Embeddings:
        self.admit()
        future = asyncio.get_running_loop().create_future()
        waiting = _Waiting(texts, is_query, future, current_trace(), time.perf_counter())
        self._waiting.put_nowait(waiting)
        self._texts += len(texts)
        self._on_change(1)
        return await waiting.answer

    def _next(self) -> _Waiting:
        waiting = self._waiting.get_nowait()
        self._on_change(-1)
        return waiting

    async def _serve(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            self._on_change(-1)
            while sum(len(one.texts) for one in batch) < _LARGEST_BATCH and not self._waiting.empty():
                batch.append(self._next())
            for is_query in (True, False):
                # Whoever has hung up is left out: a cancelled question costs nothing.
                wanted = [one for one in batch if one.is_query == is_query and not one.answer.done()]
                if wanted:
                    await self._answer(wanted, is_query=is_query)
            texts = sum(len(one.texts) for one in batch)
            self._texts -= texts
            self._keep_pace(texts, min(one.since for one in batch))

    def _keep_pace(self, texts: int, since: float) -> None:
        """Learn from a batch that is done, of which the first text was there at `since`, how long a text takes."""
        ended = time.perf_counter()
        pace = (ended - max(self._ended, since)) / texts
        self._pace += _LEARNED * (pace - self._pace)
        self._ended = ended

    async def _answer(self, wanted: list[_Waiting], *, is_query: bool) -> None:
        encode = self._encoder.encode_queries if is_query else self._encoder.encode_documents
        texts = [text for one in wanted for text in one.texts]
        ends = list(accumulate(len(one.texts) for one in wanted))
        started = time.perf_counter()
        try:
            rows = await asyncio.get_running_loop().run_in_executor(self._thread, encode, texts)
            if len(rows) != len(texts):
                raise ValueError(f"the encoder gave {len(rows)} embeddings for {len(texts)} texts")
        except Exception as error:  # noqa: BLE001  handed to every waiting request, the queue itself must live on
            for one in wanted:
                if not one.answer.done():
                    one.answer.set_exception(error)
            return
        ended = time.perf_counter()
        for one, end in zip(wanted, ends, strict=True):
            one.trace.spend("wait", started - one.since)
            one.trace.spend("encode", ended - started)
            if not one.answer.done():
                one.answer.set_result(rows[end - len(one.texts) : end])

    def _key(self, text: str, *, is_query: bool) -> bytes:
        return self._hash(text, after=bytes([is_query]))
