"""Turn the environment into settings: the one place that reads it."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, Json
from pydantic_settings import BaseSettings, SettingsConfigDict

from indexer.registry import DEFAULT_ENCODER
from indexer.release_files import CURRENT
from indexer.shipped import home, shipped_path

Count = Annotated[int, Field(ge=1)]
Origin = Annotated[str, Field(pattern=r"^(\*|https?://[a-zA-Z0-9.:\[\]-]+)$")]
"""Scheme, host and port of a site as a browser names it, or '*' for all of them."""


class Settings(BaseSettings):
    """Every setting is an environment variable: the field's name in capitals after `PRACTICES_`."""

    model_config = SettingsConfigDict(env_prefix="PRACTICES_", frozen=True)

    catalogue: Path = Field(
        default_factory=lambda: shipped_path("data/catalogue/practices.jsonl"),
        description="the catalogue that `practices serve` builds a release of when there is none",
    )
    releases: Path = Field(
        default_factory=lambda: home() / "data" / "releases", description="folder of the releases and of `current`"
    )
    models: Path = Field(default_factory=lambda: home() / "models", description="folder of the encoders' weights")
    cache: Path = Field(default_factory=lambda: home() / "data" / "cache", description="folder of kept embeddings")
    state: Path = Field(
        default_factory=lambda: home() / "data" / "state",
        description="folder of the keys and of changes that are in no release yet",
    )
    encoder: str = Field(default=DEFAULT_ENCODER, description="encoder that new releases are built with")
    hub: bool = Field(default=False, description="whether weights may be fetched from the hub")
    host: str = Field(default="127.0.0.1", description="address that the service listens on")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(default=8000, description="port that the service listens on")
    workers: Count = Field(default=1, description="processes that answer, each with an encoder of its own")
    queue_size: Count = Field(default=64, description="questions that may wait for the encoder before a 503")
    kept_releases: Count = Field(
        default=50, description="releases that stay when a change by API makes another one; older ones are removed"
    )
    remembered: Annotated[int, Field(ge=0)] = Field(
        default=4096, description="texts whose embeddings are kept in memory, under a hash, for when they come again"
    )
    widget_origins: Json[tuple[Origin, ...]] = Field(
        default=("*",),
        validate_default=False,  # what is validated is JSON, and the default is none
        description="JSON list of the origins whose pages may ask for the widget's data and frame it",
    )

    @property
    def current(self) -> Path:
        """Return the link to the release that answers."""
        return self.releases / CURRENT

    @property
    def keys(self) -> Path:
        """Return the file of the keys."""
        return self.state / "keys.sqlite"

    @property
    def journal(self) -> Path:
        """Return the file of the changes that were made by API."""
        return self.state / "journal.sqlite"


def settings_with(**options: object) -> Settings:
    """Return the settings with options that are not None on top of them, which processes started later inherit."""
    for name, value in options.items():
        if value is not None:
            os.environ[f"PRACTICES_{name.upper()}"] = str(value)
    return Settings()
