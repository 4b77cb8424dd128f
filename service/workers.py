"""Turn one application into several processes that answer on one address and share what was loaded before."""

import gc
import logging
import socket
import sys
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker
from prometheus_client.multiprocess import mark_process_dead
from starlette.types import ASGIApp

from service.app import create_app_from_settings
from service.draining import DrainingServer, refuse_newcomers
from service.http_protocol import BoundedWorker
from service.release_encoder import load_release_encoder
from service.settings import Settings


class _SameLog(Logger):  # type: ignore[misc]
    """Gunicorn's log as the rest of the service writes it, and no access log."""

    def setup(self, cfg: object) -> None:
        """Take the handlers of the process; gunicorn's workers hand them on to uvicorn."""
        super().setup(cfg)
        self.error_log.handlers = [*logging.getLogger().handlers]


class _DrainingWorker(BoundedWorker):
    """A worker that answers what was sent before it ends."""

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = DrainingServer(self.config, shares_listener=True)
        self._install_sigquit_handler()
        await server.serve(self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


class _Arbiter(Arbiter):  # type: ignore[misc]
    """What starts and ends the workers; nobody new gets to a listener of which all of them take leave."""

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT001, FBT002  as gunicorn calls it
        refuse_newcomers(one.sock for one in self.LISTENERS)
        super().stop(graceful)


class Workers(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Processes that are forked from one that has loaded everything; one that dies is replaced."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings = settings
        self._listener = listener
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        chosen: dict[str, Any] = {
            "bind": f"fd://{self._listener.fileno()}",
            "workers": self._settings.workers,
            "worker_class": _DrainingWorker,
            "preload_app": True,
            "pre_fork": _freeze,
            "child_exit": _forget,
            "forwarded_allow_ips": "",  # the application itself believes those of PRACTICES_TRUSTED_PROXIES
            "loglevel": "warning",
            "logger_class": _SameLog,
            "control_socket_disable": True,
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def run(self) -> None:
        """Start the processes, and wait until they have ended."""
        _Arbiter(self).run()

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


def _forget(_server: object, worker: Worker) -> None:
    """Count what a process that has ended has done, but nothing that it would still be doing."""
    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
