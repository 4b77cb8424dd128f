"""The texts of the interface and their translations: every text in every language, and nothing that breaks a page."""

import re
from collections import Counter
from collections.abc import Collection
from functools import cache
from gettext import c2py
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from service import messages
from service.messages import TEMPLATE_FILE, collect, read_translations, update
from service.wording import DEFAULT_LANGUAGE, LANGUAGES, po_file

TRANSLATED = [language for language in LANGUAGES if language != DEFAULT_LANGUAGE]
MARKUP = re.compile('["<>&]')
"""Texts stand in pages and in their attributes as they are, so none may hold what HTML reads as its own."""

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


@cache
def texts() -> Catalog:
    return collect()


@cache
def translations(language: str) -> Catalog:
    """Return the catalogue of a language as the interface reads it."""
    path = po_file(language)
    assert path.is_file(), f"there are no translations into {language}"
    with path.open("rb") as file:
        return read_po(file, locale=language)


def forms(one: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (one,) if isinstance(one, str) else tuple(one)


def translated(language: str) -> list[Message]:
    """Return the translations that there are."""
    return [one for one in translations(language) if one.id and all(forms(one.string))]


def placeholders(text: str) -> Counter[str]:
    return Counter(PLACEHOLDER.findall(text))


def is_filled_alike(message: Message, single: Collection[int]) -> bool:
    """Say whether each form has the placeholders of the English text.

    A form for a single number may say it in words, and so may the first form where the English one for 1 does.
    """
    singular, plural = (placeholders(forms(message.id)[at]) for at in (0, -1))
    found = [placeholders(form) for form in forms(message.string)]
    spoken = [form < plural and number in single for number, form in enumerate(found)]
    return all(
        form == plural or is_spoken or (number == 0 and form == singular)
        for number, (form, is_spoken) in enumerate(zip(found, spoken, strict=True))
    )


def forms_of_one_number(language: str) -> set[int]:
    """Return the plural forms that a language uses for one number only."""
    form_of = c2py(translations(language).plural_expr)
    counted = Counter(form_of(number) for number in range(1_001))
    return {form for form, numbers in counted.items() if numbers == 1}


def ids(catalog: Catalog) -> set[tuple[str, ...]]:
    return {forms(one.id) for one in catalog if one.id}


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_has_a_translation(language: str) -> None:
    done = {forms(one.id) for one in translated(language)}

    assert sorted(ids(texts()) - done) == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_is_of_a_text_that_is_gone(language: str) -> None:
    catalog = translations(language)

    assert sorted(ids(catalog) - ids(texts())) == []
    assert list(catalog.obsolete) == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_is_a_guess(language: str) -> None:
    assert [one.id for one in translations(language) if one.id and one.fuzzy] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_translation_has_the_placeholders_of_its_text(language: str) -> None:
    single = forms_of_one_number(language)

    assert [one.id for one in translated(language) if not is_filled_alike(one, single)] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_has_a_sign_that_would_be_read_as_half_a_placeholder(language: str) -> None:
    def stray(text: str) -> str:
        return "".join(re.findall("[%{}]", PLACEHOLDER.sub("", text)))

    assert [one.id for one in translated(language) if any(map(stray, forms(one.string)))] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_count_has_the_forms_of_its_language(language: str) -> None:
    catalog, known = translations(language), Catalog(locale=language)

    assert (catalog.num_plurals, catalog.plural_expr) == (known.num_plurals, known.plural_expr)
    counted = {one.id: forms(one.string) for one in catalog if isinstance(one.id, tuple)}
    assert {text: len(strings) for text, strings in counted.items()} == dict.fromkeys(counted, known.num_plurals)


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_holds_what_html_reads_as_its_own(language: str) -> None:
    assert [text for one in translated(language) for text in forms(one.string) if MARKUP.search(text)] == []


def test_no_english_text_holds_what_html_reads_as_its_own_or_half_a_placeholder() -> None:
    english = [text for one in texts() if one.id for text in forms(one.id)]

    assert [text for text in english if MARKUP.search(text)] == []
    assert [text for text in english if re.search("[%{}]", PLACEHOLDER.sub("", text))] == []


def test_texts_of_code_templates_and_vocabulary_are_collected() -> None:
    found = {forms(one.id): {name for name, _ in one.locations} for one in texts() if one.id}

    assert found["Very likely to fit",] == {"service/phrases.py"}
    assert "service/templates/base.html" in found["Search",]
    assert found["%(count)s practice shown.", "%(count)s practices shown."] == {"service/templates/search.html"}
    assert found["{age} and older",] == {"service/facts.py"}
    assert any(places == {"data/catalogue/vocabulary.toml"} for places in found.values())


def test_the_template_of_the_translations_is_what_is_collected() -> None:
    assert TEMPLATE_FILE.is_file(), "run `python -m service.messages`"
    with TEMPLATE_FILE.open("rb") as file:
        written = read_po(file)

    def told(catalog: Catalog) -> dict[tuple[str, ...], list[str]]:
        return {forms(one.id): sorted({name for name, _ in one.locations}) for one in catalog if one.id}

    assert told(written) == told(texts())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of catalogues, empty at first."""
    monkeypatch.setattr(messages, "TEMPLATE_FILE", tmp_path / "messages.pot")
    monkeypatch.setattr(messages, "po_file", lambda language: tmp_path / language / "messages.po")
    return tmp_path


def test_an_update_keeps_what_is_translated_and_drops_what_is_gone_without_guessing(folder: Path) -> None:
    update()
    path = folder / "de" / "messages.po"
    assert not any(forms(one.string)[0] for one in read_translations("de") if one.id)
    text = path.read_text(encoding="utf-8").replace('msgid "Search"\nmsgstr ""', 'msgid "Search"\nmsgstr "Suchen"')
    path.write_text(f'{text}\nmsgid "Searching"\nmsgstr "Suche"\n', encoding="utf-8")
    update()

    found = {one.id: one.string for one in read_translations("de") if one.id}
    assert {text: string for text, string in found.items() if any(forms(string))} == {"Search": "Suchen"}
    assert {forms(text) for text in found} == ids(texts())
    assert "#~" not in path.read_text(encoding="utf-8")


def test_an_update_writes_every_language_and_the_same_again(folder: Path) -> None:
    update()
    first = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("messages.po*")}
    update()

    assert set(first) == {"messages.pot", *(f"{language}/messages.po" for language in TRANSLATED)}
    assert {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("messages.po*")} == first


def test_a_language_without_a_catalogue_has_no_translations(folder: Path) -> None:
    assert [one.id for one in read_translations("mt") if one.id] == []
    assert read_translations("mt").num_plurals == Catalog(locale="mt").num_plurals
