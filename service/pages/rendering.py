"""Turn a template and what it shows into HTML in one language; all text of a catalogue is escaped here."""

import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from service.filters import FILTER_FIELDS
from service.pages.page_state import practice_path
from service.phrases import confidence_phrase, field_title
from service.web_address import is_web_address
from service.wording import own_names, wording

STATIC_FOLDER = Path(__file__).parents[1] / "static"
STATIC_PATH = "/static"


@cache
def environment(language: str) -> Environment:
    """Return the templates in one of the languages of the interface."""
    found = Environment(
        loader=PackageLoader("service"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    words = wording(language)
    found.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]  # by i18n
    found.globals |= {
        "wording": words,
        "own_names": own_names(),
        "asset": asset_url,
        "practice_path": practice_path,
        "confidence_phrase": lambda confidence: confidence_phrase(confidence, words),
        "filter_fields": FILTER_FIELDS,
        "field_title": lambda field: field_title(field, words),
    }
    found.tests["web_address"] = is_web_address
    return found


def render(template: str, language: str, /, **shown: object) -> str:
    """Return a page or a part of one."""
    return environment(language).get_template(template).render(shown)


@cache
def asset_url(name: str) -> str:
    """Return the URL of a file of `static`; it changes with the content, so that browsers may keep it for ever."""
    digest = hashlib.sha256((STATIC_FOLDER / name).read_bytes()).hexdigest()[:12]
    return f"{STATIC_PATH}/{name}?v={digest}"
