"""Turn a practice into passages that the encoder sees whole: windows that cover every character, and sentences."""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import sentencex
from semantic_text_splitter import TextSplitter

from indexer.catalogue import Vocabulary
from indexer.columns import Rows, part_of, read_column, write_column
from indexer.practice import Practice

OVERLAP_SHARE = 0.15
"""Share of a window that is repeated in the next one, so that no thought is only ever seen cut in two."""

DEFAULT_LANGUAGE = "en"
"""Whose rules of punctuation hold where a record does not name its language."""


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which the splitter does not take


Limits = tuple[int, int]
"""Where a passage begins and ends (exclusive) in `practice_text(practice)`, in characters."""


@dataclass(frozen=True, slots=True)
class Passages:
    """The passages of all practices of a catalogue; those of one stand together, in catalogue order.

    Those of practice p are the rows `bounds[p]` to `bounds[p + 1]` (exclusive) of `limits` (n, 2); `bounds` has one
    number more than there are practices.
    """

    bounds: npt.NDArray[np.int64]
    limits: npt.NDArray[np.int32]

    @classmethod
    def of_practices(cls, limits: Iterable[Iterable[Limits]]) -> Self:
        """Return the passages of practices whose limits are given in catalogue order."""
        bounds, flat = array("q", [0]), array("i")
        for of_practice in limits:
            flat.extend(chain.from_iterable(of_practice))
            bounds.append(len(flat) // 2)
        return cls(np.frombuffer(bounds, np.int64), np.frombuffer(flat, np.int32).reshape(-1, 2))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the passages that `save` wrote. Raises OSError or ValueError when a file is missing or damaged."""
        return cls(read_column(part_of(path, "bounds")), read_column(part_of(path, "limits")))

    def save(self, path: Path) -> None:
        """Write the passages as two files beside `path`, which is their name without an end."""
        write_column(part_of(path, "bounds"), self.bounds)
        write_column(part_of(path, "limits"), self.limits)

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self.limits)

    def span(self, practice: int) -> slice:
        """Return where the passages of a practice stand."""
        return slice(int(self.bounds[practice]), int(self.bounds[practice + 1]))

    def spans(self, practices: Rows) -> tuple[Rows, Rows]:
        """Return the passages of some practices one after the other, and at which of them each practice begins."""
        counts = self.bounds[practices + 1] - self.bounds[practices]
        firsts = np.cumsum(counts) - counts
        return np.repeat(self.bounds[practices] - firsts, counts) + np.arange(counts.sum()), firsts

    def owners(self, passages: Rows) -> Rows:
        """Return the practices that some passages belong to."""
        return np.searchsorted(self.bounds, passages, side="right") - 1

    def of_allowed(self, allowed: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return which passages (n,) belong to the practices `allowed` (practices,)."""
        return np.repeat(allowed, np.diff(self.bounds))

    def count_divided(self) -> int:
        """Return how many practices have several passages."""
        return int((np.diff(self.bounds) > 1).sum())

    def all_owners(self) -> npt.NDArray[np.int32]:
        """Return the practice (n,) that each passage belongs to."""
        return np.repeat(np.arange(len(self.bounds) - 1, dtype=np.int32), np.diff(self.bounds))


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


def split_text(text: str, *, max_tokens: int, count_tokens: Callable[[str], int]) -> Iterator[Limits]:
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


def split_sentences(text: str, language: str) -> Iterator[Limits]:
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


def window_limits(practice: Practice, *, max_tokens: int, count_tokens: Callable[[str], int]) -> list[Limits]:
    """Return the windows over a practice's text in order; together they hold every character of it."""
    return list(split_text(practice_text(practice), max_tokens=max_tokens, count_tokens=count_tokens))


def sentence_limits(practice: Practice) -> list[Limits]:
    """Return the sentences of a practice's text in order; a text without any, such as one odd character, is one."""
    text = practice_text(practice)
    return list(split_sentences(text, practice.language or DEFAULT_LANGUAGE)) or [(0, len(text))]
