"""The server's protocol with long addresses and a bound of the head of a request, neither of which httptools has."""

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


class BoundedProtocol(HttpToolsProtocol):
    """Reads addresses as long as `MAX_HEAD_BYTES` allows, and refuses a head of which more has come without an end."""

    _is_in_head = False
    _head_bytes = 0

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
