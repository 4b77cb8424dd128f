"""Turn what a user typed into a question: its language, its parts, and what its words mean in English."""

import unicodedata
from dataclasses import dataclass

from indexer.language import detect_language
from indexer.passages import DEFAULT_LANGUAGE, split_sentences
from indexer.thesaurus import Thesaurus, glosses

SHORT_QUERY_WORDS = 30
"""A query of fewer words is one part, however many sentences it has: it costs one encoding."""

MAX_PARTS = 16
"""Parts that are encoded of one query; where there are more sentences, neighbours share a part and none is lost."""


@dataclass(frozen=True, slots=True)
class Part:
    """Characters `start` to `end` (exclusive) of a query, and the glosses of the concepts named in them."""

    start: int
    end: int
    text: str
    glosses: tuple[str, ...]

    @property
    def encoder_text(self) -> str:
        """Return the text to encode: the part, and in brackets its glosses.

        However a text is typed, it is encoded alike: white space is one blank, and characters are composed (NFC).
        """
        text = " ".join(unicodedata.normalize("NFC", self.text).split())
        return f"{text} ({'; '.join(self.glosses)})" if self.glosses else text


@dataclass(frozen=True, slots=True)
class Question:
    """A query and what is known of it. `language` is None where the text does not say enough.

    `parts` are its sentences in order; a short query has none, because it is one part by itself.
    """

    text: str
    language: str | None
    whole: Part
    parts: tuple[Part, ...]

    @property
    def glosses(self) -> tuple[str, ...]:
        """Return the glosses of the concepts that the whole query names."""
        return self.whole.glosses

    @property
    def encoder_texts(self) -> tuple[str, ...]:
        """Return the texts to encode, as queries: the whole query, then each of its parts."""
        return tuple(part.encoder_text for part in (self.whole, *self.parts))


def understand(text: str, thesaurus: Thesaurus) -> Question:
    """Return a query with its language, its parts, and the glosses of the concepts that its words name."""
    language = detect_language(text)

    def part(start: int, end: int) -> Part:
        stretch = text[start:end]
        return Part(start, end, stretch, tuple(glosses(stretch, language, thesaurus)))

    limits = _part_limits(text, language or DEFAULT_LANGUAGE)
    return Question(text, language, part(0, len(text)), tuple(part(start, end) for start, end in limits))


def _part_limits(text: str, language: str) -> list[tuple[int, int]]:
    """Return (start, end) of at most `MAX_PARTS` runs of sentences of about the same length; none in a short query."""
    if len(text.split()) < SHORT_QUERY_WORDS:
        return []
    sentences = list(split_sentences(text, language))
    if len(sentences) < 2:
        return []
    if len(sentences) <= MAX_PARTS:
        return sentences
    # A sentence belongs to the part in which its middle lies when the text is cut into equal lengths.
    share = len(text) / MAX_PARTS
    runs: dict[int, tuple[int, int]] = {}
    for start, end in sentences:
        number = int((start + end) / 2 / share)
        runs[number] = (runs.get(number, (start, end))[0], end)
    return list(runs.values())
