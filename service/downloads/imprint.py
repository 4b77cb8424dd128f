"""Turn a briefing into what it says about itself: what was asked, how the list was made, where it came from."""

from service.downloads.briefing import Briefing
from service.facts import Fact
from service.wording import Wording, translatable

SENTENCE_TITLE = translatable("Sentence of the practice")
ANSWERS_TITLE = translatable("Part of the question that it answers")


def what_was_asked(briefing: Briefing, wording: Wording) -> list[tuple[str, str]]:
    """Return title and text of the question, its verdict and the filters, those that there are."""
    asked = (
        (wording.gettext("Question"), briefing.question),
        (wording.gettext("Verdict"), briefing.verdict),
        (wording.gettext("Filters"), filters_text(briefing)),
    )
    return [(title, text) for title, text in asked if text]


def filters_text(briefing: Briefing) -> str:
    """Return the conditions in one line; empty where there are none."""
    return "; ".join(f"{title}: {label}" for title, label in briefing.filters)


def how_it_was_made(briefing: Briefing, wording: Wording) -> list[str]:
    """Return in plain sentences how the practices were found and what the list does not say."""
    count = briefing.catalogue_size
    if briefing.question:
        made = wording.ngettext(
            "The question was compared in meaning and words with {count} practice as the catalogue describes it.",
            "The question was compared in meaning and words with {count} practices as the catalogue describes them.",
            count,
        )
    else:
        made = wording.ngettext(
            "These practices were chosen from a catalogue of {count} practice.",
            "These practices were chosen from a catalogue of {count} practices.",
            count,
        )
    sentences = [made.format(count=wording.number(count))]
    if any(entry.hit is not None and entry.hit.confidence is not None for entry in briefing.entries):
        sentences.append(
            wording.gettext(
                "Confidence is an estimated probability that a practice is relevant to the question; "
                "it does not say how good the practice is."
            )
        )
    sentences.append(wording.gettext("The texts of the practices are the catalogue's own."))
    sentences.append(wording.gettext("Check the sources before you rely on a practice."))
    return sentences


def where_it_came_from(briefing: Briefing, wording: Wording) -> list[tuple[str, str]]:
    """Return title and text of the release, the encoder and the day; the address is told apart."""
    return [
        (wording.gettext("Date"), wording.date(briefing.made_on)),
        (wording.gettext("Release"), briefing.release_id),
        (wording.gettext("Language model"), briefing.encoder),
    ]


def address_title(wording: Wording) -> str:
    """Return what people read for the address of the page that shows the same."""
    return wording.gettext("Address")


def fact_text(fact: Fact) -> str:
    """Return the values of a fact and its note in one line; empty where nothing is known."""
    values = "; ".join(fact.values)
    if fact.note is None:
        return values
    return f"{values} – {fact.note}" if values else fact.note
