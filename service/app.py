"""Turn a release and its encoder into the web application."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import metadata

from fastapi import Depends, FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from indexer.encoder import Encoder
from indexer.manifest import check_encoder
from indexer.registry import EncoderError
from indexer.release_files import ReleaseError
from service.access import require_key
from service.admin import router as admin_router
from service.administration import Administration
from service.admission import Admission, bound_requests, check_origins
from service.api import PREFIX, health_router, router
from service.archive import Archive
from service.downloads.router import router as downloads_router
from service.embeds.router import router as embeds_router
from service.encoder_queue import EncoderQueue
from service.exports.router import router as exports_router
from service.feed import router as feed_router
from service.insight_store import InsightStore
from service.insights import Counting, Insights
from service.loading import SettingsReleases
from service.metrics import WAITING
from service.monitoring import note_faults
from service.monitoring import router as metrics_router
from service.pages.rendering import STATIC_FOLDER, STATIC_PATH
from service.pages.router import SWAGGER_PATH
from service.pages.router import router as pages_router
from service.problems import add_problem_handlers
from service.retriever import Retriever
from service.security import SecurityHeaders
from service.settings import MetricsAccess, Settings
from service.sharing import ANY_ORIGIN, Sharing
from service.shedding import Shedding
from service.switching import Releases, Switch
from service.watching import ASKED_METHOD, Watching

_OPEN = Admission()
_COMPRESSION = 4  # of zlib: a third of the time of 9 for 5 % more bytes


class KeptFiles(StaticFiles):
    """Files that browsers keep for good where their URL names the content (see `asset_url`)."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file."""
        response = await super().get_response(path, scope)
        if scope["query_string"].startswith(b"v="):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


class HeadAsGet:
    """Middleware that answers HEAD where there is GET (RFC 9110, 9.3.2); the server leaves the content out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        is_head = scope["type"] == "http" and scope["method"] == "HEAD"
        await self._app({**scope, "method": "GET", ASKED_METHOD: "HEAD"} if is_head else scope, receive, send)


def create_app(  # noqa: PLR0913  most are settings
    retriever: Retriever,
    encoder: Encoder,
    *,
    queue_size: int,
    most_wait: float = float("inf"),
    remembered: int = 0,
    widget_origins: Sequence[str] = (ANY_ORIGIN,),
    releases: Releases | None = None,
    administration: Administration | None = None,
    admission: Admission = _OPEN,
    metrics: MetricsAccess = "open",
    logs_requests: bool = True,
    insights: Insights | None = None,
) -> FastAPI:
    """Return the application. Raises ReleaseError when `encoder` is not the one that built the release.

    At most `queue_size` questions wait, for about `most_wait` seconds at most; the embeddings of the last `remembered`
    texts are kept. `widget_origins` are the sites that may use the widget. The current one of the `releases` is
    followed, where they are given; practices can be changed where there is an `administration`, which `metrics` and an
    `admission` for those with a key need too. What is asked is counted where there are `insights`.
    """
    check_encoder(retriever.release.manifest, encoder)

    def queue(one: Encoder) -> EncoderQueue:
        return EncoderQueue(one, queue_size, remembered=remembered, most_wait=most_wait, on_change=WAITING.inc)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with app.state.switch as switch:
            tasks = [asyncio.create_task(note_faults(switch))]
            if releases is not None:
                tasks.append(asyncio.create_task(switch.follow(releases)))
            if administration is not None:
                tasks.append(asyncio.create_task(administration.builder.keep()))
            if insights is not None:
                tasks.append(asyncio.create_task(insights.keep()))
            yield
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await app.state.archive.close()

    app = FastAPI(
        title="Practices against early leaving",
        summary="Which good practices fit a problem that is told in plain words?",
        version=metadata.version("practices"),
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        lifespan=lifespan,
    )
    app.state.switch = Switch(retriever, encoder, queue)
    app.state.insights = insights
    app.state.archive = Archive(app.state.switch, releases, queue)
    app.include_router(router, **admission.of_readers)
    app.include_router(health_router)
    app.include_router(embeds_router)
    app.include_router(pages_router)
    app.include_router(downloads_router)
    app.include_router(feed_router)
    app.include_router(exports_router)
    if metrics != "off":
        app.include_router(metrics_router, dependencies=[Depends(require_key)] if metrics == "key" else [])
    if administration is not None:
        app.state.administration = administration
        app.state.keys = administration.keys
        app.include_router(admin_router)
    app.mount(STATIC_PATH, KeptFiles(directory=STATIC_FOLDER))
    app.mount(SWAGGER_PATH, StaticFiles(packages=[("fastapi_swagger", "resources")]))
    bound_requests(app, admission, administration.keys if administration else None)
    add_problem_handlers(app)
    app.add_middleware(GZipMiddleware, compresslevel=_COMPRESSION)
    app.add_middleware(Shedding)
    app.add_middleware(Sharing, origins=widget_origins)
    app.add_middleware(SecurityHeaders, origins=widget_origins)
    check_origins(app, admission)
    if insights is not None:
        app.add_middleware(Counting, insights=insights)
    app.add_middleware(Watching, logs_requests=logs_requests)
    app.add_middleware(HeadAsGet)
    return app


def create_app_from_settings(settings: Settings, encoder: Callable[[], Encoder]) -> FastAPI:
    """Return the application for the current release; `encoder` returns that of the release when it is loaded.

    Leaves the process with a message and status 1 when the release or its encoder is refused.
    """
    try:
        releases = SettingsReleases(settings)
        return create_app(
            Retriever(releases.current(), remembered=settings.remembered),
            encoder(),
            queue_size=settings.queue_size,
            most_wait=settings.most_wait,
            remembered=settings.remembered,
            widget_origins=settings.widget_origins,
            releases=releases,
            administration=Administration.of(settings),
            admission=Admission.of(settings),
            metrics=settings.metrics,
            logs_requests=settings.log_requests,
            insights=Insights(InsightStore(settings.insight_counts)) if settings.insights else None,
        )
    except (ReleaseError, EncoderError) as error:
        raise SystemExit(f"Error: {error}") from error
