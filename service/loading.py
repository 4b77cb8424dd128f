"""Turn settings into the two heavy things: the current release and an encoder."""

import os
from collections.abc import Iterator
from pathlib import Path

from indexer.encoder import Encoder, OnnxEncoder
from indexer.export import exported_encoder
from indexer.manifest import ReleaseError
from indexer.registry import find_spec, locate_encoder, read_registry
from indexer.release import CURRENT, ENCODER_FOLDER, Release, load_release
from indexer.shipped import shipped_path
from indexer.source import read_source
from service.settings import Settings

_EVERY = 10  # of the shipped probe questions, in 25 languages, is a text that an export is compared by


def load_current_release(settings: Settings) -> Release:
    """Return the release that `current` points to. Raises ReleaseError when there is none or it is not sound."""
    folder = settings.releases / CURRENT
    if not folder.exists():
        raise ReleaseError(f"there is no release in {settings.releases}; build one with `practices index CATALOGUE`")
    return load_release(folder)


def load_release_encoder(release: Path, settings: Settings) -> OnnxEncoder:
    """Return the encoder within the folder of a release, which is verified with it. Raises ReleaseError without one."""
    folder = release / ENCODER_FOLDER
    if not folder.is_dir():
        raise ReleaseError(f"{release} holds no encoder, so it cannot be asked; rebuild it with `practices index`")
    return OnnxEncoder(folder, threads=max(1, (os.cpu_count() or 1) // settings.workers))


def load_encoder(name: str, settings: Settings) -> Encoder:
    """Return the encoder of this name to build and measure with; it is exported once. Raises EncoderError."""
    spec = find_spec(name, read_registry())
    source = locate_encoder(spec, settings.models, allow_hub=settings.hub)
    return OnnxEncoder(exported_encoder(spec, source, settings.models / f"{spec.name}.onnx", _texts_to_compare()))


def _texts_to_compare() -> Iterator[str]:
    """Yield real texts; nothing is read until the first one is asked for."""
    for probe in read_source(shipped_path("data/catalogue/practices.jsonl")).probes[::_EVERY]:
        yield probe.text
