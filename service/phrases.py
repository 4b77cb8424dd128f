"""Turn verdicts, probabilities and fields into what people read, in the language of a `Wording`."""

from collections.abc import Mapping

from service.confidence import Verdict
from service.schemas import SearchResponse
from service.wording import Wording, translatable

FIELD_TITLES: Mapping[str, str] = {
    "country": translatable("Country"),
    "region": translatable("Region"),
    "period": translatable("Period"),
    "status": translatable("Status"),
    "organisation": translatable("Run by"),
    "funding": translatable("Funding and cost"),
    "target_groups": translatable("Target groups"),
    "ages": translatable("Ages"),
    "approaches": translatable("Approaches"),
    "measure_types": translatable("Type of measure"),
    "levels": translatable("Levels of education"),
    "languages": translatable("Working languages"),
    "evidence_level": translatable("Evidence"),
    "effect": translatable("Effect on early leaving"),
    "results": translatable("Results"),
    "sources": translatable("Sources"),
    "listed_in": translatable("Listed in"),
    "note": translatable("Note"),
}

_CONFIDENCE_PHRASES = (
    (0.6, translatable("Very likely to fit")),
    (0.35, translatable("Likely to fit")),
    (0.15, translatable("May fit")),
    (0.0, translatable("Fits in part at best")),
)
"""Lowest probability that a practice is relevant, and what it is called."""

_VERDICT_PHRASES: Mapping[Verdict, str] = {
    "good": translatable("These practices fit the question."),
    "weak": translatable("These practices touch the question; none may fit it well."),
    "none": translatable("Nothing in this catalogue fits the question."),
}


def field_title(field: str, wording: Wording) -> str:
    """Return what people read for a field of a practice."""
    return wording.gettext(FIELD_TITLES[field])


def confidence_phrase(confidence: float, wording: Wording) -> str:
    """Return a probability in [0, 1] that a practice is relevant, in words."""
    return wording.gettext(next(phrase for lowest, phrase in _CONFIDENCE_PHRASES if confidence >= lowest))


def verdict_phrase(verdict: Verdict | None, nearest_theme: str | None, wording: Wording) -> str | None:
    """Return a verdict in plain words, None where there is none.

    `nearest_theme` is what the catalogue has that is nearest to the question, in the reader's language.
    """
    if verdict is None:
        return None
    phrase = wording.gettext(_VERDICT_PHRASES[verdict])
    if nearest_theme is None:
        return phrase
    nearest = wording.gettext("The nearest theme is: {theme}.").format(theme=nearest_theme)
    return f"{phrase} {nearest}"


def answer_phrase(answer: SearchResponse | None, wording: Wording) -> str | None:
    """Return the verdict on an answer in plain words, None where there is no answer or no verdict."""
    if answer is None:
        return None
    theme = answer.nearest_theme
    label = wording.label(theme.field, theme.code, theme.label) if theme else None
    return verdict_phrase(answer.verdict, label, wording)
