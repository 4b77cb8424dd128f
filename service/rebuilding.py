"""Turn the edits in the journal into the next release, once or for as long as a service runs."""

import logging
import os
import select
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from indexer.build import build_release, find_current
from indexer.edits import edited_source, entity_tag
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Encoder
from indexer.practice import Practice
from indexer.registry import EncoderError
from indexer.release import Release, load_release
from indexer.release_files import ReleaseError
from indexer.releases import prune
from service.indexing import make_current
from service.journal import Journal, JournalError, JournalledEdit
from service.release_encoder import load_release_encoder
from service.settings import Settings
from service.vector_home import vector_home

SECONDS = 0.2
"""Between two looks into the journal."""

_RETRY_SECONDS = 10.0  # after a build that failed: the disk may have room again
_NICENESS = 5  # questions are answered first
SLOW_IMPORTS = ("sklearn.linear_model", "sklearn.manifold", "sklearn.metrics", "bm25s")
"""What a build imports late; a process that waits for changes has it before the first one."""

_FAULTS = (EncoderError, JournalError, OSError, ReleaseError)

_LOG = logging.getLogger(__name__)


class Rebuilding:
    """Builds the release that follows the current one; the encoder stays loaded as long as it is the same."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._journal = Journal(settings.journal)
        self._vectors = vector_home(settings)
        self._encoder: Encoder | None = None

    def apply(self) -> Release | None:
        """Build and publish a release with all pending edits, and return it; None where nothing is pending.

        Raises ReleaseError, EncoderError, JournalError and OSError; then the edits stay pending.
        """
        pending = self._journal.pending()
        if not pending:
            return None
        settings, former = self._settings, load_release(self._settings.current)
        _report_conflicts(former, pending)
        source = edited_source(former, (one.edit for one in pending))
        encoder = self._encoder_of(former)
        release = find_current(settings.releases, source, encoder.spec) or build_release(
            source,
            encoder,
            releases=settings.releases,
            cache=EmbeddingCache(settings.cache, encoder.spec.identity, encoder.spec.dim),
            progress=lambda *_: None,
            activates=False,
        )
        make_current(release, settings, self._vectors)
        with self._journal.writing() as writer:
            writer.release(pending, release.manifest.release_id)
        self._vectors.remove(prune(settings.releases, settings.kept_releases))
        return release

    def follow(self) -> None:
        """Apply edits as they come, until the process that started this one closes the pipe to it."""
        os.nice(_NICENESS)
        for name in SLOW_IMPORTS:
            import_module(name)
        self._encoder_of(load_release(self._settings.current))
        pause = SECONDS
        while not _is_closed(pause):
            pause = SECONDS
            started = time.perf_counter()
            try:
                release = self.apply()
            except _FAULTS as error:
                _LOG.error("changes are kept but in no release yet: %s", error)
                with suppress(JournalError), self._journal.writing() as writer:  # the disk may be full: the log has it
                    writer.fail(str(error))
                pause = _RETRY_SECONDS
                continue
            if release is not None:
                seconds = time.perf_counter() - started
                _LOG.warning("release %s has the changes, built in %.1f s", release.manifest.release_id, seconds)

    def _encoder_of(self, release: Release) -> Encoder:
        """Return the encoder of a release; its folder, which the next release takes along, may be of another one."""
        known, identity = self._encoder, release.manifest.encoder.identity
        if known is None or known.spec.identity != identity or not _is_there(known.folder):
            known = self._encoder = load_release_encoder(release.folder, self._settings)
        return known


def _is_there(folder: Path | None) -> bool:
    """Say whether the files of an encoder are, if it has some: their release may have been removed."""
    return folder is None or folder.is_dir()


def _report_conflicts(former: Release, pending: Sequence[JournalledEdit]) -> None:
    """Log what was changed otherwise after an edit had been made, by a build from a file: the edit is taken."""
    practices = former.parts.practices
    expected: dict[str, set[str | None]] = {}
    for one in pending:
        known = expected.setdefault(one.edit.practice_id, {one.replaced})
        known.add(_tag(one.edit.practice))
    for practice_id, known in expected.items():
        row = practices.row(practice_id)
        if _tag(None if row is None else practices[row]) not in known:
            _LOG.warning("practice '%s' was changed by a catalogue too; the change by API is taken", practice_id)


def _tag(practice: Practice | None) -> str | None:
    return None if practice is None else entity_tag(practice)


def _is_closed(seconds: float) -> bool:
    """Wait, and say whether nobody holds the other end of the standard input any more."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(ready) and not os.read(sys.stdin.fileno(), 1)
