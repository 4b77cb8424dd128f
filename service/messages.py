"""Collect the texts of the interface and keep the catalogues of their translations up to date.

`python -m service.messages` writes `locale/messages.pot` and brings each language's `messages.po` in line with it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from indexer.catalogue import read_vocabulary
from indexer.shipped import shipped_path
from service.wording import DEFAULT_LANGUAGE, DOMAIN, LANGUAGES, LOCALE_FOLDER, po_file

TEMPLATE_FILE = LOCALE_FOLDER / f"{DOMAIN}.pot"

_METHODS = [("**.py", "python"), ("templates/**", "jinja2")]
_OPTIONS = {"templates/**": {"trimmed": "true", "newstyle_gettext": "true"}}
_KEYWORDS = {"gettext": None, "ngettext": (1, 2), "translatable": None}
_WIDTH = 120
_CREATED = datetime(2026, 11, 25, tzinfo=UTC)  # always the same: the same texts give the same files


def collect() -> Catalog:
    """Return all texts that have translations: those of code and templates, and labels of the shipped vocabulary."""
    catalog = _catalog(None)
    for message, place in (*_of_code(), *_of_vocabulary()):
        catalog.add(message, locations=[(place, 0)])
    return catalog


def read_translations(language: str) -> Catalog:
    """Return the translations of a language; an empty catalogue where there are none yet."""
    catalog, path = _catalog(language), po_file(language)
    if path.is_file():
        with path.open("rb") as file:
            for message in read_po(file, locale=language, domain=DOMAIN):
                if message.id:
                    catalog[message.id] = message
    return catalog


def update() -> None:
    """Write the template, and every language's catalogue with exactly its texts; nothing is guessed."""
    template = collect()
    _write(TEMPLATE_FILE, template)
    for language in LANGUAGES:
        if language != DEFAULT_LANGUAGE:
            catalog = read_translations(language)
            catalog.update(template, no_fuzzy_matching=True)
            _write(po_file(language), catalog)


def _catalog(language: str | None) -> Catalog:
    return Catalog(
        locale=language,
        project="practices",
        version=str(metadata.version("practices")),
        msgid_bugs_address="",
        last_translator="",
        language_team="",
        header_comment="# Texts of the interface; `python -m service.messages` keeps them in line with the code.",
        creation_date=_CREATED,
        revision_date=_CREATED,
        fuzzy=False,
    )


def _of_code() -> Iterator[tuple[str | tuple[str, ...], str]]:
    folder = Path(__file__).parent
    found = extract_from_dir(folder, method_map=_METHODS, options_map=_OPTIONS, keywords=_KEYWORDS)
    for name, _, message, _, _ in found:
        yield message, f"service/{name}"


def _of_vocabulary() -> Iterator[tuple[str, str]]:
    path = "data/catalogue/vocabulary.toml"
    for labels in read_vocabulary(shipped_path(path)).values():
        for label in labels.values():
            yield label, path


def _write(path: Path, catalog: Catalog) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, width=_WIDTH, sort_output=True, ignore_obsolete=True, include_lineno=False)


if __name__ == "__main__":
    update()
