"""Turn a practice into passages that the encoder sees whole: windows that cover every character, and sentences."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sentencex
from semantic_text_splitter import TextSplitter

from indexer.catalogue import Vocabulary
from indexer.practice import Practice

OVERLAP_SHARE = 0.15
"""Share of a window that is repeated in the next one, so that no thought is only ever seen cut in two."""

DEFAULT_LANGUAGE = "en"
"""Whose rules of punctuation hold where a record does not name its language."""


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which the splitter does not take


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters `start` to `end` (exclusive) of `practice_text(practice)`."""

    practice_id: str
    start: int
    end: int


def practice_text(practice: Practice) -> str:
    """Return all that the encoder reads of a practice: titles and summary lead, one field a line."""
    fields = (practice.summary, practice.description, *(result.text for result in practice.results))
    return "\n".join((heading(practice), *(field for field in fields if field)))


def heading(practice: Practice) -> str:
    """Return the titles of a practice, with which its text begins."""
    original = practice.original_title
    return f"{practice.title}\n{original}" if original and original != practice.title else practice.title


TITLE_REPEATS = 2
"""How often the title counts again for word search: 2 is worth .005 on feedbackqa-valid, more is worth no more."""


def lexical_text(practice: Practice, vocabulary: Vocabulary) -> str:
    """Return what word search looks through: the text, the labels of the codes, and the title some times more."""
    labels = (
        vocabulary[field].get(code, code)
        for field in ("approaches", "target_groups", "measure_types", "levels")
        if field in vocabulary
        for code in getattr(practice, field)
    )
    return "\n".join((practice_text(practice), *labels, *[practice.title] * TITLE_REPEATS))


def split_text(text: str, *, max_tokens: int, count_tokens: Callable[[str], int]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the windows that cover every character of `text`, in order.

    A text of at most `max_tokens` is one window. A longer one is cut at the ends of sentences where it can be, with an
    overlap. `count_tokens` counts as the encoder does, its prompt and special tokens included.
    """
    if count_tokens(text) <= max_tokens:
        yield 0, len(text)
        return
    splitter = TextSplitter.from_callback(count_tokens, max_tokens, int(max_tokens * OVERLAP_SHARE), trim=False)
    # A line break would end a window, and a title alone in a window is near to every question on its subject.
    one_line = "".join(" " if character in "\r\n" else character for character in text)
    for start, window in splitter.chunk_indices(_LONE_SURROGATE.sub("\ufffd", one_line)):
        yield start, start + len(window)


def split_sentences(text: str, language: str) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the sentences of a text without the white space around them, in order.

    A line never shares a sentence with the next one, so that a title stands alone.
    """
    offset = 0
    for line in text.splitlines(keepends=True):
        for boundary in sentencex.get_sentence_boundaries(language, line):
            sentence = line[boundary["start_index"] : boundary["end_index"]]
            if sentence.strip():
                start = offset + boundary["start_index"] + len(sentence) - len(sentence.lstrip())
                yield start, start + len(sentence.strip())
        offset += len(line)


def window_passages(practice: Practice, *, max_tokens: int, count_tokens: Callable[[str], int]) -> list[Passage]:
    """Return the windows over a practice's text in order; together they hold every character of it."""
    windows = split_text(practice_text(practice), max_tokens=max_tokens, count_tokens=count_tokens)
    return [Passage(practice.id, start, end) for start, end in windows]


def sentence_passages(practice: Practice) -> list[Passage]:
    """Return the sentences of a practice's text in order; a text without any, such as one odd character, is one."""
    text = practice_text(practice)
    limits = list(split_sentences(text, practice.language or DEFAULT_LANGUAGE)) or [(0, len(text))]
    return [Passage(practice.id, start, end) for start, end in limits]
