"""Turn a release and its encoder into the web application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata

from fastapi import FastAPI
from fastapi_swagger import patch_fastapi

from indexer.encoder import Encoder
from indexer.manifest import ReleaseError, check_encoder
from indexer.registry import EncoderError
from service.api import PREFIX, health_router, router
from service.encoder_queue import EncoderQueue
from service.loading import load_current_release, load_encoder
from service.problems import add_problem_handlers
from service.retriever import Retriever
from service.settings import Settings


def create_app(retriever: Retriever, encoder: Encoder, *, queue_size: int) -> FastAPI:
    """Return the application. Raises ReleaseError when `encoder` is not the one that built the release."""
    check_encoder(retriever.release.manifest, encoder)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with EncoderQueue(encoder, queue_size) as queue:
            app.state.encoder = queue
            yield

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
    app.state.retriever = retriever
    app.include_router(router)
    app.include_router(health_router)
    add_problem_handlers(app)
    patch_fastapi(app, docs_url=f"{PREFIX}/docs")  # a docs page from our own files: no other host is asked
    return app


def create_app_from_settings() -> FastAPI:
    """Return the application for the current release; what uvicorn calls in each worker.

    Leaves the process with a message and status 1 when the release or its encoder is refused.
    """
    settings = Settings()
    try:
        release = load_current_release(settings)
        encoder = load_encoder(release.manifest.encoder.name, settings)
        return create_app(Retriever(release), encoder, queue_size=settings.queue_size)
    except (ReleaseError, EncoderError) as error:
        raise SystemExit(f"Error: {error}") from error
