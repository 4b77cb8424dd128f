"""Let nobody ask more often than a rate says: no address, and no key."""

import re
import time
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from math import ceil
from urllib.parse import unquote_plus

from cachetools import TTLCache
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, Storage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access import key_of
from service.keys import KeyStore
from service.problems import problem_response
from service.proxies import plain_address
from service.salted_hash import SaltedHash

MOST_COUNTED = 2**15
"""Counters of one rate; the one that was used longest ago goes first. An address has at most two of 400 bytes each."""

_COUNTED_PATH = re.compile(
    r"/api/v1/(search|similar|practices/.+/related)|/practices/.+|/(embed|download)/.+", re.DOTALL
)
_COUNTED_PARAMETERS = frozenset({"q", "release"})  # the one asks the encoder, the other may open a release


class RateLimits:
    """Middleware that answers 429 to calls beyond a rate; each of `workers` processes takes its share of it.

    A call with a valid key counts for the key where there is a `key_rate`, any other for the address that it comes
    from. The headers RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers) say what is left.
    """

    def __init__(self, app: ASGIApp, *, rate: str, key_rate: str, workers: int, keys: KeyStore | None) -> None:
        self._app = app
        self._by_address = Rate("address", share(rate, workers)) if rate else None
        self._by_key = Rate("key", share(key_rate, workers)) if key_rate else None
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        rate, asker = await self._counted(scope) if scope["type"] == "http" and is_counted(scope) else (None, "")
        if rate is None:
            await self._app(scope, receive, send)
            return
        is_allowed, headers = rate.take(asker)
        if not is_allowed:
            detail = f"this {rate.name} may ask {rate.notation}; Retry-After says in how many seconds it may ask again"
            kind = "urn:practices:problem:too-many-requests"
            refusal = problem_response(Request(scope), HTTPStatus.TOO_MANY_REQUESTS, detail, kind=kind, headers=headers)
            await refusal(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    async def _counted(self, scope: Scope) -> "tuple[Rate | None, str]":
        """Return the rate that a call counts for, and whose call it is."""
        if self._by_key is not None and self._keys is not None:
            key = await key_of(Request(scope), self._keys)
            if key is not None:
                return self._by_key, key.name
        return self._by_address, counted_address(scope["client"][0] if scope.get("client") else "")


class Rate:
    """How often each asker may ask in any stretch of time: a sliding window, kept in memory for at most two of it.

    Of an asker only a salted hash is kept; the salt is made anew in each process and known to nobody.
    """

    def __init__(self, name: str, rate: RateLimitItem) -> None:
        self.name = name
        self.notation = f"{rate.amount} times in {rate.get_expiry()} seconds"
        self._rate = rate
        self._hash = SaltedHash()
        self._policy = f'"{name}";q={rate.amount};w={rate.get_expiry()}'
        self.counters = Counters(rate.get_expiry())
        self._limiter = SlidingWindowCounterRateLimiter(self.counters)

    def take(self, asker: str) -> tuple[bool, dict[str, str]]:
        """Count one call; return whether it is allowed, and the headers that say what is left."""
        hashed = self._hash(asker).hex()
        is_allowed = self._limiter.hit(self._rate, hashed)
        left = self._limiter.get_window_stats(self._rate, hashed)
        seconds = max(1, ceil(left.reset_time - time.time()))
        headers = {
            "RateLimit-Policy": self._policy,
            "RateLimit": f'"{self.name}";r={left.remaining if is_allowed else 0};t={seconds}',
        }
        return is_allowed, headers if is_allowed else headers | {"Retry-After": str(seconds)}


@dataclass(slots=True)
class _Count:
    calls: int = 0


class Counters(MemoryStorage):
    """The library's counters in memory, but bounded and without its thread, which goes through all of them each time.

    A counter is forgotten two windows of `seconds` after its first call; the library reads none that is older.
    """

    STORAGE_SCHEME = []  # noqa: RUF012  as the library has it; no address leads to this one

    def __init__(self, seconds: int) -> None:
        Storage.__init__(self)  # that of MemoryStorage starts the thread
        self._counts: TTLCache[str, _Count] = TTLCache(MOST_COUNTED, ttl=2 * seconds, timer=time.time)

    def __len__(self) -> int:
        """Return how many counters are kept."""
        return len(self._counts)

    def get(self, key: str) -> int:
        """Return the calls of a counter."""
        count = self._counts.get(key)
        return 0 if count is None else count.calls

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count calls, and return how many there are now."""
        count = self._counts.setdefault(key, _Count())
        count.calls += amount
        return count.calls


def share(rate: str, workers: int) -> RateLimitItem:
    """Return the part of a rate that one of several processes allows, at least one call. Raises ValueError."""
    whole = parse(rate)
    return type(whole)(max(1, whole.amount // workers), whole.multiples)


def is_counted(scope: Scope) -> bool:
    """Say whether a call searches, encodes, makes a file or opens a release."""
    return _COUNTED_PATH.fullmatch(scope["path"]) is not None or any(
        unquote_plus(pair.partition("=")[0]) in _COUNTED_PARAMETERS
        for pair in scope["query_string"].decode("latin-1").split("&")
    )


def counted_address(host: str) -> str:
    """Return what counts as one asker: an IPv4 address, or the /64 that a line has of IPv6; else the text as it is."""
    try:
        address = ip_address(plain_address(host))
    except ValueError:
        return host
    return f"{int(address) >> 64:x}::/64" if isinstance(address, IPv6Address) else str(address)
