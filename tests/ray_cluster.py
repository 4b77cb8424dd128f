"""A Ray cluster on this machine: a head and nodes that are processes of their own, on the loopback address only.

`python -m tests.ray_cluster CORES [ADDRESS]` is one node, a head where it gets no address; it prints its address.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.load import HOST, free_port

Node = subprocess.Popen[str]

_SETTINGS = {
    "GRPC_ENABLE_FORK_SUPPORT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # without it Ray warns of its own future
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # else an address on loopback is replaced by that of the network
    "RAY_USAGE_STATS_ENABLED": "0",
}
_MEMORY = 160 * 2**20  # of the objects of a node: twice the encoder
_START_SECONDS = 240.0  # on a busy machine; Ray itself gives a node thirty


class LoopbackCluster:
    """A head on which nothing is computed, and the nodes that are added to it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._environment = os.environ | {"RAY_TMPDIR": str(folder), "XDG_CACHE_HOME": str(folder)}
        self._stack = stack
        _, self.address = self._started("0")

    def add_node(self, cores: int) -> Node:
        """Start a node with so many cores, whatever the machine has, and return it."""
        node, _ = self._started(str(cores), self.address)
        return node

    def kill(self, node: Node) -> None:
        """Kill all processes of a node at once, as if its machine had lost its power."""
        if node.poll() is None:
            os.killpg(node.pid, signal.SIGKILL)
        node.communicate()

    def _started(self, *given: str) -> tuple[Node, str]:
        command = [sys.executable, "-m", "tests.ray_cluster", *given]
        root = Path(__file__).parents[1]
        node = subprocess.Popen(
            command,
            cwd=root,
            env=self._environment,
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._stack.callback(self.kill, node)
        assert node.stdout is not None
        address = node.stdout.readline().strip()
        assert address, "the node did not start"
        return node, address


@contextmanager
def loopback_cluster() -> Iterator[LoopbackCluster]:
    """Give a cluster without nodes but its head; all of its processes end with the block, and its files are removed."""
    folder = Path(tempfile.mkdtemp(prefix="ray-"))  # short: the names of its sockets may have 107 characters
    try:
        with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
            for name, value in _SETTINGS.items():
                patch.setenv(name, value)
            yield LoopbackCluster(folder, stack)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def start(cores: int, address: str | None) -> str:
    """Start a node within this process and return the address of the cluster."""
    from ray._private import services
    from ray._private.node import Node
    from ray._private.parameter import RayParams

    services.get_node = _patient(services.get_node)
    Node.start_raylet = _without_waiting(Node.start_raylet)
    parameters = RayParams(
        gcs_address=address,
        redis_address=address,
        node_ip_address=HOST,
        num_cpus=cores,
        num_gpus=0,
        object_store_memory=_MEMORY,
        min_worker_port=0,
        max_worker_port=0,
        node_manager_port=0,
        runtime_env_agent_port=free_port(),
        include_dashboard=False,
        include_log_monitor=False,
    )
    if address is not None:
        parameters.dashboard_agent_listen_port = None
    found: str = Node(parameters, head=address is None, shutdown_at_exit=False, spawn_reaper=False).gcs_address
    return found


def _without_waiting(start_raylet: Callable[..., Any]) -> Callable[..., Any]:
    """Return a start that knows at once that nothing is measured: a node dies that is not told within 15 seconds."""
    from ray import _raylet

    def started(node: Any, *given: Any, **named: Any) -> Any:
        for name in ("METRICS_AGENT_PORT_NAME", "METRICS_EXPORT_PORT_NAME", "DASHBOARD_AGENT_LISTEN_PORT_NAME"):
            _raylet.persist_port(node.get_session_dir_path(), node.node_id, getattr(_raylet, name), -1)
        return start_raylet(node, *given, **named)

    return started


def _patient(get_node: Callable[..., Any]) -> Callable[..., Any]:
    def asked_again(*given: Any) -> Any:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                return get_node(*given)
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    return asked_again


if __name__ == "__main__":
    print(start(int(sys.argv[1]), *(sys.argv[2:] or [None])), flush=True)
    sys.stdin.read()
