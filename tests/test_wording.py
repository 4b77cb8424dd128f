"""The language of the interface: which one is chosen, and what it makes of texts, numbers, days and names."""

from datetime import date
from pathlib import Path

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from service import wording as module
from service.wording import LANGUAGES, OWN_NAMES, Wording, choose_language, po_file, translatable, wording

GERMAN = """
msgid ""
msgstr ""
"Language: de\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
"Content-Type: text/plain; charset=utf-8\\n"

msgid "Search"
msgstr "Suchen"

#, fuzzy
msgid "Map"
msgstr "Landkarte"

msgid "About"
msgstr ""

msgid "Several European countries"
msgstr "Mehrere Länder Europas"

msgid "{count} practice"
msgid_plural "{count} practices"
msgstr[0] "{count} Beispiel"
msgstr[1] "{count} Beispiele"
"""


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wording:
    monkeypatch.setattr(module, "LOCALE_FOLDER", tmp_path)
    path = po_file("de")
    path.parent.mkdir(parents=True)
    path.write_text(GERMAN, encoding="utf-8")
    return Wording("de")


@pytest.fixture
def untranslated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wording:
    monkeypatch.setattr(module, "LOCALE_FOLDER", tmp_path)
    return Wording("pl")


def test_the_languages_are_the_24_official_ones_of_the_union() -> None:
    assert " ".join(LANGUAGES) == "bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv"


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("fr", "fr"),
        ("fr, de", "fr"),
        ("fr;q=0.5, de", "de"),
        ("fr;q=0.5, de;q=0.8, el;q=0.7", "de"),
        ("fr;q=0.8,de;q=0.8", "fr"),
        ("fr ; q=0.5 , de ; q=0.6", "de"),
        ("fr;Q=0.5, de;Q=0.6", "de"),
        ("fr;q=0.001, de;q=0", "fr"),
        ("pt-BR, de;q=0.5", "pt"),
        ("zh-Hant-TW, el-GR;q=0.1", "el"),
        ("DE", "de"),
        ("EL-gr", "el"),
        ("ja, xx, sv;q=0.2", "sv"),
        ("*", "en"),
        ("fr;q=0.5, *;q=0.1", "fr"),
        ("fr;q=0.1, *;q=0.5", "en"),
        ("ja, *;q=0.5", "en"),
        ("", "en"),
        ("ja", "en"),
        ("de;q=0", "en"),
    ],
)
def test_the_best_language_of_a_browser_is_taken(accepted: str, expected: str) -> None:
    assert choose_language(None, accepted) == expected


@pytest.mark.parametrize(
    "accepted",
    [
        "de;q=x, fr",
        "de;q=nan, fr",
        "de;q=inf, fr;q=0.1",
        "de;q=5, fr;q=0.1",
        "de;q=-1, fr",
        "de;level=1, fr",
        ";q=1, fr",
        ",,;,fr",
        "fr;",
        "  fr  ",
        "\x00\xff, fr",
        "de_DE_X_Y_Z!;q=;q=, fr",
    ],
)
def test_what_cannot_be_read_is_passed_over(accepted: str) -> None:
    assert choose_language(None, accepted) == "fr"


@given(accepted=st.text(st.characters(codec="latin-1"), max_size=80), asked=st.none() | st.text(max_size=5))
def test_any_header_and_any_url_give_a_language_that_there_is(accepted: str, asked: str | None) -> None:
    assert choose_language(asked, accepted) in LANGUAGES


@given(weights=st.dictionaries(st.sampled_from(LANGUAGES), st.integers(1, 1000), min_size=1))
def test_no_language_of_the_header_weighs_more_than_the_chosen_one(weights: dict[str, int]) -> None:
    header = ", ".join(f"{code};q={weight / 1000}" for code, weight in weights.items())

    assert weights[choose_language(None, header)] == max(weights.values())


def test_the_url_goes_before_the_browser_and_a_language_that_there_is_not_is_passed_over() -> None:
    assert choose_language("el", "fr") == "el"
    assert choose_language("ja", "fr") == "fr"
    assert choose_language("EL", "fr") == "fr"
    assert choose_language("", "fr") == "fr"
    assert choose_language("ja", None) == "en"


def test_a_text_with_a_translation_is_translated_and_any_other_stays_english(german: Wording) -> None:
    assert german.gettext("Search") == "Suchen"
    assert german.gettext("About") == "About"
    assert german.gettext("Compare") == "Compare"
    assert german.gettext("") == ""


def test_a_translation_that_is_only_guessed_is_not_shown(german: Wording) -> None:
    assert german.gettext("Map") == "Map"


def test_a_count_has_its_form(german: Wording) -> None:
    found = [german.ngettext("{count} practice", "{count} practices", count) for count in (0, 1, 2)]

    assert found == ["{count} Beispiele", "{count} Beispiel", "{count} Beispiele"]
    assert german.ngettext("one", "many", 1) == "one"
    assert german.ngettext("one", "many", 0) == "many"


def test_a_language_without_a_catalogue_is_english_with_its_own_numbers_and_names(untranslated: Wording) -> None:
    assert untranslated.gettext("Search") == "Search"
    assert untranslated.ngettext("one", "many", 2) == "many"
    assert untranslated.country("DE", "Germany") == "Niemcy"


def test_a_label_is_a_name_of_the_locale_or_a_translated_text(german: Wording) -> None:
    assert german.label("country", "GR", "Greece") == "Griechenland"
    assert german.label("country", "EU", "Several European countries") == "Mehrere Länder Europas"
    assert german.label("languages", "mt", "Maltese") == "Maltesisch"
    assert german.label("language", "mt", "Maltese") == "Maltesisch"
    assert german.label("approaches", "search", "Search") == "Suchen"


def test_a_value_that_no_locale_knows_stays_as_it_is(german: Wording) -> None:
    assert german.label("country", "Frnace", "Frnace") == "Frnace"
    assert german.label("languages", "xx", "xx") == "xx"
    assert german.label("region", "", "") == ""


@pytest.mark.parametrize(
    ("language", "number", "percent", "tenths", "day"),
    [
        ("en", "12,345.5", "45%", "1.6%", "25 November 2026"),
        ("de", "12.345,5", "45\xa0%", "1,6\xa0%", "25. November 2026"),
        ("fr", "12\u202f345,5", "45\xa0%", "1,6\xa0%", "25 novembre 2026"),
        ("pt", "12\xa0345,5", "45%", "1,6%", "25 de novembro de 2026"),
        ("mt", "12,345.5", "45%", "1.6%", "25 ta’ Novembru 2026"),
        ("hu", "12\xa0345,5", "45%", "1,6%", "2026. november 25."),
    ],
)
def test_numbers_and_days_are_written_as_the_language_writes_them(
    language: str, number: str, percent: str, tenths: str, day: str
) -> None:
    words = wording(language)

    assert words.number(12345.5) == number
    assert words.percent(0.4488) == percent
    assert words.percent(0.015748, 1) == tenths
    assert words.date(date(2026, 11, 25)) == day


def test_shares_are_rounded_and_whole_ones_have_no_decimals() -> None:
    english = wording("en")

    assert [english.percent(share) for share in (0, 0.004, 0.006, 0.999, 1)] == ["0%", "0%", "1%", "100%", "100%"]
    assert [english.percent(share, 1) for share in (0, 0.4488, 0.5, 1)] == ["0%", "44.9%", "50%", "100%"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_names_the_countries_of_europe_and_the_languages_of_the_interface(language: str) -> None:
    words = wording(language)

    assert words.locale.language == language
    assert all(words.country(code, "") for code in ("DE", "GR", "NL", "GB", "NO"))
    assert [code for code in LANGUAGES if words.language_name(code) == code] == []


def test_languages_call_themselves_as_babel_has_it_with_a_capital_in_the_order_of_these_names() -> None:
    known = {code: Locale(code).get_display_name() or "" for code in LANGUAGES}

    assert {code: name[:1].upper() + name[1:] for code, name in known.items()} == OWN_NAMES
    assert list(OWN_NAMES.values()) == sorted(OWN_NAMES.values())


def test_a_text_that_is_marked_is_the_same_text() -> None:
    assert translatable("Search %(x)s {y}") == "Search %(x)s {y}"
