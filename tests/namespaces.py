"""Machines to try on one: network namespaces that are joined by a bridge within another one, and reach nothing else."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

NET = "10.75.0"
HUB_ADDRESS = f"{NET}.1"
_NEW_NET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Network:
    """A hub, in which the bridge is, and other machines around it."""

    hub: str
    machines: tuple[str, ...]

    def address(self, number: int) -> str:
        """Return the address of a machine, counted from 0."""
        return f"{NET}.{11 + number}"

    def within(self, name: str) -> tuple[str, ...]:
        """Return how a command begins that runs on a machine or the hub."""
        return ("ip", "netns", "exec", name)

    def cut(self, number: int, *, is_cut: bool = True) -> None:
        """Cut the line of a machine, so that nothing of it is heard any more, or mend it."""
        _ip("-n", self.hub, "link", "set", f"port{number}", "down" if is_cut else "up")


@contextmanager
def network(machines: int) -> Iterator[Network]:
    """Give a network that is gone afterwards; skips the test where none can be made."""
    if os.getuid() or shutil.which("ip") is None or subprocess.run(["ip", "netns"], check=False).returncode:
        pytest.skip("NO NAMESPACES: several machines were NOT tried; it takes root and Debian's iproute2")
    name = f"practices-{os.getpid()}"
    found = Network(f"{name}-hub", tuple(f"{name}-{number}" for number in range(machines)))
    try:
        _join(found)
        yield found
    finally:
        for one in (found.hub, *found.machines):
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "delete", one)


def _join(found: Network) -> None:
    for one in (found.hub, *found.machines):
        _ip("netns", "add", one)
        _ip("-n", one, "link", "set", "lo", "up")
    _ip("-n", found.hub, "link", "add", "bridge", "type", "bridge")
    _ip("-n", found.hub, "address", "add", f"{HUB_ADDRESS}/24", "dev", "bridge")
    _ip("-n", found.hub, "link", "set", "bridge", "up")
    for number, one in enumerate(found.machines):
        port = f"port{number}"
        _ip("-n", found.hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", one)
        _ip("-n", found.hub, "link", "set", port, "master", "bridge", "up")
        _ip("-n", one, "address", "add", f"{found.address(number)}/24", "dev", "eth0")
        _ip("-n", one, "link", "set", "eth0", "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


def enter(namespace: str) -> None:
    """Let all that this thread opens from now on be on a machine; other threads stay where they are."""
    descriptor = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if _LIBC.setns(descriptor, _NEW_NET):
            raise OSError(ctypes.get_errno(), f"{namespace} cannot be entered")
    finally:
        os.close(descriptor)
