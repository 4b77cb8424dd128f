"""The server's protocol with long addresses, a bound of the head of a request, and answers sent in one piece."""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn_worker import UvicornWorker  # type: ignore[import-untyped]

from service.limits import MAX_HEAD_BYTES

_CONTENT = (
    b'{"type":"about:blank","title":"Request Header Fields Too Large","status":431,'
    b'"detail":"expected at most %d bytes before the content; send a long text by POST","errors":[]}' % MAX_HEAD_BYTES
)
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n" % len(_CONTENT)
) + _CONTENT


_ANSWER = b"HTTP/1.1 "


class _Joined:
    """A transport that sends the head of an answer with what follows it at once.

    Whoever dies between the two leaves half an answer, which no proxy can ask for anew; with neither it can.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def write(self, data: bytes) -> None:
        """Send data, but a head only with what comes next, or alone where nothing does in this step of the loop."""
        if data.startswith(_ANSWER) and not self._head:
            self._head = data
            asyncio.get_running_loop().call_soon(self._flush)
        else:
            head, self._head = self._head, b""
            self._transport.write(head + data)

    def close(self) -> None:
        """Send what is left, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head and not self._transport.is_closing():
            self.write(b"")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  all else is that of the transport
        return getattr(self._transport, name)


class BoundedProtocol(HttpToolsProtocol):
    """Reads addresses as long as `MAX_HEAD_BYTES` allows, and refuses a head of which more has come without an end."""

    _is_in_head = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base has it
        """Begin to talk to a client."""
        super().connection_made(_Joined(transport))  # type: ignore[arg-type]  # it does what one does

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Note that the head has ended, and take its address apart: httptools refuses one above 65,535 bytes."""
        address = self.url
        self.url, _, query = address.partition(b"?")
        super().on_headers_complete()
        self.scope["query_string"] = query.partition(b"#")[0]
        self.url = address
        self._is_in_head = False

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        super().data_received(data)
        if self._is_in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.transport.write(_REFUSAL)
                self.transport.close()


class BoundedWorker(UvicornWorker):  # type: ignore[misc]
    """A worker of gunicorn that speaks it."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {"loop": "auto", "http": BoundedProtocol}
