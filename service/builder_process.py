"""Keep one process beside the workers that builds releases of the changes made by API, as long as there are any."""

import asyncio
import fcntl
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from service.journal import Journal
from service.keys import KeyStore

SECONDS = 1.0
"""Between two looks whether the process is needed and runs."""

_RESTART_SECONDS = 5.0

_LOCK_FILE = "builder.lock"
_COMMAND = (sys.executable, "-m", "service", "apply-edits", "--follow")
_PATIENCE_SECONDS = 10.0  # for a build to end by itself


class BuilderProcess:
    """Starts and watches the process. Each worker has one of these; the one that holds the lock has the process.

    The process ends when its standard input is closed, which the system does for a worker that was killed.
    """

    def __init__(self, state: Path, keys: KeyStore, journal: Journal) -> None:
        self._state = state
        self._keys = keys
        self._journal = journal

    async def keep(self) -> None:
        """Keep the process running until this is cancelled; nobody who could write, and it is not started."""
        while not await asyncio.to_thread(self._is_needed):
            await asyncio.sleep(SECONDS)
        self._state.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._state / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _is_locked(lock):
                await asyncio.sleep(SECONDS)
            while True:
                await _run()
                await asyncio.sleep(_RESTART_SECONDS)
        finally:
            os.close(lock)

    def _is_needed(self) -> bool:
        return (
            any("write" in key.scopes and key.is_valid(datetime.now(UTC)) for key in self._keys.all())
            or self._journal.state().pending > 0
        )


def _is_locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _run() -> None:
    """Run the process until it ends or this is cancelled; then it may end what it is at."""
    process = subprocess.Popen(_COMMAND, stdin=subprocess.PIPE)  # noqa: S603  our own command
    try:
        while process.poll() is None:
            await asyncio.sleep(SECONDS)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # a build that is killed changes nothing
            process.wait()
