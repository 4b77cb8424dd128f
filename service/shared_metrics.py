"""Let several processes count as one: each writes its numbers into a folder, of which they are summed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client decides by it when it is imported


@contextmanager
def shared_metrics() -> Iterator[None]:
    """Let the processes that are forked inside share their metrics; what counts is imported inside too.

    The folder is removed by the process that made it: those forked leave the block as well.
    """
    maker = os.getpid()
    folder = os.environ[_FOLDER] = tempfile.mkdtemp(prefix="practices-metrics-")
    try:
        yield
    finally:
        if os.getpid() == maker:
            shutil.rmtree(folder)
