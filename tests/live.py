"""A real service in processes of its own, which tests ask, kill, stop and start again."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.registry import DEFAULT_ENCODER
from indexer.release import Release
from indexer.source import CatalogueSource
from service.keys import KeyStore
from service.loading import load_encoder
from service.settings import Settings
from tests.benchmarks.load import free_port
from tests.fakes import calibrated_source

PATIENCE_SECONDS = 90
_IN_A_ROW = 6  # answers that must agree, for there are several workers
_FOLDERS = {"RELEASES": "releases", "STATE": "state", "CACHE": "cache"}


@dataclass
class Service:
    """A service over the folders `releases`, `state` and `cache` in `folder`; `secret` is that of a key that writes."""

    folder: Path
    port: int
    secret: str
    workers: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of its processes."""
        folders = {f"PRACTICES_{name}": str(self.folder / part) for name, part in _FOLDERS.items()}
        return os.environ | folders | {f"PRACTICES_{name}": value for name, value in self.settings.items()}

    @property
    def pid(self) -> int:
        """Return the id of its first process, which is that of its group too."""
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> Path:
        """Return the file of all that it said."""
        return self.folder / "log"

    def launch(self) -> None:
        """Start it, and do not wait until it answers."""
        command = [sys.executable, "-m", "service", "serve", "--port", str(self.port), "--workers", str(self.workers)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.launch()
        self.until(lambda: self.ask("GET", "/health/ready")[0] == 200)

    def kill(self) -> None:
        """End all of its processes at once, so that none can put anything in order."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE_SECONDS)

    def stop(self) -> int:
        """Ask it to end, wait until it has, and return its status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(PATIENCE_SECONDS)

    def ask(self, method: str, path: str, record: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
        """Return status and content, on a connection of its own; status 0 where nobody answers."""
        body = None if record is None else json.dumps(record).encode()
        headers = {"Authorization": f"Bearer {self.secret}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())
        except OSError:
            return 0, {}

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so several times in a row."""
        ended, times = time.monotonic() + PATIENCE_SECONDS, 0
        while times < _IN_A_ROW:
            times = times + 1 if is_so() else 0
            assert time.monotonic() < ended
            time.sleep(0.05)

    def build(self, source: CatalogueSource) -> Release:
        """Build a release with the default encoder and make it current."""
        encoder = load_encoder(DEFAULT_ENCODER, Settings())
        cache = EmbeddingCache(self.folder / "cache", encoder.spec.identity, encoder.spec.dim)
        return build_release(source, encoder, releases=self.folder / "releases", cache=cache, progress=lambda *_: None)


def new_service(folder: Path, *, workers: int = 1, **settings: str) -> Service:
    """Return a service of a small calibrated catalogue that has not been started."""
    secret = KeyStore(folder / "state" / "keys.sqlite").create("cms", ["write"])
    found = Service(folder, free_port(), secret, workers, settings)
    found.build(calibrated_source())
    return found
