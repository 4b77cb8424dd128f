"""Turn the folder of a release into its encoder; on its own, so that a server can begin with what takes longest."""

import os
from pathlib import Path

from indexer.encoder import OnnxEncoder
from indexer.release_files import ENCODER_FOLDER, ReleaseError
from service.settings import Settings


def load_release_encoder(release: Path, settings: Settings) -> OnnxEncoder:
    """Return the encoder within the folder of a release, which is verified with it. Raises ReleaseError without one."""
    folder = release / ENCODER_FOLDER
    if not folder.is_dir():
        raise ReleaseError(f"{release} holds no encoder, so it cannot be asked; rebuild it with `practices index`")
    return OnnxEncoder(folder, threads=max(1, (os.cpu_count() or 1) // settings.workers))
