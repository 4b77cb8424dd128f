"""What it takes to run the service, held against the service: unit, proxy, monitoring, and the page's own commands."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from indexer.edits import Edit
from service.administration import Administration
from service.app import create_app
from service.journal import Journal
from service.keys import KeyStore
from service.retriever import Retriever
from service.settings import Settings
from tests.benchmarks.load import free_port
from tests.fakes import PRACTICES, WordEncoder, small_source
from tests.live import Service, new_service
from tests.test_build import build, tiny_spec

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "OPERATIONS.md").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
ALERTS = [rule for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))
QUESTION = "/api/v1/search?top_k=4&q=retired%20masters%20who%20mentor%20apprentices"


def program(name: str) -> str:
    """Return the path of a program of this machine, or skip the test and say so."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"NOT CHECKED: there is no {name} on this machine")
    return found


def told(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program and return its status and what it says."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def commands(title: str) -> str:
    """Return the first commands below a title of the page."""
    [section] = re.findall(rf"^## {title}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return section.partition("```sh\n")[2]


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run commands of the page for the folders of a service, as a shell does that stops where one fails."""
    names = {"RELEASES": "releases", "STATE": "state", "CACHE": "cache"}
    environment = os.environ | {f"PRACTICES_{name}": str(folder / part) for name, part in names.items()}
    environment |= {"BACKUP": str(folder / "backup"), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def builder(service: Service) -> int:
    """Return the process of a service that builds; waits until there is one."""
    ended = time.monotonic() + 60
    while time.monotonic() < ended:
        children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
        for one in map(int, children):
            if b"apply-edits" in Path(f"/proc/{one}/cmdline").read_bytes():
                return one
        time.sleep(0.1)
    raise AssertionError("no process builds")


def bus(name: str) -> dict[str, str]:
    return {
        "id": name,
        "title": f"Night bus {name} for trainees",
        "description": "It takes trainees home.",
        "language": "en",
    }


@pytest.mark.model
def test_what_was_backed_up_while_it_was_running_answers_after_everything_was_lost(tmp_path: Path) -> None:
    service = new_service(tmp_path)
    service.start()
    try:
        assert service.ask("PUT", "/api/v1/admin/practices/early", bus("early"))[0] == 201
        service.until(lambda: service.ask("GET", "/api/v1/practices/early")[0] == 200)
        os.kill(builder(service), signal.SIGSTOP)
        assert service.ask("PUT", "/api/v1/admin/practices/late", bus("late"))[0] == 201
        assert service.ask("GET", "/api/v1/admin/edits")[1]["pending"] == 1
        before = [hit["practice"]["id"] for hit in service.ask("GET", QUESTION)[1]["hits"]]
        done = run(commands("Backup"), tmp_path)
        assert done.returncode == 0, done.stderr
        service.kill()
        for part in ("releases", "state", "cache"):
            shutil.rmtree(tmp_path / part)

        done = run(commands("Restore"), tmp_path)
        assert done.returncode == 0, done.stderr
        assert "answers: " in done.stdout
        assert [one.edit.practice_id for one in Journal(tmp_path / "state" / "journal.sqlite").pending()] == ["late"]
        service.start()
        assert service.ask("GET", "/api/v1/practices/early")[1]["title"] == bus("early")["title"]
        assert [hit["practice"]["id"] for hit in service.ask("GET", QUESTION)[1]["hits"]] == before
        service.until(lambda: service.ask("GET", "/api/v1/practices/late")[0] == 200)
        assert service.ask("PUT", "/api/v1/admin/practices/next", bus("next"))[0] == 201
    finally:
        service.kill()


def test_a_backup_that_was_damaged_is_not_restored(tmp_path: Path) -> None:
    KeyStore(tmp_path / "state" / "keys.sqlite").create("cms", ["write"])
    with Journal(tmp_path / "state" / "journal.sqlite").writing() as writer:
        writer.append(Edit("mentors", PRACTICES[0]), None, "cms")
    build(tmp_path)
    assert run(commands("Backup"), tmp_path).returncode == 0
    kept = tmp_path / "backup" / "state" / "journal.sqlite"
    assert [one.edit.practice_id for one in Journal(kept).pending()] == ["mentors"]
    assert kept.stat().st_mode & 0o077 == 0
    kept.write_bytes(kept.read_bytes() + b"\0")
    for part in ("releases", "state"):
        shutil.rmtree(tmp_path / part)

    done = run(commands("Restore"), tmp_path)

    assert done.returncode == 1
    assert "state/journal.sqlite: FAILED" in done.stdout
    assert not (tmp_path / "state").exists()


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the names of all that a service measures; of a process too."""
    folder = tmp_path_factory.mktemp("metrics")
    release = build(folder, small_source())
    administration = Administration.of(Settings(state=folder / "state"))
    app = create_app(Retriever(release), WordEncoder(tiny_spec()), queue_size=8, administration=administration)
    with TestClient(app) as client:
        client.get(QUESTION)
        client.get(QUESTION)
        text = client.get("/metrics").text
    names = set()
    for family in text_string_to_metric_families(text):
        names |= {"counter": {f"{family.name}_total"}}.get(family.type, {sample.name for sample in family.samples})
    return names


def expressions() -> list[str]:
    return [rule["expr"] for rule in ALERTS] + [
        target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
    ]


def test_dashboard_and_alerts_name_only_what_is_measured_and_all_of_ours(metrics: set[str]) -> None:
    named = set(re.findall(r"\b(?:practices|process)_[a-z_]+", " ".join(expressions())))

    assert "practices_stage_seconds_sum" in named
    assert named <= metrics
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in metrics if name.startswith("practices_")}
    assert families <= {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}


def test_every_alert_is_a_row_of_what_to_do_when() -> None:
    assert set(re.findall(r"`(Practices[A-Z][A-Za-z]+)`", PAGE)) == {rule["alert"] for rule in ALERTS}


def test_prometheus_accepts_its_configuration_and_the_alerts() -> None:
    done = told(program("promtool"), "check", "config", DEPLOY / "prometheus.yml")

    assert done.returncode == 0, done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


def test_only_settings_that_there_are_are_set() -> None:
    files = ("Dockerfile", "compose.yaml", "OPERATIONS.md", "deploy/practices.service")
    named = {one for file in files for one in re.findall(r"PRACTICES_[A-Z_]+", (ROOT / file).read_text())}

    assert "PRACTICES_STATE" in named
    assert named <= {f"PRACTICES_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_container_can_change_nothing_and_is_reached_from_this_machine_alone(name: str) -> None:
    service = COMPOSE["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    for volume in service["volumes"]:
        source = volume.partition(":")[0]
        if source.startswith("."):
            assert volume.endswith(":ro")
            assert (ROOT / source).is_file()
        else:
            assert source in COMPOSE["volumes"]


def test_the_unit_is_valid_and_confined(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    unit = tmp_path / "practices.service"
    unit.write_text((DEPLOY / "practices.service").read_text().replace("/opt/practices/bin/practices", "/bin/true"))

    verified = told(analyze, "verify", "--man=no", unit)
    secured = told(analyze, "security", "--offline=true", "--threshold=15", unit)  # tenths: 0 is best, 100 worst

    assert (verified.returncode, verified.stderr) == (0, "")
    assert secured.returncode == 0, secured.stdout


def test_the_proxy_writes_no_question_down_when_nobody_answers_and_when_it_refuses(tmp_path: Path) -> None:
    nginx, port = program("nginx"), free_port()
    text = (DEPLOY / "nginx.conf").read_text()
    for former, new in {"practices:8000": f"127.0.0.1:{free_port()}", "8080": f"127.0.0.1:{port}"}.items():
        text = text.replace(former, new)
    text = text.replace("/tmp/", f"{tmp_path}/").replace("burst=40", "burst=4")
    (tmp_path / "nginx.conf").write_text(text)
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [nginx, "-c", tmp_path / "nginx.conf", "-g", "daemon off;"], stdout=file, stderr=file
        )
    try:
        statuses = {status(f"http://127.0.0.1:{port}/?q=secretword{number}") for number in range(20)}
        assert statuses == {429, 502}
        assert status(f"http://127.0.0.1:{port}/metrics") == 404
        assert status(f"http://127.0.0.1:{port}/?q={'a' * 120_000}") in {429, 502}
        assert status(f"http://127.0.0.1:{port}/?q={'a' * 140_000}") == 414
    finally:
        process.terminate()
        process.wait(20)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and b"secretword" in path.read_bytes()]
    assert written == []


def status(address: str) -> int:
    """Return the status of an answer; waits until somebody answers."""
    ended = time.monotonic() + 20
    while True:
        try:
            with urlopen(address, timeout=20) as answer:
                return int(answer.status)
        except HTTPError as error:
            error.close()
            return error.code
        except OSError:
            if time.monotonic() > ended:
                raise
            time.sleep(0.1)


def test_every_file_target_and_command_of_the_page_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    for file in re.findall(r"\]\((?!https?:)([^)#]+)", PAGE) + re.findall(r"`(deploy/[a-z.-]+)`", PAGE):
        assert (ROOT / file).is_file(), file
    assert set(re.findall(r"`make\s+([a-z-]+)", PAGE)) <= set(targets)
    for command in re.findall(r"`practices ([a-z-]+(?: (?:create|revoke))?)", PAGE):
        assert f"`practices {command}" in readme, command


def test_the_numbers_for_sizing_are_those_that_the_readme_measured() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = PAGE.partition("## Sizing")[2].partition("The encoder")[0]
    numbers = set(re.findall(r"[0-9][0-9.,]*[0-9]", table))

    assert len(numbers) > 8
    assert [one for one in numbers if one not in readme] == []
