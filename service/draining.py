"""Turn a signal to end into an end at which nobody who got as far as the listener's queue is cut off."""

import asyncio
import ctypes
import socket
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from uvicorn import Config, Server

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_FLAGS_AT, _SYN = 13, 2  # in a TCP header (RFC 9293, 3.1)
_NO_SYN = (  # linux/filter.h: operation, steps on if true and if false, operand
    (0x30, 0, 0, _FLAGS_AT),  # load the byte
    (0x45, 0, 1, _SYN),  # is the bit set?
    (0x06, 0, 0, 0),  # keep nothing of the packet: it is dropped
    (0x06, 0, 0, 0xFFFFFFFF),  # keep all of it
)
_QUEUE_AT = 24  # of TCP_INFO: tcpi_unacked, which for a listener is the length of its queue
_LOOKS, _LOOK_SECONDS = 5, 0.2  # the first comes late enough for a handshake, and for who asks one thing after another
_CLOSE = (b"connection", b"close")


class DrainingServer(Server):
    """A server that, told to end, first accepts and reads what was sent to it, for a second at most.

    Who tries to connect meanwhile hears nothing, and tries again by themselves, as TCP does: they are refused then, or
    answered by the process that comes next. Linux only; elsewhere who waits in the queue is cut off.
    Where it `shares_listener` with others that may go on, it is left to who ends them all to refuse newcomers.
    """

    def __init__(self, config: Config, *, shares_listener: bool = False) -> None:
        super().__init__(config)
        self._shares_listener = shares_listener

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take what is on its way, say with each answer that it is the last one, then end as ever."""
        self.server_state.default_headers = [*self.server_state.default_headers, _CLOSE]
        if not self._shares_listener:
            refuse_newcomers(sockets or ())
        for _ in range(_LOOKS):
            await asyncio.sleep(_LOOK_SECONDS)
            if not any(map(_has_queue, sockets or ())) and not _is_awaited(self.server_state.connections):
                break
        await super().shutdown(sockets)


def refuse_newcomers(listeners: Iterable[socket.socket]) -> None:
    """Let the system drop every packet that begins a connection, for good; where it cannot, nothing happens."""
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in _NO_SYN))
    option = struct.pack("HP", len(_NO_SYN), ctypes.addressof(program))
    for listener in listeners:
        with suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, option)


def _is_awaited(connections: Iterable[Any]) -> bool:
    """Say whether the first request of any connection has not come whole: it may be on its way."""
    return any(one.cycle is None for one in connections)


def _has_queue(listener: socket.socket) -> bool:
    """Say whether anybody who is connected has not been accepted."""
    if sys.platform != "linux":
        return False
    [length] = struct.unpack_from("I", listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), _QUEUE_AT)
    return bool(length)
