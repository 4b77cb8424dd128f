"""An installed wheel works like the checkout: what travels with the code is found inside it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from indexer.shipped import shipped_path

ROOT = Path(__file__).parents[1]
SHIPPED = (
    "models/registry.toml",
    "data/catalogue/practices.jsonl",
    "data/catalogue/vocabulary.toml",
    "data/catalogue/thesaurus.toml",
    "data/catalogue/probes.jsonl",
    "data/catalogue/roles.jsonl",
    "data/qrels/queries.jsonl",
    "data/qrels/qrels.txt",
    "data/qrels/problems.jsonl",
    "data/qrels/held-out-queries.jsonl",
    "data/qrels/held-out-qrels.txt",
    "data/qrels/held-out-problems.jsonl",
    "data/qrels/held-out-verdicts.jsonl",
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, tmp_path: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(installed), "XDG_DATA_HOME": str(tmp_path)}
    environment = {name: value for name, value in environment.items() if not name.startswith("PRACTICES_")}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


@pytest.mark.parametrize("relative", SHIPPED)
def test_a_shipped_file_in_the_wheel_is_that_of_the_checkout(installed: Path, tmp_path: Path, relative: str) -> None:
    code = f"from indexer.shipped import shipped_path; print(shipped_path({relative!r}))"
    found = Path(run(installed, tmp_path, "-c", code))

    assert installed in found.parents
    assert found.read_bytes() == shipped_path(relative).read_bytes()


def test_an_installed_wheel_keeps_what_it_makes_in_the_users_data_folder(installed: Path, tmp_path: Path) -> None:
    code = "from service.settings import Settings; print(Settings().releases)"

    assert Path(run(installed, tmp_path, "-c", code)) == tmp_path / "practices" / "data" / "releases"


def test_the_wheel_checks_its_own_catalogue(installed: Path, tmp_path: Path) -> None:
    code = "from indexer.shipped import shipped_path; print(shipped_path('data/catalogue/practices.jsonl'))"
    catalogue = run(installed, tmp_path, "-c", code)

    assert "practices.jsonl: 75 practices, no bad row" in run(installed, tmp_path, "-m", "service", "check", catalogue)
