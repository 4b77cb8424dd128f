"""Where the vectors of releases are searched: in the release itself, or in a Milvus that holds a copy of them."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Protocol

from indexer.release import Release
from indexer.release_files import ReleaseError
from service.settings import Settings


class VectorHome(Protocol):
    """What holds the vectors of releases beside the folder of releases, and follows what is done to that."""

    def hold(self, release: Release) -> None:
        """Make sure that the vectors of a release can be searched. Raises ReleaseError."""
        ...

    def opened(self, release: Release) -> Release:
        """Return a release whose vectors are searched here. Raises ReleaseError where they are not held."""
        ...

    def let_answer(self, release: Release) -> None:
        """Make sure of the same, and note that it is this release that answers. Raises ReleaseError."""
        ...

    def remove(self, release_ids: Sequence[str]) -> None:
        """Remove what is held of releases that are gone. Raises ReleaseError."""
        ...


class InRelease:
    """Nothing is held beside the folder of a release, which is searched as it is."""

    def hold(self, release: Release) -> None:
        """Do nothing."""

    def opened(self, release: Release) -> Release:
        """Return the release as it is."""
        return release

    def let_answer(self, release: Release) -> None:
        """Do nothing: `current` says it."""

    def remove(self, release_ids: Sequence[str]) -> None:
        """Do nothing."""


def vector_home(settings: Settings) -> VectorHome:
    """Return that of the settings. Raises ReleaseError where a package or a setting is missing."""
    if settings.vectors == "faiss":
        return InRelease()
    if not settings.milvus_uri:
        raise ReleaseError(
            "PRACTICES_VECTORS is 'milvus' but PRACTICES_MILVUS_URI is empty, expected http://HOST:PORT or FILE.db"
        )
    if find_spec("pymilvus") is None:
        raise ReleaseError(
            "PRACTICES_VECTORS is 'milvus' but pymilvus is not installed; `pip install 'practices[milvus]'`"
        )
    from indexer.milvus_collections import MilvusCollections  # noqa: PLC0415  only who asks for it has the package
    from indexer.milvus_connection import MilvusConnection  # noqa: PLC0415

    return MilvusCollections(MilvusConnection(settings.milvus_uri, settings.milvus_token.get_secret_value()))
