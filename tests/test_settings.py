"""Settings: defaults inside the project, every one moved by its environment variable, wrong ones refused."""

import json
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

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
    "most_wait": ("1.5", 1.5),
    "vectors": ("milvus", "milvus"),
    "milvus_uri": ("http://milvus:19530/other", "http://milvus:19530/other"),
    "milvus_token": ("root:secret", SecretStr("root:secret")),
    "encoder": ("all-MiniLM-L6-v2", "all-MiniLM-L6-v2"),
    "hub": ("true", True),
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("0", 0),
    "workers": ("3", 3),
    "queue_size": ("7", 7),
    "remembered": ("0", 0),
    "metrics": ("key", "key"),
    "log": ("text", "text"),
    "log_requests": ("false", False),
    "insights": ("true", True),
    "reading": ("key", "key"),
    "rate": ("120/minute", "120/minute"),
    "key_rate": ("10 per 2 hours", "10 per 2 hours"),
    "trusted_proxies": (
        '["10.0.0.0/8", "2001:db8::1"]',
        (IPv4Network("10.0.0.0/8"), IPv6Network("2001:db8::1/128")),
    ),
    "hosts": ('["practices.example", "*.a.example", "[::1]"]', ("practices.example", "*.a.example", "[::1]")),
    "timeout": ("2.5", 2.5),
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
    assert (settings.vectors, settings.milvus_uri, settings.milvus_token) == ("faiss", "", SecretStr(""))
    assert (settings.host, settings.port, settings.workers, settings.queue_size) == ("127.0.0.1", 8000, 1, 64)
    assert (settings.remembered, settings.kept_releases) == (4096, 50)
    assert settings.state == home() / "data" / "state"
    assert (settings.keys, settings.journal) == (settings.state / "keys.sqlite", settings.state / "journal.sqlite")
    assert settings.widget_origins == ("*",)
    assert (settings.reading, settings.rate, settings.key_rate, settings.timeout) == ("open", "", "", 20)
    assert (settings.trusted_proxies, settings.hosts) == ((), ())
    assert (settings.metrics, settings.log_requests) == ("open", True)
    assert (settings.insights, settings.insight_counts) == (False, settings.state / "insights.sqlite")


@pytest.mark.parametrize(("is_terminal", "style"), [(True, "text"), (False, "json")])
def test_the_log_is_text_on_a_terminal_and_json_elsewhere(monkeypatch, is_terminal, style):
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    assert Settings().log == style


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
        ("vectors", "lucene"),
        ("reading", "closed"),
        ("rate", "often"),
        ("rate", "0/minute"),
        ("key_rate", "1/second; 5/minute"),
        ("trusted_proxies", "10.0.0.0/8"),
        ("hosts", "practices.example"),
        ("timeout", "0"),
        ("timeout", "inf"),
        ("metrics", "closed"),
        ("log", "xml"),
        ("log_requests", "perhaps"),
    ],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(f"PRACTICES_{name.upper()}", value)
    with pytest.raises(ValidationError) as error:
        Settings()
    assert [fault["loc"] for fault in error.value.errors()] == [(name,)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trusted_proxies", "proxy.example"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("trusted_proxies", "*"),
        ("hosts", "https://practices.example"),
        ("hosts", "practices.example:8000"),
        ("hosts", "practices.*"),
        ("hosts", ""),
    ],
)
def test_proxies_are_networks_and_hosts_are_names(monkeypatch, name, value):
    monkeypatch.setenv(f"PRACTICES_{name.upper()}", json.dumps([value]))
    with pytest.raises(ValidationError) as error:
        Settings()
    assert {fault["loc"][:2] for fault in error.value.errors()} == {(name, 0)}


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
