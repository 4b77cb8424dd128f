"""Turn one application into several processes that answer on one address and share what was loaded before."""

import gc
from typing import Any

from gunicorn.app.base import BaseApplication
from starlette.types import ASGIApp

from service.app import create_app_from_settings
from service.release_encoder import load_release_encoder
from service.settings import Settings


class Workers(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Processes that are forked from one that has loaded everything; one that dies is replaced."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        chosen: dict[str, Any] = {
            "bind": f"{self._settings.host}:{self._settings.port}",
            "workers": self._settings.workers,
            "worker_class": "uvicorn_worker.UvicornWorker",
            "preload_app": True,
            "pre_fork": _freeze,
            "loglevel": "warning",
            "control_socket_disable": True,
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> ASGIApp:
        """Return the application, made in the process that the others are forked from."""
        encoder = load_release_encoder(self._settings.current, self._settings)
        app = create_app_from_settings(self._settings, lambda: encoder)
        encoder.rest()
        return app


def _freeze(_server: object, _worker: object) -> None:
    """Keep the garbage collector from writing to what is there: a page that is written to is shared no more."""
    gc.collect()
    gc.freeze()
