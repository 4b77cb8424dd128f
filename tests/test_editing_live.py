"""A running service with workers: a change by API is found within seconds, and a kill after the answer loses none."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import Service, new_service

pytestmark = pytest.mark.model
QUESTION = "night+bus+for+trainees+who+live+far+away"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    found = new_service(tmp_path_factory.mktemp("live"), workers=2)
    found.start()
    try:
        yield found
    finally:
        found.kill()


def found_by(service: Service) -> list[str]:
    _, answer = service.ask("GET", f"/api/v1/search?q={QUESTION}&top_k=3")
    return [hit["practice"]["id"] for hit in answer.get("hits", [])]


def bus(name: str) -> dict[str, str]:
    return {
        "id": name,
        "title": f"Night bus {name} for trainees",
        "description": "A bus takes trainees who live far away home after the late shift.",
        "language": "en",
    }


def test_what_is_written_is_found_in_every_worker_and_what_is_removed_is_not(service: Service) -> None:
    assert "bus-1" not in found_by(service)
    assert service.ask("PUT", "/api/v1/admin/practices/bus-1", bus("bus-1"))[0] == 201
    service.until(lambda: "bus-1" in found_by(service))
    assert service.ask("DELETE", "/api/v1/admin/practices/bus-1", If_Match="*")[0] == 200
    service.until(lambda: "bus-1" not in found_by(service))
    assert service.ask("GET", "/api/v1/admin/edits")[1] | {"release": ""} == {
        "pending": 0,
        "last_edit": 2,
        "release": "",
        "fault": None,
    }


def test_a_change_that_was_answered_for_outlives_the_death_of_all_processes(service: Service) -> None:
    names = [f"late-{number}" for number in range(5)]
    for name in names:
        assert service.ask("PUT", f"/api/v1/admin/practices/{name}", bus(name))[0] == 201
        service.kill()
        assert service.ask("GET", "/health/live")[0] == 0
        service.start()
        assert service.ask("GET", f"/api/v1/admin/practices/{name}")[1]["title"] == bus(name)["title"]
    service.until(lambda: service.ask("GET", "/api/v1/admin/edits")[1].get("pending") == 0)
    for name in names:
        service.until(lambda name=name: service.ask("GET", f"/api/v1/practices/{name}")[0] == 200)


def test_the_process_that_builds_is_started_again_when_it_dies(service: Service) -> None:
    service.until(lambda: len(builders(service)) == 1)
    [former] = builders(service)
    os.kill(former, signal.SIGKILL)
    service.until(lambda: len(builders(service)) == 1 and builders(service) != [former])
    assert service.ask("PUT", "/api/v1/admin/practices/again", bus("again"))[0] == 201
    service.until(lambda: service.ask("GET", "/api/v1/practices/again")[0] == 200)


def builders(service: Service) -> list[int]:
    """Return the processes of the service's group that build."""
    assert service.process is not None
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes()
            group = (folder / "stat").read_text().rpartition(")")[2].split()[2]
        except OSError:
            continue
        if b"apply-edits" in command and group == str(service.process.pid):
            found.append(int(folder.name))
    return found
