"""Put a release into a store, and get releases out of it: once, or for as long as a service answers from them."""

import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from indexer.pulling import pull
from indexer.release import activate, linked_id, load_release
from indexer.release_files import CURRENT, ReleaseError
from indexer.release_store import NEXT, ReleaseStore, StoreError
from indexer.releases import find_release, prune
from service.settings import Settings
from service.terminal import OUT, printable

LONGEST_WAIT = 60.0
"""Seconds until what has failed again and again is tried once more."""

_LOG = logging.getLogger(__name__)


def push_release(settings: Settings, address: str, name: str, *, activates: bool) -> None:
    """Put a release into a store, and let it answer everywhere if it `activates`.

    One that is there whole is not sent again, and need not be on this machine any more. Raises ReleaseError.
    """
    store = ReleaseStore(address)
    try:
        folder = find_release(settings.releases, name)
    except ReleaseError:
        if store.manifest(name) is None:
            raise
        release_id, is_new = name, False
    else:
        release_id, is_new = load_release(folder).manifest.release_id, store.push(folder)
    store.name(NEXT, release_id)
    if activates:
        store.name(CURRENT, release_id)
    done = "is pushed to" if is_new else "was whole in"
    effect = "answers everywhere soon" if activates else "is fetched by those who follow; `--activate` lets it answer"
    OUT.print(printable(f"{release_id} {done} {store.address}; it {effect}"), soft_wrap=True)


def pull_release(settings: Settings, address: str) -> None:
    """Get the current release of a store and make it current here. Raises ReleaseError; then nothing has changed."""
    store = ReleaseStore(address)
    release_id = store.named(CURRENT)
    if release_id is None:
        raise StoreError(f"{store.address} names no current release; `practices push STORE --activate` does")
    pull(store, release_id, settings.releases)
    activate(settings.releases, release_id)
    OUT.print(printable(f"{release_id} is current"))


def follow_store(settings: Settings, address: str, *, seconds: float) -> None:
    """Keep the current release that of a store until the process is asked to end; fetch the next one beforehand."""
    signal.signal(signal.SIGTERM, _end)  # the first process of a container has no other way to be asked
    replica = Replica(settings, ReleaseStore(address))
    while True:
        replica.look()
        time.sleep(seconds)


def _end(*_: object) -> None:
    raise SystemExit(0)


@dataclass(frozen=True, slots=True)
class _Failure:
    told: str
    times: int
    again: float
    """When it is tried again, by the clock of this process."""


@dataclass
class Replica:
    """The releases of one machine, which follow those of a store."""

    settings: Settings
    store: ReleaseStore
    _named: dict[str, str | None] = field(default_factory=dict)
    _fetched: str | None = None
    _failures: dict[str, _Failure] = field(default_factory=dict)

    def look(self) -> None:
        """Look once which release is to answer, and which one next.

        What fails is a line of the log, is tried again after ever longer, and leaves the release that answers.
        """
        if not self._attempt(self.store.address, self._read_names):
            return
        current, coming = self._named[CURRENT], self._named[NEXT]
        if current is not None and current != self._answering():
            self._attempt(current, partial(self._get, current, activates=True))
        if coming is not None and coming not in (current, self._fetched):
            self._attempt(coming, partial(self._get, coming, activates=False))

    def _read_names(self) -> None:
        self._named = {name: self.store.named(name) for name in (CURRENT, NEXT)}

    def _answering(self) -> str | None:
        """Return the id of the current release of this machine, None where its folder is gone."""
        return linked_id(self.settings.releases, CURRENT) if self.settings.current.exists() else None

    def _get(self, release_id: str, *, activates: bool) -> None:
        if pull(self.store, release_id, self.settings.releases):
            _LOG.info("release %s is fetched from %s", release_id, self.store.address)
        self._fetched = release_id
        if activates:
            activate(self.settings.releases, release_id)
            _LOG.info("release %s is current", release_id)
            prune(self.settings.releases, self.settings.kept_releases)

    def _attempt(self, what: str, attempt: Callable[[], None]) -> bool:
        """Do something, and return whether it was done; it is not while the wait after a failure lasts."""
        former = self._failures.get(what)
        if former is not None and time.monotonic() < former.again:
            return False
        try:
            attempt()
        except (ReleaseError, OSError) as error:
            times = former.times + 1 if former else 0
            again = time.monotonic() + min(2.0**times, LONGEST_WAIT)
            self._failures[what] = _Failure(str(error), times, again)
            if former is None or former.told != str(error):
                _LOG.error("%s; release %s goes on answering", error, self._answering() or "none")
            return False
        if self._failures.pop(what, None) is not None:
            _LOG.info("%s: all is well again", what)
        return True
