"""A store has a release whole or not at all, names one in one step, and says what is wrong with it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from indexer import release_store
from indexer.manifest import MANIFEST_FILE
from indexer.release import Release
from indexer.release_files import CURRENT
from indexer.release_store import NEXT, ReleaseStore, StoreError
from tests.stores import KINDS, Place, files_below, store_place
from tests.test_build import build

ID = "0123456789ab"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return build(tmp_path_factory.mktemp("made"))


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with store_place(request.param, tmp_path / "places") as found:
        yield found


def test_a_release_is_there_as_it_lies_on_disk_and_is_not_sent_again(place: Place, made: Release) -> None:
    release_id = made.manifest.release_id
    store, reader = ReleaseStore(place.written), ReleaseStore(place.read)
    assert reader.manifest(release_id) is None

    assert store.push(made.folder) is True

    sent = place.folder / "releases" / release_id
    assert files_below(sent) == files_below(made.folder)
    assert reader.manifest(release_id) == (made.folder / MANIFEST_FILE).read_bytes()
    times = {path: path.stat().st_mtime_ns for path in sent.rglob("*")}
    assert store.push(made.folder) is False
    assert {path: path.stat().st_mtime_ns for path in sent.rglob("*")} == times


def test_a_release_of_which_the_sending_stopped_is_none_and_is_sent_again(
    tmp_path: Path, made: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = sorted(made.manifest.files)
    for stops in range(len(names) + 1):
        store = ReleaseStore(str(tmp_path / str(stops)))
        sent: list[str] = []
        put = store._files.put

        def put_some(target: str, path: Path, *, sent: list[str] = sent, put=put, stops: int = stops) -> None:
            if len(sent) == stops:
                raise OSError("the line is cut")
            sent.append(target)
            put(target, path)

        with monkeypatch.context() as patch:
            patch.setattr(store, "_files", SimpleNamespace(put=put_some, get=store._files.get))
            with pytest.raises(StoreError, match="the line is cut"):
                store.push(made.folder)
        assert len(sent) == stops
        assert store.manifest(made.manifest.release_id) is None
    assert store.push(made.folder) is True
    assert files_below(tmp_path / str(stops) / "releases" / made.manifest.release_id) == files_below(made.folder)


def test_a_name_is_read_as_it_was_written_last(place: Place) -> None:
    store, reader = ReleaseStore(place.written), ReleaseStore(place.read)
    assert reader.named(CURRENT) is None

    store.name(CURRENT, ID)
    store.name(NEXT, ID[::-1])
    store.name(NEXT, ID)

    assert (place.folder / CURRENT).read_text() == f"{ID}\n"
    assert (reader.named(CURRENT), reader.named(NEXT)) == (ID, ID)


@pytest.mark.parametrize(
    "content",
    ["<!doctype html>", "current", "../../etc", "0123456789a", "0123456789AB", f"{ID}/..", f"{ID}\n{ID}", "\0"],
)
def test_what_names_no_release_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / CURRENT).write_text(content)
    with pytest.raises(StoreError, match="expected the id of a release"):
        ReleaseStore(str(tmp_path)).named(CURRENT)


@pytest.mark.parametrize("content", ["", ID * 20])
def test_a_name_that_is_empty_or_endless_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / CURRENT).write_text(content)
    with pytest.raises(StoreError, match="bytes, expected 1 to 200;"):
        ReleaseStore(str(tmp_path)).named(CURRENT)


@pytest.mark.parametrize("size", [0, 1, 3_500, 5_000_000])
def test_a_file_is_read_as_it_is_in_pieces(place: Place, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(release_store, "_PIECE", 1_000_000)
    content = bytes(range(250)) * (size // 250) + b"x" * (size % 250)
    file = place.folder / "releases" / ID / "part" / "file.npy"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)

    told, pieces = ReleaseStore(place.read).file(ID, "part/file.npy")
    parts = [bytes(piece) for piece in pieces]

    assert (told, b"".join(parts)) == (size, content)
    assert max(map(len, parts), default=0) < 2_000_000


def test_nobody_there_is_one_message_that_is_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_store, "_RETRIES", {"max_retries": 1})
    messages = set()
    for _ in range(2):
        with pytest.raises(StoreError) as found:
            ReleaseStore("http://127.0.0.1:9/store").named(CURRENT)
        messages.add(str(found.value))
    [message] = messages
    assert message.startswith("http://127.0.0.1:9/store/current: ")
    assert message.endswith("error sending request; look at the address, the credentials and the store")
    assert "\n" not in message


@pytest.mark.parametrize("name", ["with space", "ü#x?y", "pct%20", "below/../beside", "a/b/c"])
def test_a_folder_is_the_one_of_that_name_also_from_where_the_command_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path)
    for address in (name, str(tmp_path / name)):
        ReleaseStore(address).name(CURRENT, ID)
        assert files_below(tmp_path) == {
            f"{(tmp_path / name).resolve().relative_to(tmp_path)}/current": f"{ID}\n".encode()
        }
        (tmp_path / name / CURRENT).unlink()


def test_an_address_that_nobody_knows_is_refused_without_its_secret() -> None:
    with pytest.raises(StoreError, match=r"^foo://host/x is no store of releases: "):
        ReleaseStore("foo://user:password@host/x")


def test_without_the_extra_a_message_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(StoreError, match=r"install 'practices\[store\]'"):
        ReleaseStore("/store")
