"""Turn settings into the two heavy things: the current release and an encoder."""

from collections.abc import Iterator

from indexer.encoder import Encoder, OnnxEncoder
from indexer.export import exported_encoder
from indexer.registry import find_spec, locate_encoder, read_registry
from indexer.release import Release, linked_id, load_release
from indexer.release_files import CURRENT, ReleaseError
from indexer.shipped import shipped_path
from indexer.source import read_source
from service.release_encoder import load_release_encoder
from service.settings import Settings
from service.vector_home import vector_home

_EVERY = 10  # of the shipped probe questions, in 25 languages, is a text that an export is compared by


def load_current_release(settings: Settings) -> Release:
    """Return the release that `current` points to. Raises ReleaseError when there is none or it is not sound."""
    folder = settings.current
    if not folder.exists():
        raise ReleaseError(f"there is no release in {settings.releases}; build one with `practices index CATALOGUE`")
    return load_release(folder)


class SettingsReleases:
    """The releases in the folder of the settings, as they are searched, for a running service to follow."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._vectors = vector_home(settings)

    def current_id(self) -> str | None:
        """Return the id of the current release."""
        return linked_id(self._settings.releases, CURRENT)

    def current(self) -> Release:
        """Return the current release. Raises ReleaseError."""
        return self._vectors.opened(load_current_release(self._settings))

    def release(self, release_id: str) -> Release:
        """Return a verified release. Raises ReleaseError."""
        return self._vectors.opened(load_release(self._settings.releases / release_id))

    def encoder(self, release: Release) -> Encoder:
        """Return the encoder of a release. Raises ReleaseError."""
        return load_release_encoder(release.folder, self._settings)


def load_encoder(name: str, settings: Settings) -> Encoder:
    """Return the encoder of this name to build and measure with; it is exported once. Raises EncoderError."""
    spec = find_spec(name, read_registry())
    source = locate_encoder(spec, settings.models, allow_hub=settings.hub)
    return OnnxEncoder(exported_encoder(spec, source, settings.models / f"{spec.name}.onnx", _texts_to_compare()))


def _texts_to_compare() -> Iterator[str]:
    """Yield real texts; nothing is read until the first one is asked for."""
    for probe in read_source(shipped_path("data/catalogue/practices.jsonl")).probes[::_EVERY]:
        yield probe.text
