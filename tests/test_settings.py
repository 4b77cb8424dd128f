"""Settings: defaults inside the project, every one moved by its environment variable, wrong ones refused."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from indexer.registry import DEFAULT_ENCODER
from indexer.shipped import home, shipped_path
from service.settings import Settings

CHANGED = {
    "catalogue": ("/a/b.jsonl", Path("/a/b.jsonl")),
    "releases": ("/a/releases", Path("/a/releases")),
    "models": ("/a/models", Path("/a/models")),
    "cache": ("/a/cache", Path("/a/cache")),
    "encoder": ("all-MiniLM-L6-v2", "all-MiniLM-L6-v2"),
    "hub": ("true", True),
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("0", 0),
    "workers": ("3", 3),
    "queue_size": ("7", 7),
}


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"PRACTICES_{name.upper()}", raising=False)


def test_the_defaults_need_no_environment():
    settings = Settings()
    assert settings.catalogue == shipped_path("data/catalogue/practices.jsonl")
    assert settings.catalogue.is_file()
    assert settings.releases == home() / "data" / "releases"
    assert settings.models == home() / "models"
    assert settings.cache == home() / "data" / "cache"
    assert settings.encoder == DEFAULT_ENCODER
    assert settings.hub is False
    assert (settings.host, settings.port, settings.workers, settings.queue_size) == ("127.0.0.1", 8000, 1, 64)


@pytest.mark.parametrize("name", CHANGED)
def test_every_setting_is_an_environment_variable(monkeypatch, name):
    text, value = CHANGED[name]
    defaults = Settings().model_dump()
    monkeypatch.setenv(f"PRACTICES_{name.upper()}", text)
    assert Settings().model_dump() == defaults | {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [("port", "65536"), ("port", "-1"), ("port", "http"), ("workers", "0"), ("queue_size", "0"), ("hub", "perhaps")],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(f"PRACTICES_{name.upper()}", value)
    with pytest.raises(ValidationError) as error:
        Settings()
    assert [fault["loc"] for fault in error.value.errors()] == [(name,)]


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1


def test_every_setting_says_what_it_is():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
