"""Turn the environment into settings: the one place that reads it."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, IPvAnyNetwork, Json, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from indexer.registry import DEFAULT_ENCODER
from indexer.release_files import CURRENT
from indexer.shipped import home, shipped_path
from service.limits import VectorSearcher

Count = Annotated[int, Field(ge=1)]
Origin = Annotated[str, Field(pattern=r"^(\*|https?://[a-zA-Z0-9.:\[\]-]+)$")]
"""Scheme, host and port of a site as a browser names it, or '*' for all of them."""

HostName = Annotated[str, Field(pattern=r"^((\*\.)?[a-zA-Z0-9.-]+|\[[0-9a-fA-F:.]+\])$")]
"""A host as it stands in the header Host, without port; `*.` and a name stand for all below it."""


def _one_rate(text: str) -> str:
    if text:
        from limits import parse_many  # noqa: PLC0415  it takes a tenth of a second, and most settings have no rate

        rates = parse_many(text)
        if len(rates) != 1 or rates[0].amount < 1:
            raise ValueError(f"found '{text}', expected one rate of at least one call, such as '120/minute'")
    return text


Rate = Annotated[str, AfterValidator(_one_rate)]
"""How often one may ask, in the notation of the package `limits`, such as '120/minute'; empty for any."""

MetricsAccess = Literal["open", "key", "off"]
LogStyle = Literal["text", "json"]


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
        description="folder of the keys, of changes that are in no release yet, and of counts of what is asked",
    )
    encoder: str = Field(default=DEFAULT_ENCODER, description="encoder that new releases are built with")
    hub: bool = Field(default=False, description="whether weights may be fetched from the hub")
    vectors: VectorSearcher = Field(
        default="faiss", description="what searches the vectors: the release itself, or a Milvus that holds a copy"
    )
    milvus_uri: str = Field(default="", description="where that Milvus is: http://HOST:PORT/DATABASE, or FILE.db")
    milvus_token: SecretStr = Field(default=SecretStr(""), description="how it is entered: USER:PASSWORD or a key")
    host: str = Field(default="127.0.0.1", description="address that the service listens on")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(default=8000, description="port that the service listens on")
    workers: Count = Field(default=1, description="processes that answer, each with an encoder of its own")
    queue_size: Count = Field(default=64, description="questions that may wait for the encoder before a 503")
    most_wait: Annotated[float, Field(gt=0)] = Field(
        default=0.3, description="seconds that a question may have to wait for the encoder before others get a 503"
    )
    kept_releases: Count = Field(
        default=50, description="releases that stay when a change by API makes another one; older ones are removed"
    )
    remembered: Annotated[int, Field(ge=0)] = Field(
        default=4096,
        description="texts whose embeddings and rankings are kept in memory, under a hash, for when they come again",
    )
    widget_origins: Json[tuple[Origin, ...]] = Field(
        default=("*",),
        validate_default=False,  # what is validated is JSON, and the default is none
        description="JSON list of the origins whose pages may ask for the widget's data and frame it",
    )
    reading: Literal["open", "key"] = Field(
        default="open", description="whether the calls under /api/v1 need a key, of whatever scope"
    )
    rate: Rate = Field(default="", description="how often one address may ask, such as 120/minute; empty for any")
    key_rate: Rate = Field(default="", description="how often one key may ask, in place of its address")
    trusted_proxies: Json[tuple[IPvAnyNetwork, ...]] = Field(
        default=(),
        validate_default=False,
        description="JSON list of the addresses or networks whose X-Forwarded headers are believed",
    )
    hosts: Json[tuple[HostName, ...]] = Field(
        default=(),
        validate_default=False,
        description="JSON list of the host names that are answered for; empty for any",
    )
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=20, description="seconds until a request that has no answer yet gets a 503"
    )
    metrics: MetricsAccess = Field(
        default="open", description="who may read `/metrics`: everyone, only who has a key, or nobody"
    )
    log: LogStyle = Field(
        default_factory=lambda: "text" if sys.stderr.isatty() else "json", description="how the log is written"
    )
    log_requests: bool = Field(default=True, description="whether each request is a line of the log")
    insights: bool = Field(default=False, description="whether it is counted what questions are about")

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

    @property
    def insight_counts(self) -> Path:
        """Return the file of counts of what is asked."""
        return self.state / "insights.sqlite"


def settings_with(**options: object) -> Settings:
    """Return the settings with options that are not None on top of them, which processes started later inherit."""
    for name, value in options.items():
        if value is not None:
            os.environ[f"PRACTICES_{name.upper()}"] = str(value)
    return Settings()
