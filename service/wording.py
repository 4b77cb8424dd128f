"""Turn the texts of the interface into one of its languages, with its numbers, dates and names of countries."""

import io
from datetime import date
from functools import cache
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from babel.support import Translations

DEFAULT_LANGUAGE = "en"
OWN_NAMES = {
    "da": "Dansk",
    "de": "Deutsch",
    "et": "Eesti",
    "en": "English",
    "es": "Español",
    "fr": "Français",
    "ga": "Gaeilge",
    "hr": "Hrvatski",
    "it": "Italiano",
    "lv": "Latviešu",
    "lt": "Lietuvių",
    "hu": "Magyar",
    "mt": "Malti",
    "nl": "Nederlands",
    "pl": "Polski",
    "pt": "Português",
    "ro": "Română",
    "sk": "Slovenčina",
    "sl": "Slovenščina",
    "fi": "Suomi",
    "sv": "Svenska",
    "cs": "Čeština",
    "el": "Ελληνικά",
    "bg": "Български",
}
"""What the languages of the interface call themselves, in the order of these names, by their ISO 639-1 codes: the
official languages of the European Union. Babel has them too, for 200 ms and 20 MB, as it reads all of a language."""

LANGUAGES = tuple(sorted(OWN_NAMES))

_REGIONAL = {"en": "en_GB", "pt": "pt_PT"}
"""Languages whose names, dates and numbers are, without a region, not those of Europe."""

SEVERAL_COUNTRIES = "EU"
"""What stands for a country where a practice runs in several of them; no locale has a name for that."""

LOCALE_FOLDER = Path(__file__).parent / "locale"
DOMAIN = "messages"


def translatable(text: str) -> str:
    """Return `text` as it is; it is marked as one that has translations."""
    return text


class Wording:
    """What one language calls things. A text without a translation stays English."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.locale = Locale.parse(_REGIONAL.get(language, language))
        self._translations = _translations(language)

    def gettext(self, text: str) -> str:
        """Return a text of the interface, or the label of a vocabulary, in this language."""
        translated: str = self._translations.gettext(text) if text else ""
        return translated

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """Return the form of a text that goes with a count."""
        translated: str = self._translations.ngettext(singular, plural, count)
        return translated

    def label(self, field: str, value: str, english: str) -> str:
        """Return what people read for a value of a field; `english` is its English label."""
        if field == "country":
            return self.country(value, english)
        if field in ("language", "languages"):
            return self.language_name(value)
        return self.gettext(english)

    def country(self, code: str, english: str) -> str:
        """Return the name of a country; several of them are translated as a text."""
        return self.gettext(english) if code == SEVERAL_COUNTRIES else str(self.locale.territories.get(code, english))

    def language_name(self, code: str) -> str:
        """Return the name of a language."""
        return str(self.locale.languages.get(code, code))

    def number(self, value: float) -> str:
        """Return a number as this language writes it."""
        return format_decimal(value, locale=self.locale)

    def percent(self, share: float, decimals: int = 0) -> str:
        """Return a share in [0, 1] as per cent, with at most so many decimals."""
        pattern = self.locale.percent_formats[None].pattern.replace("0", f"0.{'#' * decimals}", 1)
        return format_percent(share, format=pattern, locale=self.locale)

    def date(self, day: date) -> str:
        """Return a day in words, such as '25 November 2026'."""
        return format_date(day, format="long", locale=self.locale)


@cache
def wording(language: str) -> Wording:
    """Return the wording of one of the `LANGUAGES`."""
    return Wording(language)


def choose_language(asked: str | None, accepted: str | None) -> str:
    """Return the language that a URL asks for, else the best one of an Accept-Language header, else the default one.

    A language that the interface does not have is passed over.
    """
    if asked in LANGUAGES:
        return asked
    preferred = [code.replace("-", "_").replace("*", DEFAULT_LANGUAGE) for code in _accepted(accepted or "")]
    return negotiate_locale(preferred, LANGUAGES) or DEFAULT_LANGUAGE


def po_file(language: str) -> Path:
    """Return where the texts of a language are."""
    return LOCALE_FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def _translations(language: str) -> Translations:
    path = po_file(language)
    if not path.is_file():
        return Translations()
    with path.open("rb") as file:
        catalog = read_po(file, locale=language, domain=DOMAIN)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Translations(compiled, DOMAIN)


def _accepted(header: str) -> list[str]:
    """Return the languages of an Accept-Language header, the most wanted first (RFC 9110, 12.5.4)."""
    found: list[tuple[float, str]] = []
    for part in header.split(","):
        code, _, parameter = part.strip().lower().partition(";")
        quality = parameter.strip().removeprefix("q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if code and 0 < weight <= 1:
            found.append((-weight, code.strip()))
    return [code for _, code in sorted(found, key=lambda pair: pair[0])]
