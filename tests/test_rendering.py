"""Templates: text of a catalogue is escaped, the interface is translated, files are named by their content."""

import hashlib
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from service.pages import rendering
from service.pages.rendering import STATIC_FOLDER, asset_url, environment, render
from service.wording import LANGUAGES

HOSTILE = "<script>alert(\"x\")</script> & 'y' {{ 7*7 }}"
ESCAPED = "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; &#39;y&#39; {{ 7*7 }}"


def made(source: str, language: str = "en", **shown: object) -> str:
    return environment(language).from_string(source).render(shown)


def test_what_a_page_shows_is_escaped_in_texts_and_in_attributes() -> None:
    assert made("<p>{{ text }}</p>", text=HOSTILE) == f"<p>{ESCAPED}</p>"
    assert made('<p title="{{ text }}">', text=HOSTILE) == f'<p title="{ESCAPED}">'


def test_what_is_put_into_a_translated_text_is_escaped_and_its_signs_are_no_placeholders() -> None:
    assert made('{{ gettext("About %(what)s", what=text) }}', text=HOSTILE) == f"About {ESCAPED}"
    assert made("{% trans what=text %}without {{ what }}{% endtrans %}", text="<b> %(x)s 100%") == (
        "without &lt;b&gt; %(x)s 100%"
    )


def test_json_in_a_script_cannot_close_it() -> None:
    found = made('<script type="application/ld+json">{{ data|tojson }}</script>', data={"a": "</script><!-- & ' ]]>"})

    assert found.count("<") == found.count(">") == 2
    assert "\\u003c/script\\u003e\\u003c!--" in found


def test_a_name_that_a_page_does_not_get_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'practise' is undefined"):
        made("{{ practise }}")


def test_a_count_chooses_its_form() -> None:
    source = "{% trans count=n %}{{ count }} practice shown.{% pluralize %}{{ count }} practices shown.{% endtrans %}"

    assert [made(source, n=n) for n in (0, 1, 2)] == ["0 practices shown.", "1 practice shown.", "2 practices shown."]


def test_templates_know_names_phrases_and_numbers_of_their_language() -> None:
    source = '{{ wording.number(1234.5) }} {{ wording.label("country", "GR", "Greece") }} {{ own_names["el"] }}'

    assert made(source) == "1,234.5 Greece Ελληνικά"
    assert made(source, "de") == "1.234,5 Griechenland Ελληνικά"
    assert made('{{ confidence_phrase(0.7) }}, {{ field_title("country") }}') == "Very likely to fit, Country"
    assert made('{{ practice_path("50%/<") }}') == "/practices/50%25%2F%3C"


def test_a_template_is_compiled_once_for_all_languages() -> None:
    english, german = (environment(language).get_template("error.html") for language in ("en", "de"))

    assert english.root_render_func.__code__ is german.root_render_func.__code__
    assert english.root_render_func is not german.root_render_func


def test_only_a_web_address_passes_the_test_for_links() -> None:
    source = "{% if text is web_address %}link{% else %}text{% endif %}"

    assert made(source, text="https://one.example/") == "link"
    assert made(source, text="javascript:alert(1)") == "text"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_template_can_be_read_in_every_language(language: str) -> None:
    templates = environment(language)

    names = templates.list_templates()
    assert {"base.html", "search.html", "practice.html", "error.html"} <= set(names)
    assert [templates.get_template(name).name for name in names] == names


def test_a_template_is_rendered_with_what_it_shows() -> None:
    page = render("docs.html", "en", swagger="/somewhere", openapi='/a"b.json')

    assert '<link rel="stylesheet" href="/somewhere/swagger-ui.css">' in page
    assert 'data-url="/a&#34;b.json"' in page


def test_the_url_of_a_file_names_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256((STATIC_FOLDER / "page.js").read_bytes()).hexdigest()[:12]
    assert asset_url("page.js") == f"/static/page.js?v={digest}"

    monkeypatch.setattr(rendering, "STATIC_FOLDER", tmp_path)
    found = []
    for content in ("one", "two"):
        (tmp_path / "page.js").write_text(content, encoding="utf-8")
        found.append(asset_url.__wrapped__("page.js"))
    assert found == [f"/static/page.js?v={hashlib.sha256(text).hexdigest()[:12]}" for text in (b"one", b"two")]
