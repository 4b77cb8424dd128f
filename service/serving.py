"""Turn the current release into a server; the encoder, which takes longest to load, is loaded beside the imports."""

import ctypes
import gc
import logging
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from service.logs import set_up_logs
from service.settings import Settings, settings_with

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from indexer.encoder import OnnxEncoder

_LOG = logging.getLogger(__name__)
_M_ARENA_MAX, _M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -8, -3, -1

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""What lets numpy multiply in one thread, where it stands in the environment before numpy is loaded."""


def serve_release(*, host: str | None = None, port: int | None = None, workers: int | None = None) -> None:
    """Serve the current release over HTTP; that of the settings' catalogue is built first if there is none.

    What was imported and read is left out when garbage is looked for: to look through it all takes 80 ms in which
    nobody is answered and, while it is imported, an eighth of the start.
    """
    _keep_to_one_heap()
    _leave_cores_to_the_encoder()
    settings = settings_with(host=host, port=port, workers=workers)
    if not settings.current.exists():
        from service.commands import build_current

        build_current(settings)
    set_up_logs(settings.log)
    listener = _bound(settings)
    if settings.workers > 1:
        from service.shared_metrics import shared_metrics

        with shared_metrics():
            from service.workers import Workers

            _announce(settings)
            Workers(settings, listener).run()
        return
    gc.disable()
    from service.release_encoder import load_release_encoder  # before the thread: two that import wait for each other

    with ThreadPoolExecutor(max_workers=1) as pool:
        encoder = pool.submit(_started, load_release_encoder, settings)
        import uvicorn

        from service.app import create_app_from_settings
        from service.draining import DrainingServer
        from service.http_protocol import BoundedProtocol

        _announce(settings)
        application = create_app_from_settings(settings, encoder.result)
    gc.freeze()
    gc.enable()
    # No access log: the address of a page holds the question, and questions are written down nowhere.
    # No proxy headers: the application believes those of PRACTICES_TRUSTED_PROXIES, uvicorn those of its own machine.
    config = uvicorn.Config(application, access_log=False, log_config=None, proxy_headers=False, http=BoundedProtocol)
    DrainingServer(config).run(sockets=[listener])


def _bound(settings: Settings) -> socket.socket:
    """Return a socket with the address of the service: it is taken before anything that takes long is loaded.

    Leaves the process with a message and status 1 where it cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise SystemExit(
            f"Error: {where} cannot be listened on: {error.strerror}; give another --host or --port"
        ) from error
    return listener


def _keep_to_one_heap() -> None:
    """Let all threads allocate from one heap, which gives back what is free (glibc, `man mallopt`).

    Several heaps keep 20 MB that none of them uses. The thresholds grow to 32 and 64 MB otherwise, with which another
    10 are kept; a batch of questions takes less than 2 at a time, so that none of it is asked for with each product.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have no such heaps
    if set_option is not None:
        set_option(_M_ARENA_MAX, 1)
        set_option(_M_MMAP_THRESHOLD, 2 << 20)
        set_option(_M_TRIM_THRESHOLD, 4 << 20)


def _leave_cores_to_the_encoder() -> None:
    """Let numpy multiply in one thread.

    Others spin for milliseconds after each product, in which the encoder lacks their cores: of 2,800 sentences two
    cores answered 60 questions a second to 16 clients, and 43 with such threads.
    """
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)


def _started(load: "Callable[[Path, Settings], OnnxEncoder]", settings: Settings) -> "OnnxEncoder":
    encoder = load(settings.current, settings)
    encoder.start()
    return encoder


def _announce(settings: Settings) -> None:
    """Log which release is served."""
    from indexer.manifest import read_manifest

    manifest = read_manifest(settings.current)
    practices, encoder = manifest.counts.practices, manifest.encoder.identity
    _LOG.info("release %s: %d practices, encoder %s", manifest.release_id, practices, encoder)
