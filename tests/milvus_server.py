"""Run the tests of the search by Milvus on a real server, then kill it and start it again, all in a network of its own.

`python -m tests.milvus_server FOLDER` prints what pytest says, and as its last line a JSON object of what was answered
while the server was away and afterwards. The server listens on all interfaces: only call it where there is no network.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from milvus import MilvusServer, MilvusServerConfig
from pymilvus import MilvusClient
from starlette.testclient import TestClient

from service.app import create_app
from service.retriever import Retriever
from tests.fakes import WordEncoder, small_source
from tests.milvus import SERVER, collections
from tests.test_build import build, tiny_spec

TESTS = "tests/test_milvus_vectors.py"
QUESTION = "/api/v1/search?q=retired+masters+who+mentor+apprentices"
_PORT = 19_530
_PATIENCE_SECONDS = 180


def started(folder: Path) -> MilvusServer:
    """Return a server with its data in a folder, at the same port as a former one where there was one.

    For a minute after that the system keeps the port (TIME_WAIT), and the package would take the next one.
    """
    ended = time.monotonic() + _PATIENCE_SECONDS
    while True:
        server = MilvusServer(MilvusServerConfig(data_dir=str(folder), proxy_port=_PORT))
        try:
            server.start()
        except RuntimeError:
            if time.monotonic() > ended:
                raise
            time.sleep(1)
        else:
            return server


def outage(folder: Path, server: MilvusServer) -> tuple[MilvusServer, dict[str, object]]:
    """Kill the server while a service asks it, start it again, and return it and what the service answered."""
    words = WordEncoder(tiny_spec())
    release = build(folder / "outage", small_source(), words)
    uri = f"http://127.0.0.1:{server.listen_port}"
    _drop_all(uri)  # or it would load those of the tests again too, one after the other
    held = collections(uri)
    held.let_answer(release)
    with TestClient(create_app(Retriever(held.opened(release)), words, queue_size=64)) as client:
        before = client.get(QUESTION)
        server.server_proc.kill()
        server.server_proc.wait()
        away, unready = client.get(QUESTION), client.get("/health/ready")
        server.stop()
        server = started(folder / "data")
        ended = time.monotonic() + _PATIENCE_SECONDS
        while client.get("/health/ready").status_code != 200 and time.monotonic() < ended:
            time.sleep(0.2)
        after, fault = client.get(QUESTION), client.get("/health/ready").json()["fault"]
    said = {
        "before": before.status_code,
        "away": away.status_code,
        "ready": unready.status_code,
        "after": after.status_code,
        "fault": fault,
        "same": before.json().get("hits") == after.json().get("hits") != [],
    }
    return server, said


def _drop_all(uri: str) -> None:
    client = MilvusClient(uri, dedicated=True)
    for name in client.list_collections():
        for alias in client.list_aliases(name)["aliases"]:
            client.drop_alias(alias)
        client.drop_collection(name)
    client.close()


def main(folder: Path) -> None:
    """Do both."""
    server = started(folder / "data")
    try:
        environment = os.environ | {SERVER: f"http://127.0.0.1:{server.listen_port}"}
        command = [sys.executable, "-m", "pytest", TESTS, "-p", "no:cacheprovider"]
        subprocess.run(command, env=environment, check=False)
        server, said = outage(folder, server)
    finally:
        server.stop()
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
