"""Turn a hit into the reason why it is there: the sentence of the practice beside the part of the query it answers."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from babel import Locale, UnknownLocaleError

from indexer.catalogue import Vocabulary
from indexer.encoder import Embeddings
from indexer.half_floats import as_float32
from indexer.parts import Parts
from indexer.passages import practice_text
from indexer.practice import Practice, field_values
from indexer.question import Question
from indexer.themes import THEME_FIELDS, Theme
from indexer.thesaurus import fold
from service.filters import COUNTRY_LABELS
from service.retriever import Hit, Retriever

_SHORTEST_STEM = 6  # letters that a country's name keeps in every case; with 5, 'Austr(alia)' would be 'Austr(ia)'
_LONGEST_ENDING = 4


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` (exclusive) of a text, and what stands there."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Shared:
    """A value that a practice has and a query is about: an approach, a target group or a country."""

    field: str
    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a hit is there. `sentence` is a stretch of `practice_text`, `answers` of the query."""

    sentence: Span
    answers: Span
    shared: tuple[Shared, ...]


class Explainer:
    """Explanations of the hits of one query; it compares vectors that are there already and encodes nothing."""

    def __init__(self, retriever: Retriever, question: Question, embeddings: Embeddings) -> None:
        parts = retriever.release.parts
        self._parts = parts
        self._scorer = retriever.scorer
        stretches = question.parts or (question.whole,)
        rows = embeddings[1:] if question.parts else embeddings
        self._stretches = [Span(part.text, part.start, part.end) for part in stretches]
        self._centred = np.stack([retriever.scorer.centred(row) for row in rows])
        self._whole = retriever.scorer.centred(embeddings[0])
        self._themes = retriever.nearest_themes(embeddings)
        self._countries = countries_named(question, parts.facets.values("country"))

    def explain(self, hits: Sequence[Hit]) -> list[Explanation]:
        """Return why each hit of this query is there."""
        if not hits:
            return []
        telling = [self._scorer.telling_sentences(hit.row) for hit in hits]
        places = np.concatenate(telling)
        rows = as_float32(self._parts.sentence_embeddings.take(places))
        # The sentence that carries the score: near to the whole query, and to the part of it that it answers.
        by_part = rows @ self._centred.T
        likeness = rows @ self._whole + by_part.max(axis=1)
        best, start = [], 0
        for of_hit in telling:
            best.append(start + int(likeness[start : start + len(of_hit)].argmax()))
            start += len(of_hit)
        return [
            Explanation(
                sentence=sentence_span(self._parts, hit.practice, int(places[at])),
                answers=self._stretches[int(by_part[at].argmax())],
                shared=self._shared(hit.practice),
            )
            for hit, at in zip(hits, best, strict=True)
        ]

    def _shared(self, practice: Practice) -> tuple[Shared, ...]:
        shared = shared_themes(practice, self._themes)
        if practice.country is not None and practice.country in self._countries:
            shared.append(_shared_country(practice.country))
        return tuple(shared)


def sentence_span(parts: Parts, practice: Practice, sentence: int) -> Span:
    """Return a sentence of a practice, given by its place among all sentences."""
    start, end = map(int, parts.sentences.limits[sentence])
    return Span(practice_text(practice)[start:end], start, end)


def shared_themes(practice: Practice, themes: Sequence[Theme]) -> list[Shared]:
    """Return those of the themes that a practice has."""
    return [
        Shared(theme.field, theme.code, theme.label)
        for theme in themes
        if theme.code in field_values(practice, theme.field)
    ]


def shared_values(one: Practice, other: Practice, vocabulary: Vocabulary) -> tuple[Shared, ...]:
    """Return the approaches, target groups and country that two practices both have."""
    shared = [
        Shared(field, code, vocabulary.get(field, {}).get(code, code))
        for field in THEME_FIELDS
        for code in field_values(one, field)
        if code in field_values(other, field)
    ]
    if one.country is not None and one.country == other.country:
        shared.append(_shared_country(one.country))
    return tuple(shared)


def countries_named(question: Question, codes: Iterable[str]) -> set[str]:
    """Return those of the country codes whose name stands in a question, in its language or in English."""
    named = _countries_pattern(frozenset(codes), question.language or "en")
    return {str(found.lastgroup) for found in named.finditer(fold(question.text))}


def _shared_country(code: str) -> Shared:
    return Shared("country", code, COUNTRY_LABELS[code])


@lru_cache(100)
def _countries_pattern(codes: frozenset[str], language: str) -> re.Pattern[str]:
    """Return an expression that finds names of countries, each in the group of its code."""
    patterns = {code: names for code in codes if (names := _country_names(code, language))}
    # The longest first, so that of two names of which one begins with the other the whole one is found.
    order = sorted(patterns, key=lambda code: (-max(map(len, patterns[code])), code))
    groups = [f"(?P<{code}>{'|'.join(patterns[code])})" for code in order]
    return re.compile(rf"(?<!\w)(?:{'|'.join(groups)})(?!\w)" if groups else r"(?!)")


def _country_names(code: str, language: str) -> list[str]:
    names = []
    if english := _country_name(code, "en"):
        names.append(re.escape(english))
    if language != "en" and (own := _country_name(code, language)):
        # The end of a name may change with its case, 'Hrvatsk(oj)': up to two letters are left open.
        stem = own[: max(_SHORTEST_STEM, len(own) - 2)]
        names.append(rf"{re.escape(stem)}\w{{0,{_LONGEST_ENDING}}}")
    return names


def _country_name(code: str, language: str) -> str:
    """Return the folded name of a country in a language, empty where it is not known."""
    try:
        return fold(Locale(language).territories.get(code, ""))
    except (UnknownLocaleError, ValueError):
        return ""
