"""Keys: only a hash is kept, names are unique among processes, and what is not valid any more is not found."""

import hashlib
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from indexer.shipped import home
from service.__main__ import main
from service.keys import AccessError, Key, KeyStore
from service.settings import Settings

ROOT = Path(__file__).parents[1]
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)

RACE = """
import sys
import time
from pathlib import Path
from service.keys import AccessError, KeyStore

folder = Path(sys.argv[1])
(folder / sys.argv[2]).touch()
while not (folder / "start").exists():
    time.sleep(0.0005)
for number in range(20):
    try:
        print(f"portal-{number}", KeyStore(folder / "keys.sqlite").create(f"portal-{number}", ["write"]))
    except AccessError as error:
        assert f"portal-{number}" in str(error), error
"""


class Clock(datetime):
    """Tells the time that a test has set."""

    time = NOON

    @classmethod
    def now(cls, tz=None) -> datetime:
        return cls.time.astimezone(tz)


@pytest.fixture
def clock(monkeypatch) -> type[Clock]:
    monkeypatch.setattr("service.keys.datetime", Clock)
    monkeypatch.setattr(Clock, "time", NOON)
    return Clock


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "new" / "state" / "keys.sqlite"


@pytest.fixture
def store(path) -> KeyStore:
    return KeyStore(path)


@pytest.fixture
def practices(path, monkeypatch, capsys):
    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setenv("PRACTICES_STATE", str(path.parent))
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(sys, "argv", ["practices", "keys", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code or 0, *capsys.readouterr()

    return run


def rows_of(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in table.splitlines() if "│" in line]


def names(store: KeyStore) -> list[str]:
    return [key.name for key in store.all()]


def test_the_secret_of_a_key_finds_it(store, clock):
    secret = store.create("job-portal", ["write", "read", "write"], NOON + timedelta(days=3))

    expected = Key("job-portal", ("read", "write"), NOON, NOON + timedelta(days=3), None)
    assert store.find(secret) == expected
    assert store.all() == [expected]


def test_a_secret_has_256_random_bits_and_a_prefix(store):
    secrets = {store.create(f"portal-{number}", ["write"]) for number in range(5)}

    assert len(secrets) == 5
    assert all(re.fullmatch(r"practices_[A-Za-z0-9_-]{43}", secret) for secret in secrets)


def test_each_secret_finds_its_own_key(store):
    secrets = {name: store.create(name, ["write"]) for name in ("school", "job-portal", "ministry")}

    assert {name: store.find(secret).name for name, secret in secrets.items()} == {name: name for name in secrets}
    assert names(store) == ["job-portal", "ministry", "school"]


def test_the_file_has_the_hash_of_the_secret_and_never_the_secret(store, path):
    secret = store.create("job-portal", ["write"])

    assert [one.name for one in path.parent.iterdir()] == ["keys.sqlite"]
    content = path.read_bytes()
    assert hashlib.sha256(secret.encode()).digest() in content
    assert secret.encode() not in content
    assert secret.removeprefix("practices_").encode() not in content


def test_a_key_tells_no_secret(store):
    store.create("job-portal", ["write"])

    assert {field.name for field in fields(Key)} == {"name", "scopes", "created_at", "expires_at", "revoked_at"}
    assert "practices_" not in repr(store.all())


def test_only_the_owner_may_read_the_file(store, path):
    store.create("job-portal", ["write"])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_to_look_makes_no_file(store, path):
    assert store.find("practices_x") is None
    assert store.all() == []
    with pytest.raises(AccessError, match="there is no key 'job-portal'; there are: none"):
        store.revoke("job-portal")
    assert not path.parent.exists()


def test_a_key_that_is_refused_makes_no_file(store, path):
    with pytest.raises(AccessError):
        store.create("job-portal", [])
    assert not path.parent.exists()


@pytest.mark.parametrize("other", ["x", "", "é", "practices_"])
def test_another_secret_finds_nothing(store, other):
    store.create("job-portal", ["write"])

    assert store.find(other) is None


def test_a_secret_that_differs_in_one_character_finds_nothing(store):
    secret = store.create("job-portal", ["write"])
    for place in (0, 10, len(secret) - 1):
        wrong = secret[:place] + ("A" if secret[place] != "A" else "B") + secret[place + 1 :]
        assert len(wrong) == len(secret)
        assert store.find(wrong) is None
    assert store.find(secret + " ") is None
    assert store.find(secret).name == "job-portal"


def test_the_hash_that_is_kept_is_no_secret(store):
    secret = store.create("job-portal", ["write"])

    assert store.find(hashlib.sha256(secret.encode()).hexdigest()) is None


def test_a_key_expires_at_the_moment_that_it_names(store, clock):
    secret = store.create("job-portal", ["write"], NOON + timedelta(days=1))

    clock.time = NOON + timedelta(days=1) - MOMENT
    assert store.find(secret).name == "job-portal"
    clock.time = NOON + timedelta(days=1)
    assert store.find(secret) is None
    assert names(store) == ["job-portal"]


def test_a_key_without_an_end_stays_valid(store, clock):
    secret = store.create("job-portal", ["write"])

    clock.time = NOON + timedelta(days=20_000)
    assert store.find(secret).expires_at is None


def test_a_revoked_key_is_refused_at_once_in_every_store(store, path, clock):
    secret, other = store.create("job-portal", ["write"]), store.create("school", ["write"])
    service = KeyStore(path)
    assert service.find(secret).name == "job-portal"

    clock.time = NOON + timedelta(hours=1)
    store.revoke("job-portal")

    assert service.find(secret) is None
    assert service.find(other).name == "school"
    assert [key.revoked_at for key in service.all()] == [NOON + timedelta(hours=1), None]


def test_to_revoke_twice_keeps_the_first_time(store, clock):
    store.create("job-portal", ["write"])
    store.revoke("job-portal")
    clock.time = NOON + timedelta(hours=1)
    store.revoke("job-portal")

    assert [key.revoked_at for key in store.all()] == [NOON]


def test_an_unknown_name_is_not_revoked_and_the_known_ones_are_named(store, path):
    secret = store.create("job-portal", ["write"])

    with pytest.raises(AccessError, match=re.escape(f"{path}: there is no key 'portal'; there are: job-portal")):
        store.revoke("portal")
    assert store.find(secret).name == "job-portal"


def test_a_name_is_taken_for_good_and_the_first_key_stays(store, path):
    secret = store.create("job-portal", ["write"])
    with pytest.raises(AccessError, match=re.escape(f"{path}: there is a key 'job-portal' already")):
        store.create("job-portal", ["read"])
    assert store.find(secret).scopes == ("write",)

    store.revoke("job-portal")
    with pytest.raises(AccessError, match="already"):
        store.create("job-portal", ["write"])


@pytest.mark.parametrize("name", ["", "Portal", "a b", "-a", "a-", "a--b", "a\n", "é", "a_b", "[red]", "x" * 65])
def test_a_name_is_like_an_id(store, name):
    with pytest.raises(AccessError, match="expected at most 64 small letters, digits and single hyphens"):
        store.create(name, ["write"])


def test_the_longest_name_is_taken(store):
    store.create("x" * 64, ["write"])

    assert names(store) == ["x" * 64]


@pytest.mark.parametrize("expires_at", [NOON, NOON - MOMENT])
def test_an_end_that_is_over_is_refused(store, clock, expires_at):
    with pytest.raises(AccessError, match=r"key 'job-portal': it would expire at 2026-05-01T1.*a time to come"):
        store.create("job-portal", ["write"], expires_at)


def test_times_are_kept_in_utc(store, clock):
    east = timezone(timedelta(hours=2))
    store.create("job-portal", ["write"], datetime(2026, 6, 1, 1, tzinfo=east))

    (key,) = store.all()
    assert (key.expires_at, key.expires_at.tzinfo) == (datetime(2026, 5, 31, 23, tzinfo=UTC), UTC)
    assert (key.created_at, key.created_at.tzinfo) == (NOON, UTC)


def test_of_two_processes_that_make_the_same_key_one_succeeds(tmp_path):
    racers = [
        subprocess.Popen([sys.executable, "-c", RACE, tmp_path, name], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for name in ("first", "second")
    ]
    while not all((tmp_path / name).exists() for name in ("first", "second")):
        assert all(racer.poll() is None for racer in racers)
    (tmp_path / "start").touch()
    made = [line.split() for racer in racers for line in racer.communicate(timeout=60)[0].splitlines()]

    assert [racer.returncode for racer in racers] == [0, 0]
    assert sorted(name for name, _ in made) == sorted(f"portal-{number}" for number in range(20))
    store = KeyStore(tmp_path / "keys.sqlite")
    assert all(store.find(secret).name == name for name, secret in made)


def test_a_file_whose_first_key_was_not_written_any_more_is_used(store, path):
    path.parent.mkdir(parents=True)
    path.touch()

    assert store.all() == []
    assert store.find(store.create("job-portal", ["write"])).name == "job-portal"


def test_a_damaged_file_is_named_and_left_as_it_is(store, path):
    path.parent.mkdir(parents=True)
    path.write_text("no database " * 100)

    for call in (store.all, lambda: store.find("x"), lambda: store.create("job-portal", ["write"])):
        with pytest.raises(AccessError, match=re.escape(f"{path}: file is not a database; expected a file that")):
            call()
    assert path.read_text() == "no database " * 100


def test_a_file_that_goes_while_it_is_looked_at_is_not_made_anew(store, path, monkeypatch):
    path.parent.mkdir(parents=True)
    monkeypatch.setattr(Path, "exists", lambda _path: True)
    with pytest.raises(AccessError, match="unable to open database file"):
        store.all()
    assert list(path.parent.iterdir()) == []


def test_a_file_that_another_process_holds_is_named(store, path, monkeypatch):
    store.create("job-portal", ["write"])
    monkeypatch.setattr("service.keys._TIMEOUT_SECONDS", 0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(AccessError, match=r"database is locked; .* that no other process holds"):
            store.create("school", ["write"])
    assert names(store) == ["job-portal"]


def test_a_path_may_have_any_characters(tmp_path):
    store = KeyStore(tmp_path / "ä ?#%20&mode=ro" / "keys.sqlite")

    assert store.find(store.create("job-portal", ["write"])).name == "job-portal"
    assert (tmp_path / "ä ?#%20&mode=ro" / "keys.sqlite").is_file()


def test_the_keys_are_in_the_folder_of_the_state(monkeypatch):
    monkeypatch.delenv("PRACTICES_STATE", raising=False)
    assert Settings().keys == home() / "data" / "state" / "keys.sqlite"

    monkeypatch.setenv("PRACTICES_STATE", "/a/state")
    assert (Settings().state, Settings().keys) == (Path("/a/state"), Path("/a/state/keys.sqlite"))


def test_create_prints_the_secret_alone_and_its_remarks_beside_it(practices, store):
    status, out, err = practices("create", "job-portal")

    assert status == 0
    assert store.find(out.removesuffix("\n")) == store.all()[0]
    assert err == "Key job-portal, valid until it is revoked. Its secret, which is kept nowhere else:\n"
    assert [(key.name, key.scopes, key.expires_at) for key in store.all()] == [("job-portal", ("write",), None)]


def test_create_takes_a_scope_and_days(practices, store):
    status, _, err = practices("create", "job-portal", "--scope", "read", "--days", "3")

    (key,) = store.all()
    assert (status, key.scopes) == (0, ("read",))
    assert abs(key.expires_at - key.created_at - timedelta(days=3)) < timedelta(seconds=60)
    assert f"valid until {key.expires_at:%Y-%m-%d %H:%M} UTC." in err


@pytest.mark.parametrize("wrong", [("--scope", "admin"), ("--days", "0"), ("--days", "36501")])
def test_create_refuses_what_it_does_not_know(practices, path, wrong):
    status, out, _ = practices("create", "job-portal", *wrong)

    assert (status, out) == (2, "")
    assert not path.exists()


def test_list_tells_of_every_key_what_it_is(practices, store, clock):
    store.create("over", ["read"], NOON + MOMENT)
    store.create("school", ["read", "write"])
    store.create("job-portal", ["write"], datetime(2999, 1, 2, 3, 4, tzinfo=UTC))
    store.create("lost", ["write"])
    clock.time = NOON + timedelta(hours=1)
    store.revoke("lost")
    status, out, _ = practices("list")

    created = "2026-05-01 12:00 UTC"
    assert status == 0
    assert rows_of(out) == [
        ["job-portal", "write", created, "2999-01-02 03:04 UTC", "valid"],
        ["lost", "write", created, "never", "revoked 2026-05-01 13:00 UTC"],
        ["over", "read", created, created, "expired"],
        ["school", "read, write", created, "never", "valid"],
    ]


def test_revoke_revokes_and_says_so(practices, store):
    secret = store.create("job-portal", ["write"])

    assert practices("revoke", "job-portal") == (0, "job-portal is revoked\n", "")
    assert store.find(secret) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", "school"), "there is a key 'school' already; choose another name"),
        (("revoke", "job-portal"), "there is no key 'job-portal'; there are: school"),
    ],
)
def test_what_cannot_be_done_is_one_message_and_status_1(practices, store, path, arguments, message):
    store.create("school", ["write"])

    assert practices(*arguments) == (1, "", f"Error: {path}: {message}\n")
