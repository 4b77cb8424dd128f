"""Turn what people write in a cell into the value of a field; what cannot be understood is said, never guessed."""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import cache

import pycountry
from babel import Locale
from pydantic import TypeAdapter, ValidationError

from indexer.catalogue import Vocabulary
from indexer.practice import Country, Language
from indexer.thesaurus import fold

LANGUAGES_READ = (
    *("bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "ga", "hr"),
    *("hu", "it", "lt", "lv", "mt", "nl", "pl", "pt", "ro", "sk", "sl", "sv"),
)
"""The languages in which names of countries and languages are known: those of the European Union."""

_EU_CODES = {"uk": "GB", "el": "GR"}  # of the European Commission, which are not those of ISO 3166
_YEAR = re.compile(r"(?<!\d)(1[89]\d\d|2[01]\d\d)(?!\d)")
_SHORT_YEAR = re.compile(r"^\d{1,2}[./ -]+(?:\d{1,2}|[^\W\d_]{3,})[./ -]+(\d\d)$")
_LAST_SHORT_YEAR = 50  # '50' is 2050, '51' is 1951
_SERIAL = re.compile(r"^(\d{5})(\.\d+)?$")
_SERIALS_FROM = date(1899, 12, 30)
"""The day 0 of spreadsheets; their days 20000 to 80000 are 1954 to 2119."""

_FIRST_SERIAL, _LAST_SERIAL = 20_000, 80_000
_URL = re.compile(r"https?://[^\s<>\"|]+[^\s<>\"|.,;:!?)\]]")
_BETWEEN = re.compile(r"[;|\n•]")
_LONGEST_CODE = 64
_STATUSES = {
    "running": "running active ongoing current open in progress laufend aktiv en cours en curso in corso lopend",
    "ended": "ended closed completed finished abgeschlossen beendet terminé finalizado concluso beëindigd završen",
    "renamed": "renamed",
    "unknown": "unknown",
}


class NotUnderstoodError(ValueError):
    """A cell says something that the field has no value for; the message says what was expected."""


def country(text: str) -> str:
    """Return the ISO 3166 code of a country that is given by its code or its name in a language of the Union."""
    name = _key(text)
    code = _EU_CODES.get(name) or _names("territories").get(name) or _official_names().get(name)
    if code is None:
        raise NotUnderstoodError("expected the name or the ISO 3166 code of a country")
    return code


def language(text: str) -> str:
    """Return the ISO 639-1 code of a language that is given by its code or its name in a language of the Union."""
    code = _names("languages").get(_key(text))
    if code is None:
        raise NotUnderstoodError("expected the name or the ISO 639-1 code of a language")
    return code


def year(text: str) -> int:
    """Return the year of a date, as people write it or as spreadsheets count it; one of two digits has to be last."""
    years = {int(found) for found in _YEAR.findall(text)}
    if len(years) == 1:
        return years.pop()
    short = _SHORT_YEAR.match(text.strip())
    if short and not years:
        return int(short[1]) + (2000 if int(short[1]) <= _LAST_SHORT_YEAR else 1900)
    serial = _SERIAL.match(text.strip())
    if serial and _FIRST_SERIAL <= int(serial[1]) <= _LAST_SERIAL:
        return (_SERIALS_FROM + timedelta(days=int(serial[1]))).year
    raise NotUnderstoodError("expected a date or a year" if not years else "expected one year")


def number(text: str) -> int:
    """Return a whole number."""
    if not re.fullmatch(r"\d{1,9}(\.0+)?", text.strip()):
        raise NotUnderstoodError("expected a whole number")
    return int(float(text))


def status(text: str) -> str:
    """Return whether a practice is running."""
    folded = fold(text.strip())
    for value, words in _STATUSES.items():
        if folded and re.search(rf"(?<!\w){re.escape(folded)}(?!\w)", fold(words)):
            return value
    raise NotUnderstoodError("expected running, ended, renamed or unknown")


def urls(text: str) -> tuple[str, ...]:
    """Return the addresses in a text, each once."""
    found = tuple(dict.fromkeys(_URL.findall(text)))
    if not found:
        raise NotUnderstoodError("expected an address that begins with http:// or https://")
    return found


def parts(text: str) -> tuple[str, ...]:
    """Return what a cell lists: between semicolons, bars or lines; between commas where there are none of these."""
    found = _BETWEEN.split(text.strip())
    if len(found) == 1:
        found = re.split(r",\s+", found[0])
    return tuple(dict.fromkeys(one.strip() for one in found if one.strip()))


def code_reader(field: str, vocabulary: Vocabulary) -> Callable[[str], str]:
    """Return what turns the name of a value of a field into its code.

    Where the vocabulary has the field, by its labels and codes; elsewhere any name makes a code, but no long text.
    """
    labels: Mapping[str, str] = vocabulary.get(field, {})
    known = {fold(name): code for code, label in labels.items() for name in (code, label)}

    def code(text: str) -> str:
        found = known.get(fold(text.strip())) if labels else slug(text, _LONGEST_CODE)
        if not labels and len(text.strip()) > _LONGEST_CODE:
            raise NotUnderstoodError(f"expected a name of at most {_LONGEST_CODE} characters")
        if not found:
            expected = f"one of: {', '.join(labels)}" if labels else "letters or digits"
            raise NotUnderstoodError(f"expected {expected}")
        return found

    return code


def slug(text: str, length: int, *, any_letters: bool = False) -> str:
    """Return a text in small letters, digits and hyphens, at most so many; empty where it has none of them.

    Codes take only Latin letters, ids of practices any.
    """
    whole = "-".join(re.findall(r"[^\W_]+" if any_letters else "[a-z0-9]+", fold(text)))
    return whole if len(whole) <= length else whole[:length].rpartition("-")[0] or whole[:length]


@cache
def _names(kind: str) -> dict[str, str]:
    """Return folded names and codes -> code of all "territories" or "languages" that a practice may name."""
    adapter: TypeAdapter[str] = TypeAdapter(Country if kind == "territories" else Language)
    found: dict[str, str] = {}
    for locale in ("en", *(one for one in LANGUAGES_READ if one != "en")):
        for code, name in getattr(Locale(locale), kind).items():
            if len(str(code)) == len("de"):
                found.setdefault(_key(name), str(code))
    codes = {_key(code): code for code in set(found.values())}
    return {name: code for name, code in (found | codes).items() if _is_valid(adapter, code)}


@cache
def _official_names() -> dict[str, str]:
    """Return folded English names of states as ISO 3166 has them, and codes of three letters -> code of two."""
    found: dict[str, str] = {}
    for state in pycountry.countries:
        names = (state.alpha_3, state.name, getattr(state, "official_name", ""), getattr(state, "common_name", ""))
        found |= {_key(name): state.alpha_2 for name in names if name}
    return found


def _key(name: str) -> str:
    return " ".join(fold(name).removeprefix("the ").split())


def _is_valid(adapter: TypeAdapter[str], code: str) -> bool:
    try:
        adapter.validate_python(code)
    except ValidationError:
        return False
    return True


READERS: Mapping[str, Callable[[str], object]] = {
    "country": country,
    "language": language,
    "start_year": year,
    "end_year": year,
    "status": status,
    "age_min": number,
    "age_max": number,
    "evidence_level": number,
}
"""Field -> what reads its value from a cell, for the fields that have one value and are not the text itself."""
