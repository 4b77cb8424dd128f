"""`practices insights`: what the catalogue lacks comes first, and what is not kept is shown as such."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.__main__ import app
from service.insight_store import InsightStore
from service.redaction import Topic

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InsightStore:
    monkeypatch.setenv("PRACTICES_STATE", str(tmp_path))
    monkeypatch.setattr("service.insight_command.OUT._width", 100)
    return InsightStore(tmp_path / "insights.sqlite")


def fill(store: InsightStore) -> None:
    store.add(
        {
            ("2026-W47", Topic("approaches", "Mentoring", "good")): 9,
            ("2026-W48", Topic("approaches", "Mentoring", "good")): 8,
            ("2026-W48", Topic("approaches", "Outreach", "good")): 5,
            ("2026-W48", Topic("approaches", "Outreach", "none")): 7,
            ("2026-W48", Topic("language", "de", "weak")): 6,
        }
    )


def rows(printed: str) -> list[list[str]]:
    """Return the cells of the lines of a table that begin with a kind."""
    lines = [line.strip("│┃ \n") for line in printed.splitlines()]
    cells = [[cell.strip() for cell in line.split("│")] for line in lines]
    return [line for line in cells if line[0] in ("approaches", "language")]


def test_what_the_catalogue_lacks_comes_first_within_a_kind(store: InsightStore, capsys) -> None:
    fill(store)
    found = RUNNER.invoke(app, ["insights"], catch_exceptions=False)

    assert found.exit_code == 0
    assert rows(capsys.readouterr().out or found.output) == [
        ["approaches", "Outreach", "7", "·", "5", "·"],
        ["approaches", "Mentoring", "·", "·", "17", "·"],
        ["language", "de", "·", "6", "·", "·"],
    ]


def test_json_has_each_week_from_the_one_that_is_asked_for(store: InsightStore) -> None:
    fill(store)
    found = RUNNER.invoke(app, ["insights", "--since", "2026-W48", "--json"], catch_exceptions=False)

    assert json.loads(found.stdout)[0] == {
        "week": "2026-W48",
        "kind": "approaches",
        "value": "Mentoring",
        "verdict": "good",
        "questions": 8,
    }
    assert [one["questions"] for one in json.loads(found.stdout)] == [8, 5, 7, 6]


@pytest.mark.parametrize("week", ["2026", "2026-W54", "2026-W00", "W48", "2026-W480"])
def test_what_is_no_week_is_refused(week: str) -> None:
    found = RUNNER.invoke(app, ["insights", "--since", week])

    assert found.exit_code == 2
    assert "expected an ISO week" in found.output


def test_where_nothing_was_counted_it_is_said_what_to_do(capsys, monkeypatch, tmp_path: Path) -> None:
    assert RUNNER.invoke(app, ["insights", "--json"]).stdout == "[]\n"
    for setting, hint in (("false", True), ("true", False)):
        monkeypatch.setenv("PRACTICES_INSIGHTS", setting)
        found = RUNNER.invoke(app, ["insights"], catch_exceptions=False)
        told = capsys.readouterr().err + found.output
        assert "nothing has been counted" in told
        assert ("PRACTICES_INSIGHTS" in told) is hint
    assert list(tmp_path.iterdir()) == []
