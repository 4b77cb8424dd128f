"""The README and the changelog, held against the code."""

import re
import tomllib
from pathlib import Path

import pytest
import typer.main
from prometheus_client import CollectorRegistry

from service.__main__ import app as command_line
from service.admin import router as admin_router
from service.api import health_router, router
from service.downloads.router import router as downloads_router
from service.embeds.router import router as embeds_router
from service.exports.router import router as exports_router
from service.feed import router as feed_router
from service.logs import REQUEST_FIELDS
from service.metrics import exposition
from service.monitoring import router as metrics_router
from service.pages.router import router as pages_router
from service.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GROUP = typer.main.get_command(command_line)
COMMANDS = {
    f"{name} {part}" if part else name: command
    for name, group in GROUP.commands.items()
    for part, command in getattr(group, "commands", {"": group}).items()
}
CALLS = sorted(
    (method, route.path.replace(":path", ""))
    for one in (
        router,
        admin_router,
        health_router,
        pages_router,
        downloads_router,
        embeds_router,
        exports_router,
        feed_router,
        metrics_router,
    )
    for route in one.routes
    for method in route.methods
)


def test_both_commands_and_the_first_answer_stand_before_line_40() -> None:
    head = "\n".join(README.splitlines()[:40])

    assert "make serve" in head
    assert "make test" in head
    assert "how to keep apprentices from dropping out" in head
    assert '"rank": 1' in head


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_its_options_are_documented(name: str) -> None:
    assert f"`practices {name}" in README
    for option in COMMANDS[name].params:
        for flag in option.opts:
            if flag.startswith("--") and flag != "--help":
                assert flag in README, f"{name} {flag}"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_with_its_default_or_meaning(name: str) -> None:
    assert f"`PRACTICES_{name.upper()}`" in README


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_is_documented(method: str, path: str) -> None:
    assert re.search(rf"`{method} {re.escape(path)}[`?]", README), f"{method} {path}"


def test_every_metric_and_every_field_of_the_log_is_documented() -> None:
    names = re.findall(r"^# TYPE (practices_\w+)", exposition(CollectorRegistry()).decode(), re.MULTILINE)

    assert len(names) >= 7
    for name in (*names, "practices_release_info", "practices_pending_edits", "practices_build_fault", *REQUEST_FIELDS):
        assert f"`{name}`" in README, name


def test_every_file_that_the_readme_links_to_exists() -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", README):
        assert (ROOT / target).exists(), target


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    assert set(re.findall(r"`make ([a-z-]+)", README)) <= targets


def test_the_changelog_has_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_torch_is_pinned_where_the_build_extra_asks_for_it() -> None:
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert "torch==2.13.0" in constraints
    assert "torch==2.13.0" in extras["optional-dependencies"]["build"]
    assert not [one for one in extras["dependencies"] if one.startswith(("torch", "sentence-transformers"))]
