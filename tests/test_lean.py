"""A service that answers needs neither torch nor anything else that only builds: a release is all that it takes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from indexer.build import build_release
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Encoder
from indexer.registry import DEFAULT_ENCODER
from service.loading import load_encoder
from service.settings import Settings
from tests.fakes import calibrated_source

pytestmark = pytest.mark.model

HEAVY = ("onnx", "sentence_transformers", "sklearn", "torch", "transformers")
"""What builds a release and does not answer from it."""

REFUSED = (*HEAVY, "scipy")
"""What need not be installed: bm25s takes scipy where it is there, and goes without where it is not."""

REFUSE = """
import sys

class Refusal:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)

sys.meta_path.insert(0, Refusal())
"""

ASK = """
import json
import sys

from starlette.testclient import TestClient

from service.app import create_app_from_settings
from service.release_encoder import load_release_encoder
from service.settings import Settings

settings = Settings()
encoder = load_release_encoder(settings.current, settings)
with TestClient(create_app_from_settings(settings, lambda: encoder)) as client:
    answer = client.get("/api/v1/search", params={{"q": "retired masters who mentor apprentices", "top_k": 2}})
    pages = ["/?q=evening+school+for+adults", "/practices", "/practices/mentors", "/map", "/api/v1/index"]
    statuses = {{page: client.get(page).status_code for page in pages}}
answered = answer.json()
found = {{
    "status": answer.status_code,
    "ids": [hit["practice"]["id"] for hit in answered["hits"]],
    "verdict": answered["verdict"],
    "pages": statuses,
    "heavy": sorted(set({heavy}) & sys.modules.keys()),
}}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a release of four practices, built with the default encoder."""
    folder = tmp_path_factory.mktemp("home")
    encoder: Encoder = load_encoder(DEFAULT_ENCODER, Settings())
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, encoder.spec.dim)
    build_release(calibrated_source(), encoder, releases=folder / "releases", cache=cache, progress=lambda *_: None)
    return folder


def run(code: str, releases: Path, models: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRACTICES_")}
    environment = kept | {"PRACTICES_RELEASES": str(releases), "PRACTICES_MODELS": str(models)}
    command = [sys.executable, "-c", code.format(heavy=HEAVY, refused=REFUSED)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def ask(code: str, releases: Path, models: Path) -> dict[str, Any]:
    done = run(code, releases, models)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


ANSWERED = {
    "status": 200,
    "ids": ["mentors", "street-work"],
    "verdict": "good",
    "pages": dict.fromkeys(
        ("/?q=evening+school+for+adults", "/practices", "/practices/mentors", "/map", "/api/v1/index"), 200
    ),
    "heavy": [],
}


def test_answering_imports_nothing_that_only_builds(home: Path) -> None:
    assert ask(ASK, home / "releases", Settings().models) == ANSWERED


def test_a_copied_release_answers_where_nothing_that_builds_is_installed_and_no_weights_are(
    home: Path, tmp_path: Path
) -> None:
    releases, models = tmp_path / "releases", tmp_path / "models"
    models.mkdir()
    shutil.copytree(home / "releases", releases, symlinks=True)

    assert ask(REFUSE + ASK, releases, models) == ANSWERED
    assert list(models.iterdir()) == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_refuses_an_import_does_so(tmp_path: Path, name: str) -> None:
    done = run(REFUSE + f"import {name}", tmp_path, tmp_path)

    assert done.returncode == 1
    assert f"ModuleNotFoundError: No module named '{name}'" in done.stderr


def test_a_release_with_a_damaged_encoder_is_refused_with_one_message(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "releases", tmp_path / "releases", symlinks=True)
    graph = tmp_path / "releases" / "current" / "encoder" / "encoder.onnx"
    graph.write_bytes(graph.read_bytes() + b"\0")
    done = run(ASK, tmp_path / "releases", tmp_path)

    assert done.returncode == 1
    assert "encoder.onnx: sha256 is " in done.stderr
    assert "Traceback" not in done.stderr
