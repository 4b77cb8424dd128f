"""Keep changes to practices durably until they are in a release: what was answered for is never lost."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from indexer.edits import Edit
from indexer.practice import Practice

_TIMEOUT_SECONDS = 10  # that a writer waits for another one; none holds the file for longer than a moment

_TABLES = """
CREATE TABLE IF NOT EXISTS edits (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    practice_id TEXT NOT NULL,
    record TEXT,
    replaced TEXT,
    key_name TEXT NOT NULL,
    made_at TEXT NOT NULL,
    release_id TEXT,
    is_given_up INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS edits_by_practice ON edits (practice_id, number);
CREATE INDEX IF NOT EXISTS pending_edits ON edits (number) WHERE release_id IS NULL;
CREATE TABLE IF NOT EXISTS faults (fault TEXT NOT NULL);
"""


class JournalError(RuntimeError):
    """The journal cannot be read or written."""


@dataclass(frozen=True, slots=True)
class JournalledEdit:
    """An edit in the order of its `number`. `replaced` is the tag of the record that was there, None for none."""

    number: int
    edit: Edit
    replaced: str | None


@dataclass(frozen=True, slots=True)
class JournalState:
    """How far releases are behind: edits that are in none yet, the last one made, and why none is built."""

    pending: int
    last_edit: int
    fault: str | None


class Journal:
    """Edits in one SQLite file, which is made with the first of them; what is written is on the disk at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def writing(self) -> Iterator["JournalWriter"]:
        """Give the only writer there is; what it appends is kept when the block ends, nothing of it on an error.

        Raises JournalError.
        """
        with self._connected() as connection:
            connection.executescript(_TABLES)
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield JournalWriter(connection)

    def pending(self) -> list[JournalledEdit]:
        """Return the edits that are in no release yet, in their order. Raises JournalError."""
        return self._edits("release_id IS NULL")

    def lost(self, practices: Iterable[Practice]) -> list[JournalledEdit]:
        """Return what was written last of each practice, is in a release, and would not be among these any more.

        What was given up is left out. Raises JournalError.
        """
        latest = "number IN (SELECT max(number) FROM edits GROUP BY practice_id)"
        released = self._edits(f"{latest} AND release_id IS NOT NULL AND NOT is_given_up")
        if not released:
            return []
        wanted = {one.edit.practice_id for one in released}
        found = {one.id: one for one in practices if one.id in wanted}
        return [one for one in released if one.edit.practice != found.get(one.edit.practice_id)]

    def state(self) -> JournalState:
        """Return how far releases are behind. Raises JournalError."""
        if not self._path.exists():
            return JournalState(0, 0, None)
        with self._connected() as connection:
            [pending] = connection.execute("SELECT count(*) FROM edits WHERE release_id IS NULL").fetchone()
            [last] = connection.execute("SELECT ifnull(max(number), 0) FROM edits").fetchone()
            fault = connection.execute("SELECT fault FROM faults").fetchone()
        return JournalState(pending, last, fault and fault[0])

    def _edits(self, condition: str) -> list[JournalledEdit]:
        if not self._path.exists():
            return []
        with self._connected() as connection:
            return [_journalled(row) for row in connection.execute(f"{_SELECT} WHERE {condition} ORDER BY number")]

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=_TIMEOUT_SECONDS, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous=EXTRA")  # the folder too: power may fail right after the answer
                yield connection
        except (OSError, sqlite3.Error) as error:
            raise JournalError(
                f"{self._path}: {error}; expected a file that may be read and written, and room on its disk"
            ) from error


class JournalWriter:
    """Reads and appends while nobody else writes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def pending(self) -> list[JournalledEdit]:
        """Return the edits that are in no release yet, in their order."""
        rows = self._connection.execute(f"{_SELECT} WHERE release_id IS NULL ORDER BY number")
        return [_journalled(row) for row in rows]

    def append(self, edit: Edit, replaced: str | None, key_name: str) -> int:
        """Keep an edit that someone made with a key, and return its number."""
        record = None if edit.practice is None else edit.practice.model_dump_json(exclude_defaults=True)
        values = (edit.practice_id, record, replaced, key_name, datetime.now(UTC).isoformat(timespec="milliseconds"))
        statement = "INSERT INTO edits (practice_id, record, replaced, key_name, made_at) VALUES (?, ?, ?, ?, ?)"
        number = self._connection.execute(statement, values).lastrowid
        return number or 0

    def release(self, edits: Iterable[JournalledEdit], release_id: str) -> None:
        """Keep that edits are in a release, so that they are pending no more."""
        statement = "UPDATE edits SET release_id = ? WHERE number = ?"
        self._connection.executemany(statement, [(release_id, one.number) for one in edits])
        self._connection.execute("DELETE FROM faults")

    def give_up(self, edits: Iterable[JournalledEdit]) -> None:
        """Keep that someone took a catalogue without these edits for the better one."""
        statement = "UPDATE edits SET is_given_up = 1 WHERE number = ?"
        self._connection.executemany(statement, [(one.number,) for one in edits])

    def fail(self, fault: str) -> None:
        """Keep why the pending edits are in no release."""
        self._connection.execute("DELETE FROM faults")
        self._connection.execute("INSERT INTO faults VALUES (?)", (fault,))


_SELECT = "SELECT number, practice_id, record, replaced FROM edits"


def _journalled(row: tuple[int, str, str | None, str | None]) -> JournalledEdit:
    number, practice_id, record, replaced = row
    practice = None if record is None else Practice.model_validate_json(record)
    return JournalledEdit(number, Edit(practice_id, practice), replaced)
