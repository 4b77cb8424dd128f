"""Keep the keys that programs write with: what each may do and until when, but never its secret."""

import hashlib
import hmac
import re
import secrets
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from service.limits import Scope

_PREFIX = "practices_"  # so that a secret that got into a file or a log is found there
_SECRET_BYTES = 32
_TIMEOUT_SECONDS = 10  # that a call waits for another process; none writes for longer than a moment

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME = 64

_TABLE = """
CREATE TABLE IF NOT EXISTS keys (
    name TEXT PRIMARY KEY,
    sha256 BLOB NOT NULL,
    scopes TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    revoked_at TEXT
)
"""


class AccessError(ValueError):
    """A key cannot be made, found by its name or read."""


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key. Times are aware, in UTC; its scopes are sorted."""

    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        """Say whether the key is neither revoked nor expired; it expires at the very moment that it names."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class KeyStore:
    """Keys in one SQLite file, which is made with the first of them and which only its owner may read.

    A secret is 256 random bits, and only its sha256 is kept. That is enough: a slow or salted hash protects passwords,
    which can be guessed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def create(self, name: str, scopes: Collection[Scope], expires_at: datetime | None = None) -> str:
        """Keep a new key and return its secret, for the only time. Raises AccessError."""
        now = datetime.now(UTC)
        _check(name, scopes, expires_at, now)
        secret = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        row = (name, _sha256(secret), " ".join(sorted(set(scopes))), _written(now), _written(expires_at))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            self._path.touch(mode=0o600, exist_ok=False)
        with self._connected() as connection:
            try:
                connection.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, NULL)", row)
            except sqlite3.IntegrityError as error:
                raise AccessError(f"{self._path}: there is a key '{name}' already; choose another name") from error
        return secret

    def all(self) -> list[Key]:
        """Return all keys by name, those that are not valid any more too. Raises AccessError."""
        return list(self._by_hash().values())

    def revoke(self, name: str) -> None:
        """Make a key invalid at once and for good; once more changes nothing. Raises AccessError."""
        names = [key.name for key in self.all()]
        if name not in names:
            raise AccessError(f"{self._path}: there is no key '{name}'; there are: {', '.join(names) or 'none'}")
        with self._connected() as connection:
            statement = "UPDATE keys SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL"
            connection.execute(statement, (_written(datetime.now(UTC)), name))

    def find(self, secret: str) -> Key | None:
        """Return the valid key of a secret, if there is one. Raises AccessError."""
        asked, now = _sha256(secret), datetime.now(UTC)
        found = [key for kept, key in self._by_hash().items() if hmac.compare_digest(kept, asked)]
        return next((key for key in found if key.is_valid(now)), None)

    def _by_hash(self) -> dict[bytes, Key]:
        """Return the sha256 of its secret -> key, ordered by name."""
        if not self._path.exists():
            return {}
        with self._connected() as connection:
            statement = "SELECT sha256, name, scopes, created_at, expires_at, revoked_at FROM keys ORDER BY name"
            return {
                kept: Key(name, tuple(scopes.split()), datetime.fromisoformat(created), _read(expires), _read(revoked))
                for kept, name, scopes, created, expires, revoked in connection.execute(statement)
            }

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Give a connection to the file, which must be there, and commit what was done."""
        address = f"{self._path.absolute().as_uri()}?mode=rw"
        try:
            with closing(sqlite3.connect(address, timeout=_TIMEOUT_SECONDS, uri=True)) as connection, connection:
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute(_TABLE)
                yield connection
        except sqlite3.DatabaseError as error:
            raise AccessError(
                f"{self._path}: {error}; expected a file that `practices keys create` has made, that may be read and "
                "written and that no other process holds; where it is damaged, put a copy back or move it away"
            ) from error


def _check(name: str, scopes: Collection[Scope], expires_at: datetime | None, now: datetime) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise AccessError(
            f"name of a key: found {name!r}, expected at most {_LONGEST_NAME} small letters, digits and single hyphens "
            "between them, such as 'job-portal'"
        )
    if not scopes:
        raise AccessError(f"key '{name}': it has no scope, expected read or write")
    if expires_at is not None and expires_at <= now:
        raise AccessError(f"key '{name}': it would expire at {_written(expires_at)}, expected a time to come")


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _written(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat()


def _read(time: str | None) -> datetime | None:
    return None if time is None else datetime.fromisoformat(time)
