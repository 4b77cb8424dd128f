"""Verdicts, probabilities and fields in words."""

import pytest

from service.confidence import Verdict
from service.facts import FACT_FIELDS
from service.filters import FILTER_FIELDS
from service.phrases import FIELD_TITLES, answer_phrase, confidence_phrase, field_title, verdict_phrase
from service.schemas import IndexInfo, SearchResponse, ThemeModel
from service.wording import wording

ENGLISH = wording("en")
GREECE = ThemeModel(field="country", code="GR", label="Greece")


def answer(verdict: Verdict | None, theme: ThemeModel | None = None) -> SearchResponse:
    return SearchResponse(
        query="a",
        language=None,
        verdict=verdict,
        message=None,
        nearest_theme=theme,
        hits=[],
        aspects=[],
        coverage=None,
        facets={},
        index=IndexInfo(release_id="r", encoder="e"),
        took_ms=0,
    )


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [
        (1.0, "Very likely to fit"),
        (0.6, "Very likely to fit"),
        (0.5999, "Likely to fit"),
        (0.35, "Likely to fit"),
        (0.3499, "May fit"),
        (0.15, "May fit"),
        (0.1499, "Fits in part at best"),
        (0.0, "Fits in part at best"),
    ],
)
def test_a_probability_has_words(confidence: float, expected: str) -> None:
    assert confidence_phrase(confidence, ENGLISH) == expected


@pytest.mark.parametrize(
    ("verdict", "theme", "expected"),
    [
        ("good", None, "These practices fit the question."),
        ("weak", None, "These practices touch the question; none may fit it well."),
        (
            "weak",
            "Mentoring",
            "These practices touch the question; none may fit it well. The nearest theme is: Mentoring.",
        ),
        (
            "none",
            "{theme} %(x)s",
            "Nothing in this catalogue fits the question. The nearest theme is: {theme} %(x)s.",
        ),
        (None, None, None),
        (None, "Mentoring", None),
    ],
)
def test_a_verdict_has_words_and_names_the_nearest_theme(
    verdict: Verdict | None, theme: str | None, expected: str | None
) -> None:
    assert verdict_phrase(verdict, theme, ENGLISH) == expected


def test_the_verdict_on_an_answer_names_its_theme_in_the_language_of_the_reader() -> None:
    assert answer_phrase(answer("weak", GREECE), ENGLISH) == (
        "These practices touch the question; none may fit it well. The nearest theme is: Greece."
    )
    assert "Griechenland" in answer_phrase(answer("weak", GREECE), wording("de"))
    assert answer_phrase(answer("good"), ENGLISH) == "These practices fit the question."


def test_without_an_answer_or_a_verdict_nothing_is_said() -> None:
    assert answer_phrase(None, ENGLISH) is None
    assert answer_phrase(answer(None), ENGLISH) is None


def test_every_fact_and_every_filter_has_a_title_of_its_own() -> None:
    titles = [field_title(field, ENGLISH) for field in dict.fromkeys((*FACT_FIELDS, *FILTER_FIELDS))]

    assert field_title("country", ENGLISH) == "Country"
    assert len(set(titles)) == len(titles)
    assert len(set(FIELD_TITLES.values())) == len(FIELD_TITLES)
