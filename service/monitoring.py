"""The HTTP call by which a monitoring service reads the metrics, and what they say of the releases."""

import asyncio
import logging
from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.datastructures import State
from starlette.responses import PlainTextResponse

from service.administration import Administration
from service.journal import Journal, JournalError
from service.metrics import FAULTS, exposition
from service.switching import Switch

SECONDS = 1.0
"""Between two looks whether the release that should answer does."""

_LOG = logging.getLogger(__name__)

router = APIRouter(tags=["service"])


# Not asynchronous, so that FastAPI calls it in another thread: it reads files.
@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request) -> Response:
    """Return the metrics as Prometheus reads them."""
    state = request.app.state
    _note_fault(state.switch)
    return Response(exposition(_Releases(state)), media_type=CONTENT_TYPE_PLAIN_0_0_4)


async def note_faults(switch: Switch) -> None:
    """Keep the metric of this process up to date until cancelled: another process may be asked for it."""
    while True:
        _note_fault(switch)
        await asyncio.sleep(SECONDS)


def _note_fault(switch: Switch) -> None:
    FAULTS.set(switch.fault is not None)


class _Releases(Collector):
    """Which release answers, and how far the changes made by API are."""

    def __init__(self, state: State) -> None:
        self._switch: Switch = state.switch
        self._administration: Administration | None = getattr(state, "administration", None)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        release = GaugeMetricFamily("practices_release_info", "The release that answers.", labels=["release_id"])
        release.add_metric([self._switch.answering.release_id], 1)
        yield release
        if self._administration is not None:
            yield from _edits(self._administration.journal)


def _edits(journal: Journal) -> Iterator[Metric]:
    """Yield how many edits wait for a release, and whether none can be built; both is so where nobody can read them."""
    try:
        state = journal.state()
    except JournalError as error:
        _LOG.error("%s", error)
        is_failing = True
    else:
        is_failing = state.fault is not None
        yield GaugeMetricFamily("practices_pending_edits", "Edits that are in no release yet.", value=state.pending)
    yield GaugeMetricFamily("practices_build_fault", "Whether edits cannot get into a release.", value=is_failing)
