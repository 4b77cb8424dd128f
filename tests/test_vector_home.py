"""Where vectors are searched: in the release unless Milvus is asked for, which follows all that is done to releases."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from indexer.release import Release, linked_id, load_release
from indexer.release_files import CURRENT, ReleaseError
from indexer.vectors import VectorIndex
from service.indexing import index_source
from service.loading import SettingsReleases
from service.releasing import remove_old, return_to_previous
from service.settings import Settings
from service.vector_home import InRelease, vector_home
from tests.fakes import PRACTICES, WordEncoder, small_source
from tests.test_build import build, tiny_spec


def settings_of(folder: Path, **changes: object) -> Settings:
    folders = {name: folder / name for name in ("releases", "state", "cache")}
    return Settings.model_validate(folders | changes)


def test_by_default_the_release_itself_is_searched(tmp_path: Path) -> None:
    release = build(tmp_path)
    home = vector_home(settings_of(tmp_path))
    assert isinstance(home, InRelease)
    assert home.opened(release) is release
    assert isinstance(SettingsReleases(settings_of(tmp_path)).current().parts.vectors, VectorIndex)
    assert VectorIndex.load(release.folder / "vectors").fault() is None


def test_who_does_not_ask_for_milvus_loads_nothing_of_it() -> None:
    program = (
        "import sys; import service.app, service.commands, service.indexing, service.rebuilding, service.releasing\n"
        "from service.settings import Settings; from service.vector_home import vector_home; vector_home(Settings())\n"
        "print([name for name in sys.modules if 'milvus' in name or name in ('grpc', 'pandas')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_milvus_without_an_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="PRACTICES_MILVUS_URI is empty, expected"):
        vector_home(settings_of(tmp_path, vectors="milvus"))


def test_milvus_without_its_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.vector_home.find_spec", lambda _: None)
    with pytest.raises(ReleaseError, match=r"pip install 'practices\[milvus\]'"):
        vector_home(settings_of(tmp_path, vectors="milvus", milvus_uri="http://milvus.example:19530"))


def test_the_token_is_shown_nowhere(tmp_path: Path) -> None:
    assert "secret" not in repr(settings_of(tmp_path, milvus_token=SecretStr("someone:secret")))


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    pytest.importorskip("pymilvus", reason="NO MILVUS: how it follows releases was NOT tested; install `milvus`")
    manager = pytest.importorskip("milvus_lite.server_manager", reason="NO MILVUS: install milvus-lite")
    uri = str(tmp_path / "milvus.db")
    yield settings_of(tmp_path, vectors="milvus", milvus_uri=uri)
    manager.server_manager_instance.release_server(uri)


def collections(settings: Settings) -> tuple[list[str], str]:
    """Return the ids of the releases that Milvus holds, and of the one that the alias points to."""
    from pymilvus import MilvusClient

    client = MilvusClient(settings.milvus_uri, dedicated=True)
    names = sorted(name.removeprefix("practices_") for name in client.list_collections())
    current = client.describe_alias("practices_current")["collection_name"].removeprefix("practices_")
    client.close()
    return names, current


def indexed(settings: Settings, count: int) -> Release:
    return index_source(small_source(PRACTICES[:count]), settings, WordEncoder(tiny_spec()))


def test_milvus_follows_what_is_published_gone_back_to_and_removed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.indexing._find", lambda *_: None)  # which reads the registry; the encoder is not in it
    ids = [indexed(settings, count).manifest.release_id for count in (2, 3, 4)]
    assert collections(settings) == (sorted(ids), ids[2])
    current = SettingsReleases(settings).current()
    assert current.manifest.release_id == ids[2]
    assert current.parts.vectors.record.name == "Milvus FLAT, exact"

    return_to_previous(settings)
    assert collections(settings) == (sorted(ids), ids[1])
    assert linked_id(settings.releases, CURRENT) == ids[1]

    remove_old(settings, keep=0)
    assert collections(settings) == (sorted(ids[1:]), ids[1])


def test_a_release_that_milvus_does_not_hold_does_not_answer(settings: Settings) -> None:
    release = build(settings.releases.parent)
    with pytest.raises(ReleaseError, match=r"is not that of release .*make it with `practices index`"):
        SettingsReleases(settings).current()
    assert load_release(settings.current).manifest == release.manifest
