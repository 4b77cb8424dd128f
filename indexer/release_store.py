"""A store that releases are copied through: a folder, an S3-compatible store, or whatever else answers HTTP.

STORE/releases/ID/ has the files of a release as they lie on disk, its manifest the last of them; what has none is not
whole. STORE/current names the release that is to answer everywhere, STORE/next the one that was put there last.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.manifest import MANIFEST_FILE, read_manifest
from indexer.release_files import ReleaseError

if TYPE_CHECKING:
    from obstore import GetResult
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

NEXT = "next"

_PIECE = 2**23  # bytes of a file that are in memory at once
_MOST_NAMED = 200  # bytes of a file that names a release
_MOST_MANIFEST = 2**24  # bytes; that of the shipped catalogue has 43,000
_RELEASE_ID = re.compile(r"[0-9a-f]{12}")
_SECRET = re.compile(r"(?<=//)[^/@]*@")
_TIMES = re.compile(r" in [0-9.]+[^ ,]*s\b(, after [^-]*s)?")  # they differ each time, and the same error is told once

_CLIENT: "ClientConfig" = {"allow_http": True, "connect_timeout": "5s", "read_timeout": "30s", "timeout": "10m"}
_RETRIES: "RetryConfig" = {"max_retries": 5}  # within some seconds; who follows a store comes again later


class StoreError(ReleaseError):
    """A store of releases cannot be used; the message says what was asked of it, what it said and what to do."""


class ReleaseStore:
    """The releases at an address: a path, or a URL of a kind that obstore knows. Raises StoreError."""

    def __init__(self, address: str) -> None:
        self.address = _SECRET.sub("", address)
        self._files, self._root, self._errors = _opened(address)

    def named(self, name: str) -> str | None:
        """Return the id of the release that `current` or `next` names, None where there is no such file."""
        content = self._small(name, _MOST_NAMED)
        if content is None:
            return None
        release_id = content.decode("utf-8", "replace").strip()
        if not _RELEASE_ID.fullmatch(release_id):
            raise StoreError(
                f"{self.address}/{name} is {release_id[:30]!r}, expected the id of a release as `practices push` writes"
            )
        return release_id

    def name(self, name: str, release_id: str) -> None:
        """Let `current` or `next` name a release, in one step."""
        with self._asking(name):
            self._files.put(f"{self._root}{name}", f"{release_id}\n".encode())

    def manifest(self, release_id: str) -> bytes | None:
        """Return the manifest of a release as it was written, None where no whole release of that id is."""
        return self._small(_path(release_id, MANIFEST_FILE), _MOST_MANIFEST)

    def push(self, folder: Path) -> bool:
        """Copy a sound release there, its manifest last; return False where it is there whole, and stays as it is."""
        manifest = read_manifest(folder)
        if self.manifest(manifest.release_id) is not None:
            return False
        for name in (*sorted(manifest.files), MANIFEST_FILE):
            path = _path(manifest.release_id, name)
            with self._asking(path):
                self._files.put(f"{self._root}{path}", folder / name)
        return True

    def file(self, release_id: str, name: str) -> tuple[int, Iterator[bytes]]:
        """Return how many bytes a file of a release has, and its content, a piece at a time."""
        path = _path(release_id, name)
        with self._asking(path):
            found = self._files.get(f"{self._root}{path}")
            return int(found.meta["size"]), self._pieces(path, found)

    def _pieces(self, path: str, found: "GetResult") -> Iterator[bytes]:
        with self._asking(path):
            yield from found.stream(min_chunk_size=_PIECE)

    def _small(self, path: str, most: int) -> bytes | None:
        try:
            with self._asking(path):
                found = self._files.get(f"{self._root}{path}")
                size = int(found.meta["size"])
                content = bytes(found.bytes()) if size <= most else b""
        except StoreError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise
        if not content:
            raise StoreError(f"{self.address}/{path} has {size} bytes, expected 1 to {most}; is that a release store?")
        return content

    @contextmanager
    def _asking(self, path: str) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            said = " ".join(_TIMES.sub("", _SECRET.sub("", str(error)).partition("\n")[0]).split())
            raise StoreError(
                f"{self.address}/{path}: {said or repr(error)}; look at the address, the credentials and the store"
            ) from error


def _path(release_id: str, name: str) -> str:
    return f"releases/{release_id}/{name}"


def _opened(address: str) -> "tuple[ObjectStore, str, tuple[type[Exception], ...]]":
    """Return what reads and writes files there, what their paths begin with, and the errors that it raises."""
    try:
        from obstore.exceptions import BaseError  # noqa: PLC0415  the extra `store` has it; hardly any command needs it
        from obstore.store import LocalStore, from_url  # noqa: PLC0415
    except ImportError as error:
        raise StoreError("there is no obstore to reach a store with; install 'practices[store]'") from error
    errors = (OSError, ValueError, BaseError)
    if "://" not in address or address.startswith("file://"):
        folder = Path(address.removeprefix("file://")).expanduser().resolve()
        return LocalStore(), f"{folder.as_posix()[1:]}/", errors
    try:
        return from_url(address, client_options=_CLIENT, retry_config=_RETRIES), "", errors
    except errors as error:
        said = _SECRET.sub("", str(error)).partition("\n")[0]
        raise StoreError(f"{_SECRET.sub('', address)} is no store of releases: {said}") from error
