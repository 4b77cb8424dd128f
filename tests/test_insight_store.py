"""Counts on disk: added up, ordered, readable by their owner alone, and a file that is none is refused by name."""

import sqlite3
import stat
from pathlib import Path

import pytest

from service.insight_store import Count, InsightsError, InsightStore
from service.redaction import Topic

MENTORING = Topic("approaches", "Mentoring", "good")
GERMAN = Topic("language", "de", "none")


@pytest.fixture
def store(tmp_path: Path) -> InsightStore:
    return InsightStore(tmp_path / "state" / "insights.sqlite")


def test_counts_are_added_to_those_of_the_same_week_and_topic(store: InsightStore) -> None:
    store.add({("2026-W48", MENTORING): 5, ("2026-W48", GERMAN): 6})
    store.add({("2026-W48", MENTORING): 1, ("2026-W49", MENTORING): 5})

    assert store.counts() == [
        Count("2026-W48", MENTORING, 6),
        Count("2026-W48", GERMAN, 6),
        Count("2026-W49", MENTORING, 5),
    ]


def test_counts_begin_with_the_week_that_is_asked_for(store: InsightStore) -> None:
    store.add({(week, MENTORING): 5 for week in ("2025-W52", "2026-W01", "2026-W10")})

    assert [one.week for one in store.counts("2026-W01")] == ["2026-W01", "2026-W10"]
    assert store.counts("2026-W11") == []


def test_nothing_is_made_by_reading(store: InsightStore) -> None:
    assert store.counts() == []
    assert not store.path.parent.exists()


def test_only_its_owner_may_read_the_file(store: InsightStore) -> None:
    store.add({("2026-W48", MENTORING): 5})

    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_two_stores_of_one_file_add_to_each_other(store: InsightStore) -> None:
    store.add({("2026-W48", MENTORING): 5})
    InsightStore(store.path).add({("2026-W48", MENTORING): 7})

    assert store.counts() == [Count("2026-W48", MENTORING, 12)]


def test_a_file_that_is_none_is_refused_by_name(store: InsightStore) -> None:
    store.path.parent.mkdir()
    store.path.write_text("no database " * 100, encoding="utf-8")

    for act in (store.counts, lambda: store.add({("2026-W48", MENTORING): 5})):
        with pytest.raises(InsightsError, match=r"insights\.sqlite: file is not a database; expected a file of counts"):
            act()


def test_all_or_nothing_is_added(store: InsightStore) -> None:
    store.add({("2026-W48", MENTORING): 5})
    with pytest.raises(InsightsError, match="NOT NULL"):
        store.add({("2026-W48", MENTORING): 1, ("2026-W48", GERMAN): None})  # type: ignore[dict-item]

    with sqlite3.connect(store.path) as connection:
        assert connection.execute("SELECT questions FROM counts").fetchall() == [(5,)]
