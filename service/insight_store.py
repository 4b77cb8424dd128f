"""Keep counts of what is asked in one SQLite file: numbers of questions, never a question."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path

from service.redaction import Topic

_TIMEOUT_SECONDS = 10  # that one process waits for another; none writes for longer than a moment

_TABLE = """
CREATE TABLE IF NOT EXISTS counts (
    week TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    verdict TEXT NOT NULL,
    questions INTEGER NOT NULL,
    PRIMARY KEY (week, kind, value, verdict)
) WITHOUT ROWID
"""
_ADD = """
INSERT INTO counts VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET questions = questions + excluded.questions
"""


class InsightsError(OSError):
    """The counts cannot be read or written."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many different questions of an ISO week such as '2026-W48' had a topic and a verdict."""

    week: str
    topic: Topic
    questions: int


class InsightStore:
    """Counts in one file, which is made with the first of them and which only its owner may read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, counted: Mapping[tuple[str, Topic], int]) -> None:
        """Add to the counts of weeks and topics, all or none. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            self.path.touch(mode=0o600, exist_ok=False)
        with self._connected() as connection:
            connection.execute(_TABLE)
            rows = [(week, *astuple(topic), questions) for (week, topic), questions in counted.items()]
            connection.executemany(_ADD, rows)

    def counts(self, since: str = "") -> list[Count]:
        """Return the counts of a week and those after it, by week and topic; of all weeks by default.

        None where nothing has been counted yet. Raises OSError.
        """
        if not self.path.exists():
            return []
        with self._connected() as connection:
            connection.execute(_TABLE)
            rows = connection.execute(
                "SELECT * FROM counts WHERE week >= ? ORDER BY week, kind, value, verdict", [since]
            )
            return [Count(week, Topic(kind, value, verdict), number) for week, kind, value, verdict, number in rows]

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Give a connection to the file, which must be there, and commit what was done."""
        address = f"{self.path.absolute().as_uri()}?mode=rw"
        try:
            with closing(sqlite3.connect(address, timeout=_TIMEOUT_SECONDS, uri=True)) as connection, connection:
                yield connection
        except sqlite3.Error as error:
            raise InsightsError(
                f"{self.path}: {error}; expected a file of counts that may be read and written, and room on its disk; "
                "where it is damaged, move it away"
            ) from error
