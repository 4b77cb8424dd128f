"""Turn settings into the two heavy things: the current release and an encoder."""

from indexer.encoder import Encoder, SentenceTransformerEncoder
from indexer.manifest import ReleaseError
from indexer.registry import find_spec, locate_encoder, read_registry
from indexer.release import CURRENT, Release, load_release
from service.settings import Settings


def load_current_release(settings: Settings) -> Release:
    """Return the release that `current` points to. Raises ReleaseError when there is none or it is not sound."""
    folder = settings.releases / CURRENT
    if not folder.exists():
        raise ReleaseError(f"there is no release in {settings.releases}; build one with `practices index CATALOGUE`")
    return load_release(folder)


def load_encoder(name: str, settings: Settings) -> Encoder:
    """Return the encoder of this name, its files verified. Raises EncoderError."""
    spec = find_spec(name, read_registry())
    return SentenceTransformerEncoder(spec, locate_encoder(spec, settings.models, allow_hub=settings.hub))
