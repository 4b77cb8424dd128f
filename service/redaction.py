"""Turn a question that was answered into topics: what it was about in words of the release, never in its own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from indexer.encoder import Embeddings
from indexer.passages import practice_text
from indexer.question import Question
from service.confidence import Verdict
from service.filters import Filters
from service.retriever import Retriever

FEWEST = 5
"""Different questions that share what is kept, and practices that share a word that is; the page /about says so too."""

NOT_KNOWN = "unknown"
"""Stands for a language or a verdict that nobody knows."""

_WORD_KIND = "word"
_MOST_WORDS = 100  # of one question that are looked up, the first different ones; each takes 40 microseconds
_WORD = re.compile(r"\w+")
_PERSONAL = re.compile(r"@|//|\d|\w\.\w")
"""What mail addresses, web addresses, phone numbers and other numbers have, up to the next white space."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was answered, and how; `embeddings` (k, dim) are those of `question.encoder_texts`."""

    retriever: Retriever
    question: Question
    embeddings: Embeddings
    filters: Filters
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing that questions are about, and with which verdict they were answered."""

    kind: str
    value: str
    verdict: str


def topics_of(asked: Asked) -> Iterator[Topic]:
    """Yield what a question was about, each topic once; all of it is known to the release.

    The `kind` is `all`, `language`, `filter`, a field of the nearest themes, `concept` of the thesaurus, or `word`. A
    word is a stem that may be written down only as `spelt` returns it.
    """
    verdict = asked.verdict or NOT_KNOWN
    yield Topic("all", "questions", verdict)
    yield Topic("language", asked.question.language or NOT_KNOWN, verdict)
    for value in _filters(asked):
        yield Topic("filter", value, verdict)
    for theme in asked.retriever.nearest_themes(asked.embeddings):
        yield Topic(theme.field, theme.label, verdict)
    for gloss in asked.question.glosses:
        yield Topic("concept", gloss, verdict)
    for stem in _stems(asked):
        yield Topic(_WORD_KIND, stem, verdict)


def spelt(topic: Topic, retriever: Retriever) -> Topic | None:
    """Return a topic as it may be written down: a word as a practice spells it, None where fewer than five have it."""
    if topic.kind != _WORD_KIND:
        return topic
    parts = retriever.release.parts
    scores = parts.lexical.scores([topic.value])
    if np.count_nonzero(scores) < FEWEST:
        return None
    words = _WORD.findall(practice_text(parts.practices[int(scores.argmax())]).lower())
    same = {word for word in words if parts.lexical.terms(word, None) == [topic.value]}
    return replace(topic, value=min(same, key=lambda word: (len(word), word), default=topic.value))


def _filters(asked: Asked) -> Iterator[str]:
    """Yield the values that were filtered by, but none that no practice has: anything can be typed there."""
    columns = asked.retriever.facets.columns
    for field, values in asked.filters.conditions().items():
        yield from (f"{field}={value}" for value in dict.fromkeys(values) if len(columns.rows(field, value)))


def _stems(asked: Asked) -> Iterator[str]:
    """Yield the stems of a question's words that the catalogue has; names of people are hardly ever among them.

    A word that the index has only in pieces, for want of a stemmer, is left out: the pieces of a name may be known.
    """
    lexical, language = asked.retriever.release.parts.lexical, asked.question.language
    kept = " ".join(word for word in asked.question.text.split() if not _PERSONAL.search(word))
    words = dict.fromkeys(_WORD.findall(kept.lower()))
    terms = (lexical.terms(word, language) for word in islice(words, _MOST_WORDS))
    yield from dict.fromkeys(one[0] for one in terms if len(one) == 1 and lexical.knows(one[0]))
