"""Turn a template and what it shows into HTML in one language; all text of a catalogue is escaped here."""

import hashlib
from functools import cache
from pathlib import Path
from types import CodeType

from jinja2 import BytecodeCache, Environment, PackageLoader, StrictUndefined
from jinja2.bccache import Bucket

from service.downloads.xml_text import xml_text
from service.filters import FILTER_FIELDS
from service.pages.page_state import practice_path
from service.phrases import confidence_phrase, field_title
from service.web_address import is_web_address
from service.wording import OWN_NAMES, wording

STATIC_FOLDER = Path(__file__).parents[1] / "static"
STATIC_PATH = "/static"


class _CompiledOnce(BytecodeCache):
    """Code of templates, kept in memory: it is the same in all languages, and takes a tenth of a second to compile."""

    def __init__(self) -> None:
        self._code: dict[str, CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give a template the code that was compiled for another language."""
        bucket.code = self._code.get(bucket.key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code of a template."""
        if bucket.code is not None:
            self._code[bucket.key] = bucket.code


_COMPILED = _CompiledOnce()


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
        bytecode_cache=_COMPILED,
    )
    words = wording(language)
    found.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]  # by i18n
    found.globals |= {
        "wording": words,
        "own_names": OWN_NAMES,
        "asset": asset_url,
        "practice_path": practice_path,
        "confidence_phrase": lambda confidence: confidence_phrase(confidence, words),
        "filter_fields": FILTER_FIELDS,
        "field_title": lambda field: field_title(field, words),
    }
    found.tests["web_address"] = is_web_address
    found.filters["xml"] = xml_text
    return found


def render(template: str, language: str, /, **shown: object) -> str:
    """Return a page or a part of one."""
    return environment(language).get_template(template).render(shown)


@cache
def asset_url(name: str) -> str:
    """Return the URL of a file of `static`; it changes with the content, so that browsers may keep it for ever."""
    digest = hashlib.sha256((STATIC_FOLDER / name).read_bytes()).hexdigest()[:12]
    return f"{STATIC_PATH}/{name}?v={digest}"
