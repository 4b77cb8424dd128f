"""Counts of what is asked: nothing of fewer than five questions, each question once, off the disk while it answers."""

import asyncio
import threading
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from indexer.build import build_release
from service import insights as module
from service.app import create_app
from service.filters import Filters
from service.insight_store import Count, InsightsError, InsightStore
from service.insights import Insights, week_of
from service.redaction import Topic
from service.retriever import Retriever
from service.wording import LANGUAGES, wording
from tests.fakes import WordEncoder, calibrated_source, fake_spec
from tests.test_redaction import asked

ALL = Topic("all", "questions", "good")
MENTORING = Topic("approaches", "Mentoring", "good")
WEEK = date(2026, 11, 26)
COUNTED = "This service counts what questions are about"
NOT_COUNTED = "What questions are about is not counted either."


class Store(InsightStore):
    """A store in memory, of which the disk may be full; `threads` are those that wrote."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.kept: dict[tuple[str, Topic], int] = {}
        self.threads: list[int] = []
        self.is_full = False

    def add(self, counted: Mapping[tuple[str, Topic], int]) -> None:
        self.threads.append(threading.get_ident())
        if self.is_full:
            raise InsightsError("insights.sqlite: database or disk is full")
        for key, number in counted.items():
            self.kept[key] = self.kept.get(key, 0) + number

    def of(self, topic: Topic) -> int:
        return sum(number for (_, one), number in self.kept.items() if one == topic)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def insights(store: Store) -> Insights:
    return Insights(store, lambda: WEEK)


def write(insights: Insights) -> None:
    asyncio.run(insights.write())


def test_a_week_is_that_of_iso_8601() -> None:
    assert [week_of(day) for day in (WEEK, date(2027, 1, 3), date(2024, 12, 30))] == [
        "2026-W48",
        "2026-W53",
        "2025-W01",
    ]


def test_what_four_questions_share_is_not_written_and_what_five_share_is(
    retriever: Retriever, insights: Insights, store: Store
) -> None:
    for number in range(4):
        insights.count(asked(retriever, f"mentoring number{number}"))
    write(insights)
    assert store.kept == {}

    insights.count(asked(retriever, "mentoring at last"))
    write(insights)
    assert store.kept["2026-W48", MENTORING] == 5
    assert store.kept["2026-W48", ALL] == 5

    insights.count(asked(retriever, "mentoring once more"))
    write(insights)
    assert store.of(MENTORING) == 6


def test_each_verdict_needs_five_questions_of_its_own(retriever: Retriever, insights: Insights, store: Store) -> None:
    for number in range(9):
        insights.count(asked(retriever, f"mentoring number{number}", verdict="good" if number < 5 else "none"))
    write(insights)

    assert store.of(MENTORING) == 5
    assert {topic.verdict for _, topic in store.kept} == {"good"}


@pytest.mark.parametrize("again", ["who mentors", "Who  MENTORS", "whó mentors\n"])
def test_the_same_question_counts_once(again: str, retriever: Retriever, insights: Insights, store: Store) -> None:
    for _ in range(9):
        insights.count(asked(retriever, "who mentors"))
        insights.count(asked(retriever, again, Filters(country=("DE",)), verdict="good"))
    for number in range(3):
        insights.count(asked(retriever, f"who mentors number{number}"))
    write(insights)
    assert store.kept == {}

    insights.count(asked(retriever, "who mentors whom"))
    write(insights)
    assert store.of(ALL) == 5


def test_a_question_that_was_forgotten_cannot_help_over_the_threshold(
    retriever: Retriever, insights: Insights, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_QUESTIONS", 1)
    insights._begin("2026-W48")
    for number in range(20):
        insights.count(asked(retriever, f"mentoring number{number % 4}"))
    write(insights)

    assert store.kept == {}


def test_topics_that_were_forgotten_begin_anew(
    retriever: Retriever, insights: Insights, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_TOPICS", 1)
    insights._begin("2026-W48")
    for number in range(9):
        insights.count(asked(retriever, f"mentoring number{number}"))
    write(insights)

    assert store.kept == {}
    assert len(insights._tallies) == 1


def test_what_is_not_shared_is_forgotten_with_the_week(retriever: Retriever, store: Store) -> None:
    days = iter([WEEK, *[WEEK] * 4, *[date(2026, 12, 1)] * 5])
    insights = Insights(store, lambda: next(days))
    hashed = insights._hashed
    for number in range(8):
        insights.count(asked(retriever, f"mentoring number{number}"))
    write(insights)
    assert store.kept == {}
    assert insights._hashed is not hashed

    insights.count(asked(retriever, "mentoring number8"))
    write(insights)
    assert store.kept["2026-W49", MENTORING] == 5
    assert {week for week, _ in store.kept} == {"2026-W49"}


def test_what_was_shared_before_the_week_ended_is_still_written(retriever: Retriever, store: Store) -> None:
    days = iter([*[WEEK] * 6, date(2026, 12, 1)])
    insights = Insights(store, lambda: next(days))
    for number in range(6):
        insights.count(asked(retriever, f"mentoring number{number}"))
    write(insights)

    assert store.kept["2026-W48", MENTORING] == 5


def test_in_memory_are_hashes_until_five_questions_share_it(retriever: Retriever, insights: Insights) -> None:
    for number in range(4):
        insights.count(asked(retriever, f"Zuzanna mentoring number{number}"))

    held = repr((insights._questions, insights._tallies, insights._unwritten)).lower()
    assert len(insights._questions) == 4
    assert not any(word in held for word in ("zuzanna", "mentoring", "number", "good"))


def test_two_processes_do_not_sum_up_to_what_five_share(retriever: Retriever, store: Store) -> None:
    for process in (Insights(store, lambda: WEEK), Insights(store, lambda: WEEK)):
        for number in range(4):
            process.count(asked(retriever, f"mentoring number{number} {id(process)}"))
        write(process)

    assert store.kept == {}


def test_a_full_disk_is_told_once_and_nothing_is_lost(
    retriever: Retriever, insights: Insights, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.is_full = True
    for number in range(5):
        insights.count(asked(retriever, f"mentoring number{number}"))
    for _ in range(3):
        write(insights)
    insights.count(asked(retriever, "mentoring number5"))
    write(insights)
    assert [record.getMessage() for record in caplog.records] == [
        "counts of what is asked cannot be written, and wait in memory: insights.sqlite: database or disk is full"
    ]

    store.is_full = False
    write(insights)
    assert store.of(MENTORING) == 6
    write(insights)
    assert store.of(MENTORING) == 6


def test_it_is_written_from_time_to_time_and_at_the_end_in_another_thread(
    retriever: Retriever, insights: Insights, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.01)

    async def run() -> None:
        task = asyncio.create_task(insights.keep())
        for number in range(5):
            insights.count(asked(retriever, f"mentoring number{number}"))
        while not store.kept:
            await asyncio.sleep(0.01)
        monkeypatch.setattr(module, "SECONDS", 60)
        await asyncio.sleep(0.05)
        insights.count(asked(retriever, "mentoring number5"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert store.of(MENTORING) == 6
    assert threading.get_ident() not in store.threads


def test_counting_takes_no_longer_than_a_small_part_of_an_answer(retriever: Retriever, insights: Insights) -> None:
    questions = [
        asked(retriever, f"number{number} mentors for apprentices who think of quitting") for number in range(300)
    ]
    started = time.process_time()
    for one in questions:
        insights.count(one)

    assert (time.process_time() - started) / len(questions) < 0.003  # measured: .0002


def client(release_folder: Path, cache, insights: Insights | None) -> TestClient:
    encoder = WordEncoder(fake_spec())
    release = build_release(
        calibrated_source(), encoder, releases=release_folder, cache=cache, progress=lambda *_: None
    )
    return TestClient(create_app(Retriever(release), encoder, queue_size=8, insights=insights))


def test_questions_on_pages_and_by_the_api_count_and_nothing_else(
    tmp_path: Path, cache, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    insights = Insights(store, lambda: WEEK)
    counted: list[str] = []
    monkeypatch.setattr(insights, "count", lambda one: counted.append(one.question.text))
    with client(tmp_path / "releases", cache, insights) as service:
        assert service.get("/", params={"q": "one page"}).status_code == 200
        assert service.get("/map", params={"q": "two map"}).status_code == 200
        assert service.get("/api/v1/search", params={"q": "three call"}).status_code == 200
        assert service.post("/api/v1/search", json={"query": "four call"}).status_code == 200
        for path in ("/", "/map", "/practices", "/practices.atom?q=feed", "/download/practices.csv?q=file", "/about"):
            assert service.get(path).status_code == 200
        assert service.post("/api/v1/similar", json={"title": "programme"}).status_code == 200
        assert service.post("/embed/related.json", json={"text": "a page"}).status_code == 200
        assert service.get("/api/v1/search", params={"q": ""}).status_code == 422

    assert counted == ["one page", "two map", "three call", "four call"]


def test_the_end_of_the_service_writes_what_was_counted(tmp_path: Path, cache) -> None:
    kept = InsightStore(tmp_path / "state" / "insights.sqlite")
    with client(tmp_path / "releases", cache, Insights(kept, lambda: WEEK)) as service:
        verdicts = {
            service.get("/api/v1/search", params={"q": f"retired masters mentor apprentices {day}"}).json()["verdict"]
            for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
        }
        assert not kept.path.exists()

    [verdict] = verdicts
    assert Count("2026-W48", Topic("all", "questions", verdict), 6) in kept.counts()
    assert Count("2026-W48", Topic("approaches", "Mentoring", verdict), 6) in kept.counts()


def test_a_full_disk_breaks_no_answer(tmp_path: Path, cache, store: Store) -> None:
    store.is_full = True
    with client(tmp_path / "releases", cache, Insights(store, lambda: WEEK)) as service:
        found = [service.get("/api/v1/search", params={"q": f"mentors {number}"}) for number in range(6)]

    assert [one.status_code for one in found] == [200] * 6
    assert len(store.threads) == 1


@pytest.mark.parametrize(("told", "other"), [(NOT_COUNTED, COUNTED), (COUNTED, NOT_COUNTED)])
def test_the_page_about_the_service_says_in_every_language_which_holds(
    told: str, other: str, tmp_path: Path, cache, store: Store
) -> None:
    insights = Insights(store) if told == COUNTED else None
    shown = set()
    with client(tmp_path / "releases", cache, insights) as service:
        english = service.get("/about?lang=en").text
        assert told in english
        assert other not in english
        [text] = [line.strip()[3:-4] for line in english.splitlines() if f"<p>{told}" in line]
        for language in LANGUAGES:
            expected = wording(language).gettext(text)
            assert f"<p>{expected}</p>" in service.get(f"/about?lang={language}").text
            shown.add(expected)

    assert len(shown) == len(LANGUAGES) == 24
