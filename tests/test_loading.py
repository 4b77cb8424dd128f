"""The release and the encoder within it are loaded from where the settings say, or refused with one message."""

from pathlib import Path

import pytest

from indexer.release import Release
from indexer.release_files import ReleaseError
from service import release_encoder
from service.loading import load_current_release
from service.release_encoder import load_release_encoder
from service.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(releases=tmp_path / "releases")


def test_the_current_release_is_that_of_the_settings(release: Release, settings: Settings):
    found = load_current_release(settings)
    assert found.folder == release.folder
    assert found.manifest == release.manifest


def test_no_release_is_one_message(settings: Settings):
    with pytest.raises(ReleaseError) as refusal:
        load_current_release(settings)
    assert str(refusal.value) == (
        f"there is no release in {settings.releases}; build one with `practices index CATALOGUE`"
    )


def test_a_release_without_an_encoder_is_refused(release: Release, settings: Settings):
    with pytest.raises(ReleaseError) as refusal:
        load_release_encoder(release.folder, settings)
    assert str(refusal.value) == (
        f"{release.folder} holds no encoder, so it cannot be asked; rebuild it with `practices index`"
    )


@pytest.mark.parametrize(("cores", "workers", "threads"), [(8, 1, 8), (8, 2, 4), (8, 3, 2), (2, 4, 1), (None, 1, 1)])
def test_the_processes_that_answer_share_the_cores(release, settings, monkeypatch, cores, workers, threads):
    (release.folder / "encoder").mkdir()
    monkeypatch.setattr(release_encoder.os, "cpu_count", lambda: cores)
    monkeypatch.setattr(release_encoder, "OnnxEncoder", lambda folder, *, threads: (folder, threads))
    found = load_release_encoder(release.folder, settings.model_copy(update={"workers": workers}))
    assert found == (release.folder / "encoder", threads)
