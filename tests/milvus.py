"""A Milvus for tests: milvus-lite in this process, or the server that `tests.milvus_server` has started."""

import os
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from indexer.facets import FacetColumns
from indexer.milvus_collections import MilvusCollections
from indexer.milvus_connection import MilvusConnection
from indexer.passages import Passages
from indexer.practice import Practice
from indexer.release import Release
from indexer.release_files import VECTORS_FOLDER
from indexer.vectors import VectorIndex

SERVER = "PRACTICES_TEST_MILVUS"
"""The environment variable with the address of a server that tests use instead of milvus-lite."""

COUNTRIES = ("AT", "DE", "FR", "GR")


def milvus_uri(folder: Path) -> str:
    """Return where a Milvus of one's own is, as far as there is one."""
    return os.environ.get(SERVER) or str(folder / "milvus.db")


def is_lite() -> bool:
    return SERVER not in os.environ


def collections(uri: str, **options: int) -> MilvusCollections:
    return MilvusCollections(MilvusConnection(uri), **options)


def release_of(rows: np.ndarray, small: Release, folder: Path, *, most_exact: int) -> Release:
    """Return a release like a small one, but with these rows as the windows of practices, one each."""
    size = len(rows)
    index = VectorIndex.build(rows, folder / VECTORS_FOLDER, most_exact=most_exact)
    practices = [
        Practice(
            id=f"p{row}",
            title="A programme",
            country=COUNTRIES[row % len(COUNTRIES)] if row % 5 else None,
            region=f'Région "{row % 100}" or 1 == 1 \'\\',
            levels=tuple(f"level-{number}" for number in range(row % 4)),
        )
        for row in range(size)
    ]
    bounds, limits = np.arange(size + 1, dtype=np.int64), np.zeros((size, 2), dtype=np.int32)
    parts = replace(small.parts, vectors=index, facets=FacetColumns.build(practices), windows=Passages(bounds, limits))
    counts = replace(small.manifest.counts, practices=size, windows=size)
    manifest = replace(small.manifest, release_id=f"rows{size}", counts=counts, vectors=index.record)
    return Release(folder, manifest, parts)


class Wire:
    """A wire to a server that can be cut and mended; its address is `uri`."""

    def __init__(self, uri: str) -> None:
        host, _, port = uri.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self._listener: socket.socket | None = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self.uri = f"http://127.0.0.1:{self._port}"
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Close all connections, and take no new ones."""
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._listener = None
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open = []

    def mend(self) -> None:
        """Take connections at the same address again."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._target)
                self._open += [near, far]
                threading.Thread(target=_carry, args=(near, far), daemon=True).start()


def _carry(near: socket.socket, far: socket.socket) -> None:
    """Hand on what comes from either end until one of them is closed."""
    with near, far, suppress(OSError):
        while True:
            for one in select.select([near, far], [], [])[0]:
                content = one.recv(65_536)
                if not content:
                    return
                (far if one is near else near).sendall(content)


@contextmanager
def wire(uri: str) -> Iterator[Wire]:
    """Yield a wire to a Milvus; milvus-lite is started for it where the URI is a file."""
    if uri.endswith(".db"):
        from milvus_lite.server_manager import server_manager_instance

        uri = server_manager_instance.start_and_get_uri(uri)
    found = Wire(uri)
    try:
        yield found
    finally:
        if found._listener is not None:
            found.cut()
