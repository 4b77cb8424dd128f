"""Turn the current release into a server; the encoder, which takes longest to load, is loaded beside the imports."""

import gc
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from service.settings import Settings, settings_with

if TYPE_CHECKING:
    from indexer.encoder import OnnxEncoder


def serve_release(*, host: str | None = None, port: int | None = None, workers: int | None = None) -> None:
    """Serve the current release over HTTP; that of the settings' catalogue is built first if there is none.

    What was imported and read is left out when garbage is looked for: to look through it all takes 80 ms in which
    nobody is answered and, while it is imported, an eighth of the start.
    """
    settings = settings_with(host=host, port=port, workers=workers)
    if not settings.current.exists():
        from service.commands import build_current

        build_current(settings)
    if settings.workers > 1:
        from service.workers import Workers

        _announce(settings)
        Workers(settings).run()
        return
    gc.disable()
    with ThreadPoolExecutor(max_workers=1) as pool:
        encoder = pool.submit(_started_encoder, settings)
        import uvicorn

        from service.app import create_app_from_settings

        _announce(settings)
        application = create_app_from_settings(settings, encoder.result)
    gc.freeze()
    gc.enable()
    # No access log: the address of a page holds the question, and questions are written down nowhere.
    uvicorn.run(application, host=settings.host, port=settings.port, access_log=False)


def _started_encoder(settings: Settings) -> "OnnxEncoder":
    from service.release_encoder import load_release_encoder

    encoder = load_release_encoder(settings.current, settings)
    encoder.start()
    return encoder


def _announce(settings: Settings) -> None:
    """Say on the terminal which release is served."""
    import typer

    from indexer.manifest import read_manifest

    manifest = read_manifest(settings.current)
    counted = f"{manifest.counts.practices} practices, encoder {manifest.encoder.identity}"
    typer.echo(f"Release {manifest.release_id}: {counted}", err=True)
