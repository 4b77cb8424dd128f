"""Settings: defaults inside the project, every one moved by its environment variable, wrong ones refused."""

import json
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
    "state": ("/a/state", Path("/a/state")),
    "kept_releases": ("5", 5),
    "encoder": ("all-MiniLM-L6-v2", "all-MiniLM-L6-v2"),
    "hub": ("true", True),
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("0", 0),
    "workers": ("3", 3),
    "queue_size": ("7", 7),
    "remembered": ("0", 0),
    "widget_origins": (
        '["https://a.example", "http://b.example:8080"]',
        ("https://a.example", "http://b.example:8080"),
    ),
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
    assert (settings.remembered, settings.kept_releases) == (4096, 50)
    assert settings.state == home() / "data" / "state"
    assert (settings.keys, settings.journal) == (settings.state / "keys.sqlite", settings.state / "journal.sqlite")
    assert settings.widget_origins == ("*",)


@pytest.mark.parametrize("name", CHANGED)
def test_every_setting_is_an_environment_variable(monkeypatch, name):
    text, value = CHANGED[name]
    defaults = Settings().model_dump()
    monkeypatch.setenv(f"PRACTICES_{name.upper()}", text)
    assert Settings().model_dump() == defaults | {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "65536"),
        ("port", "-1"),
        ("port", "http"),
        ("workers", "0"),
        ("queue_size", "0"),
        ("remembered", "-1"),
        ("hub", "perhaps"),
    ],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(f"PRACTICES_{name.upper()}", value)
    with pytest.raises(ValidationError) as error:
        Settings()
    assert [fault["loc"] for fault in error.value.errors()] == [(name,)]


@pytest.mark.parametrize("value", ["https://a.example", '"*"', "[1]"])
def test_the_origins_of_the_widget_are_a_json_list(monkeypatch, value):
    monkeypatch.setenv("PRACTICES_WIDGET_ORIGINS", value)
    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize(
    "origin", ["a.example", "https://a.example/", "https://a.example; script-src *", "", "https://"]
)
def test_an_origin_is_a_scheme_a_host_and_a_port(monkeypatch, origin):
    monkeypatch.setenv("PRACTICES_WIDGET_ORIGINS", json.dumps(["https://b.example", origin]))
    with pytest.raises(ValidationError) as error:
        Settings()
    assert [fault["loc"] for fault in error.value.errors()] == [("widget_origins", 1)]


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1


def test_every_setting_says_what_it_is():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
