"""A connection to a Milvus: asked with a time limit, lost and found again, and waited for in threads of its own."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from indexer.vectors import AwayError

if TYPE_CHECKING:
    from pymilvus import MilvusClient

T = TypeVar("T")

SECONDS = 5.0
"""What a search may take; a connection that is refused within them is tried again by the client."""

_CONNECT_SECONDS = 2.0
_PAUSE_SECONDS = 0.5  # after a failure, in which nobody else waits to see it fail
_THREADS = 8  # that wait; each takes part in the ranking too, and there are no more processors for that


class MilvusConnection:
    """One database of a Milvus: a server, a cluster, or a file that the package `milvus-lite` serves in this process.

    `uri` is `http://host:port/database` or a path that ends with `.db`. Each process connects when it asks first, for a
    connection does not survive a fork, and anew when it has failed.
    """

    def __init__(self, uri: str, token: str = "") -> None:
        self.place = _place(uri)
        self._uri = uri
        self._token = token
        self._client: MilvusClient | None = None
        self._process = 0
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="milvus")
        self._next_try = 0.0

    def ask(self, call: "Callable[[MilvusClient], T]") -> T:
        """Return what a call of a client returns. Raises AwayError when that fails, or has just failed."""
        import grpc  # noqa: PLC0415  only who asks for Milvus has it
        from pymilvus import MilvusException  # noqa: PLC0415

        if time.monotonic() < self._next_try:
            raise AwayError(f"Milvus at {self.place} did not answer just now; is it running?")
        client = None
        try:
            client = self._connected()
            return call(client)
        except (MilvusException, grpc.RpcError, ValueError) as error:  # the last where another thread has closed it
            self._drop(client)
            raise AwayError(f"Milvus at {self.place} does not answer as it should: {_reason(error)}") from error

    async def during(self, work: Callable[[], T]) -> T:
        """Return what `work` does, in another thread: the loop goes on while it waits."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, copy_context().run, work)

    def _connected(self) -> "MilvusClient":
        from pymilvus import MilvusClient  # noqa: PLC0415  it takes a second to import

        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # it would log what is raised, with a traceback
        with self._lock:
            if self._client is None or self._process != os.getpid():
                self._client = MilvusClient(self._uri, token=self._token, timeout=_CONNECT_SECONDS, dedicated=True)
                self._process = os.getpid()
            return self._client

    def _drop(self, failed: "MilvusClient | None") -> None:
        """Forget the client that has failed, unless another thread has connected anew already."""
        with self._lock:
            self._next_try = time.monotonic() + _PAUSE_SECONDS
            is_ours = failed is self._client
            if failed is not None and is_ours:
                failed.close()
                self._client = None


def _place(uri: str) -> str:
    """Return where a URI leads, without the secrets that may stand in it."""
    if uri.endswith(".db"):
        return str(Path(uri))
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _reason(error: Exception) -> str:
    """Return the message of an error in one line."""
    return " ".join(str(error).split())
