"""What it takes to change practices: who may, where changes are kept, and what builds the next release of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Self

from indexer.release import linked_id
from indexer.release_files import CURRENT
from service.builder_process import BuilderProcess
from service.journal import Journal
from service.keys import KeyStore
from service.settings import Settings

_NEEDED = ("bm25s", "scikit-learn", "threadpoolctl")  # by a build, and not by a service that changes nothing


@dataclass(frozen=True, slots=True)
class Administration:
    """The keys, the journal, and the process that builds; `current_id` says which release should answer.

    `missing` names what would have to be installed to build a release.
    """

    keys: KeyStore
    journal: Journal
    builder: BuilderProcess
    current_id: Callable[[], str | None]
    missing: Sequence[str] = ()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return those of the settings."""
        keys, journal = KeyStore(settings.keys), Journal(settings.journal)
        builder = BuilderProcess(settings.state, keys, journal)
        missing = tuple(name for name in _NEEDED if not _is_installed(name))
        return cls(keys, journal, builder, lambda: linked_id(settings.releases, CURRENT), missing)


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
