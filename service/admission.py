"""What is let in: who may read, who may ask how often, by which names and proxies, how much, and for how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from fastapi import Depends, FastAPI

from service.access import require_key
from service.keys import KeyStore
from service.patience import Patience
from service.problems import DOCUMENTED
from service.proxies import KnownHosts, TrustedProxies
from service.request_bounds import RequestBounds
from service.settings import Settings

USUAL_SECONDS = 20.0

_UNAUTHORIZED: dict[int | str, dict[str, Any]] = {401: DOCUMENTED | {"description": "no valid key"}}


@dataclass(frozen=True, slots=True)
class Admission:
    """What the settings say of requests; without arguments everybody may ask, by any name and as often as they like.

    Rates are in the notation of the package `limits`; each of the `workers` takes its share of them. Empty `hosts` are
    all names, empty `proxies` none.
    """

    needs_key: bool = False
    rate: str = ""
    key_rate: str = ""
    workers: int = 1
    proxies: Sequence[str] = ()
    hosts: Sequence[str] = ()
    seconds: float = USUAL_SECONDS

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return that of the settings."""
        return cls(
            needs_key=settings.reading == "key",
            rate=settings.rate,
            key_rate=settings.key_rate,
            workers=settings.workers,
            proxies=tuple(str(network) for network in settings.trusted_proxies),
            hosts=settings.hosts,
            seconds=settings.timeout,
        )

    @property
    def of_readers(self) -> dict[str, Any]:
        """Return what the calls for readers are included with: the need of a key, where there is one."""
        return {"dependencies": [Depends(require_key)], "responses": _UNAUTHORIZED} if self.needs_key else {}


def bound_requests(app: FastAPI, admission: Admission, keys: KeyStore | None) -> None:
    """Bound what a request may take: size, number and time; comes before the handlers of errors, which see its own."""
    app.add_middleware(RequestBounds)
    if admission.rate or (admission.key_rate and keys is not None):
        from service.rate_limits import RateLimits  # noqa: PLC0415  the library takes a tenth of a second to import

        app.add_middleware(
            RateLimits, rate=admission.rate, key_rate=admission.key_rate, workers=admission.workers, keys=keys
        )
    app.add_middleware(Patience, seconds=admission.seconds)


def check_origins(app: FastAPI, admission: Admission) -> None:
    """Find out who asks, and by which name of the service; comes after all that needs to know."""
    if admission.hosts:
        app.add_middleware(KnownHosts, hosts=admission.hosts)
    if admission.proxies:
        app.add_middleware(TrustedProxies, proxies=admission.proxies)
