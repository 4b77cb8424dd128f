"""A real service that counts: a planted name, address and number are nowhere, and only what is shared is on disk."""

import json
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.live import Service, new_service

pytestmark = pytest.mark.model

PLANTED = ("zuzanna", "nowak", "601-234-567", "601234567", "example.org")
SIX = (
    "Wer hilft Lehrlingen wie Zuzanna Nowak, die aufhören wollen?",
    "Mein Lehrling will abbrechen, zuzanna.nowak@example.org fragt nach einem Mentor",
    "Welcher Meister berät Lehrlinge? Bitte Zuzanna anrufen: +48 601-234-567",
    "Lehrling zuzanna braucht jede Woche Rat von einem Meister",
    "Pensionierte Meister beraten Lehrlinge, siehe https://example.org/zuzanna?tel=601234567",
    "ZUZANNA NOWAK ist Lehrling und denkt ans Aufhören",
)
FOUR = (
    "Zuzanna Nowak est souvent absente: absences répétées des élèves",
    "Que faire contre les absences de Zuzanna?",
    "Appeler les parents le premier jour d'absence: 601-234-567",
    "Les absences des élèves malades, zuzanna@example.org",
)

OF_OTHERS = ("log", "builder.lock")
"""Files that are written without a question too."""


def ask_all(service: Service) -> list[str]:
    """Ask all questions, each in two ways and each twice, and return the verdicts of the six."""
    service.start()
    verdicts = []
    for question in (*SIX, *FOUR):
        for _ in range(2):
            status, answer = service.ask("GET", f"/api/v1/search?q={quote(question)}&country=Zuzanna&country=DE")
            assert status == 200
        verdicts.append(answer["verdict"])
        asked = {"query": question}
        assert service.ask("POST", "/api/v1/search", asked, Content_Type="application/json")[0] == 200
    assert service.stop() in (0, -signal.SIGTERM)
    return verdicts[: len(SIX)]


def traces(folder: Path) -> list[tuple[str, str]]:
    """Return each file, temporary ones too, and what of the planted it has in its name or content."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert folder / "log" in files
    return [
        (path.name, planted)
        for path in files
        for planted in PLANTED
        if planted.encode() in path.read_bytes().lower() or planted in path.name.lower()
    ]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service that has not been started, whose temporary files are in its folder too."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    found = new_service(tmp_path, LOG="json")
    yield found
    found.kill()


def test_what_six_questions_share_is_counted_and_a_planted_name_is_nowhere(service: Service) -> None:
    service.settings = {**service.settings, "INSIGHTS": "true"}
    verdicts, folder = ask_all(service), service.folder

    [verdict] = set(verdicts)
    with sqlite3.connect(folder / "state" / "insights.sqlite") as connection:
        counts = connection.execute("SELECT kind, value, verdict, questions FROM counts").fetchall()
    assert ("concept", "apprentices", verdict, 6) in counts
    assert ("language", "de", verdict, 6) in counts
    assert not [row for row in counts if row[0] == "concept" and row[1] == "absence"]
    assert not [row for row in counts if row[:2] == ("language", "fr")]
    assert all(questions >= 5 for *_, questions in counts)
    assert traces(folder) == []
    lines = [json.loads(line) for line in (folder / "log").read_text(encoding="utf-8").splitlines()]
    assert len([line for line in lines if line.get("route") == "/api/v1/search"]) == 3 * len((*SIX, *FOUR))


def test_by_default_nothing_at_all_is_written(service: Service) -> None:
    folder = service.folder
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    ask_all(service)

    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    changed = [path for path, moment in after.items() if before.get(path) != moment and path.is_file()]
    assert [path for path in changed if path.name not in OF_OTHERS] == []
    assert traces(folder) == []
