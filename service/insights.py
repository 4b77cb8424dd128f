"""Count what questions are about, without keeping a question: what fewer than five share is never written down."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from cachetools import LRUCache
from starlette.types import ASGIApp, Receive, Scope, Send

from indexer.thesaurus import fold
from service.insight_store import InsightStore
from service.redaction import FEWEST, Asked, Topic, spelt, topics_of
from service.salted_hash import SaltedHash

SECONDS = 60.0
"""Between two times that counts are written."""

_COUNTED_ROUTES = frozenset(("/", "/map", "/api/v1/search"))  # where people ask; feeds and widgets ask by themselves
_MOST_QUESTIONS = 10_000  # hashes, that a question which comes again is known by
_MOST_TOPICS = 10_000  # the one longest not asked for makes room and begins anew

_LOG = logging.getLogger(__name__)
_ASKED: ContextVar[list[Asked] | None] = ContextVar("asked", default=None)


def note_asked(asked: Asked) -> None:
    """Let a question be counted when its answer has been sent; nothing happens where questions are not counted."""
    here = _ASKED.get()
    if here is not None:
        here.append(asked)


def week_of(day: date) -> str:
    """Return the ISO week of a day, such as '2026-W48'."""
    return f"{day:%G-W%V}"


def _today() -> date:
    return datetime.now(UTC).date()


@dataclass(slots=True)
class _Tally:
    """Hashes of the first five questions with a topic, and the topic as it is written down from then on."""

    questions: set[bytes] = field(default_factory=set)
    written: Topic | None = None


class Insights:
    """Counts of one process, by ISO week in UTC.

    Topics and questions are held under a hash with a salt that is made anew each week and kept nowhere; the same words
    asked again are the same question. A topic of a verdict is written down from the fifth different question on that
    this very process has answered in that week, so sums over processes cannot show what fewer share. What does not get
    that far is forgotten with the week or the process.
    """

    def __init__(self, store: InsightStore, today: Callable[[], date] = _today) -> None:
        self._store = store
        self._today = today
        self._unwritten = Counter[tuple[str, Topic]]()
        self._is_failing = False
        self._begin(week_of(today()))

    def count(self, asked: Asked) -> None:
        """Count a question, in memory alone."""
        week = week_of(self._today())
        if week != self._week:
            self._begin(week)
        question = self._hashed(" ".join(fold(asked.question.text).split()))
        if question in self._questions:
            return
        self._questions[question] = None
        for topic in topics_of(asked):
            self._count(topic, question, asked)

    async def write(self) -> None:
        """Add what was counted to the store, in a thread; where that fails it is tried again next time."""
        counted, self._unwritten = self._unwritten, Counter()
        if not counted:
            return
        try:
            await asyncio.to_thread(self._store.add, counted)
            self._is_failing = False
        except OSError as error:
            self._unwritten = Counter(dict((counted + self._unwritten).most_common(_MOST_TOPICS)))
            if not self._is_failing:
                _LOG.error("counts of what is asked cannot be written, and wait in memory: %s", error)
            self._is_failing = True

    async def keep(self) -> None:
        """Write what was counted every minute, and once more when this is cancelled."""
        try:
            while True:
                await asyncio.sleep(SECONDS)
                await self.write()
        finally:
            await self.write()

    def _begin(self, week: str) -> None:
        """Forget all that is not to be written down, and by which salt it was hashed."""
        self._week = week
        self._hashed = SaltedHash()
        self._questions = LRUCache[bytes, None](_MOST_QUESTIONS)
        self._tallies = LRUCache[bytes, _Tally](_MOST_TOPICS)

    def _count(self, topic: Topic, question: bytes, asked: Asked) -> None:
        tally = self._tallies.setdefault(self._hashed(repr(topic)), _Tally())
        if question in tally.questions:
            return
        is_shared = len(tally.questions) == FEWEST
        if not is_shared:
            tally.questions.add(question)
            if len(tally.questions) < FEWEST:
                return
            tally.written = spelt(topic, asked.retriever)
        if tally.written is not None:
            self._unwritten[self._week, tally.written] += 1 if is_shared else FEWEST


class Counting:
    """Middleware that counts the questions of people when they have been answered."""

    def __init__(self, app: ASGIApp, insights: Insights) -> None:
        self._app = app
        self._insights = insights

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        asked: list[Asked] = []
        _ASKED.set(asked)
        await self._app(scope, receive, send)
        if getattr(scope.get("route"), "path", None) in _COUNTED_ROUTES:
            for one in asked:
                self._insights.count(one)
