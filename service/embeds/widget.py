"""Turn the texts of the widget into its script: one file that any page can load, with all languages inside."""

from functools import cache

from service.limits import MAX_QUERY_CHARACTERS, MOST_LINKS, USUAL_LINKS
from service.pages.rendering import render
from service.wording import DEFAULT_LANGUAGE, LANGUAGES, translatable, wording

_TEXTS = (translatable("Related practices"), translatable("All practices"), translatable("About this practice"))
"""What the widget must be able to say while the service is away."""


@cache
def widget_script(home: str | None = None) -> str:
    """Return the script, in ASCII. `home` is the address of the service where the script is part of a static export.

    Without it the script asks the service that it was loaded from.
    """
    return render(
        "widget.js",
        DEFAULT_LANGUAGE,
        home=home,
        texts={language: [wording(language).gettext(text) for text in _TEXTS] for language in LANGUAGES},
        default_language=DEFAULT_LANGUAGE,
        usual_links=USUAL_LINKS,
        most_links=MOST_LINKS,
        most_characters=MAX_QUERY_CHARACTERS,
    )
