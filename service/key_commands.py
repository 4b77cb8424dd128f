"""Make, list and revoke keys in the terminal."""

from datetime import UTC, datetime, timedelta

import typer
from rich.table import Table

from service.keys import Key, KeyStore
from service.limits import Scope
from service.settings import Settings
from service.terminal import LOG, OUT, printable


def create_key(settings: Settings, name: str, *, scope: Scope, days: int | None) -> None:
    """Make a key that is valid for some days, or until it is revoked; print its secret alone. Raises AccessError."""
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    secret = KeyStore(settings.keys).create(name, [scope], expires_at)
    until = "until it is revoked" if expires_at is None else f"until {_shown(expires_at)}"
    LOG.print(printable(f"Key {name}, valid {until}. Its secret, which is kept nowhere else:"), soft_wrap=True)
    typer.echo(secret)


def print_keys(settings: Settings) -> None:
    """Print all keys, those that are not valid any more too. Raises AccessError."""
    now = datetime.now(UTC)
    table = Table(title=str(settings.keys))
    for title in ("name", "scopes", "created", "expires", "state"):
        table.add_column(title, overflow="fold")
    for key in KeyStore(settings.keys).all():
        expires = "never" if key.expires_at is None else _shown(key.expires_at)
        table.add_row(key.name, ", ".join(key.scopes), _shown(key.created_at), expires, _state(key, now))
    OUT.print(table)


def revoke_key(settings: Settings, name: str) -> None:
    """Make a key invalid at once and for good. Raises AccessError where there is none of that name."""
    KeyStore(settings.keys).revoke(name)
    OUT.print(printable(f"{name} is revoked"))


def _state(key: Key, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {_shown(key.revoked_at)}"
    return "valid" if key.is_valid(now) else "expired"


def _shown(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
