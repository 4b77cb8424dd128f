"""Turn what somebody asked, or who asked, into a key under which something can be kept, but not read from the key."""

import hashlib
import secrets

_BYTES = 16


class SaltedHash:
    """A hash with a salt of its own, so that nobody can tell whether a text was asked that they think of."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(_BYTES)

    def __call__(self, text: str, *, after: bytes = b"") -> bytes:
        """Return the key of some bytes and a text."""
        content = after + text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(content, digest_size=_BYTES, key=self._salt).digest()
