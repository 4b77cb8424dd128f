"""Give a folder to make something in that nobody sees half made; what killed processes left behind is removed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = ".draft-"


@contextmanager
def draft_folder(parent: Path) -> Iterator[Path]:
    """Give an empty folder inside `parent`; rename it away to keep it, what is left when the block ends is removed.

    A draft is locked as long as its process lives, so an unlocked one is abandoned: it is removed here.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for abandoned in parent.glob(f"{_PREFIX}*"):
        _remove_abandoned(abandoned)
    folder, descriptor = _locked_folder(parent)
    try:
        yield folder
    finally:
        os.close(descriptor)
        shutil.rmtree(folder, ignore_errors=True)


def _locked_folder(parent: Path) -> tuple[Path, int]:
    """Return a new folder and the descriptor that locks it; another process may remove one until it is locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        try:
            folder.chmod(0o755)
            descriptor = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if folder.exists():
            return folder, descriptor
        os.close(descriptor)


def _remove_abandoned(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)
