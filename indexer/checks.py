"""Find what is doubtful in a catalogue: texts that say little, that are damaged, or that are there twice."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from rapidfuzz import fuzz, process

from indexer.catalogue import CatalogueRows, Problem
from indexer.drafts import draft_folder
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Encoder
from indexer.key_table import key_hashes
from indexer.language import detect_language
from indexer.near_duplicates import near_duplicates
from indexer.passage_embeddings import Progress, embed
from indexer.passages import Limits, heading, practice_text, split_text
from indexer.practice import Practice
from indexer.row_blocks import Matrix, blocks, in_blocks, mean_row, new_matrix, write_centred
from indexer.scoring import SAME_FROM
from indexer.vectors import MOST_EXACT

_SHORT = 80  # characters besides the titles with which a text says hardly what is done for whom
_TELLING = 60  # characters from which the language of a text can be told
_CENTRED_FROM = 10  # practices that have a mean worth taking off
_LIKE = 60  # of 100, the likeness of a code to the one that was probably meant
_READ_AT_ONCE = 2_048  # practices in memory
_AROUND = 20  # characters shown on both sides of damage
_ONE_OF = re.compile(r"expected one of: (.+)$")
_UNKNOWN = "\ufffd"


Severity = Literal["error", "warning"]
"""An error stops a release; a warning does not, unless somebody asks for that."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at in a catalogue.

    `line` counts from 1; `field` is empty where the whole record is meant, and `suggestion` where there is none.
    """

    severity: Severity
    line: int
    practice_id: str
    field: str
    found: str
    expected: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class _Read:
    """A practice with what is made of it once: its text, the hash of that, and the windows that the encoder sees."""

    row: int
    line: int
    practice: Practice
    text: str
    key: int
    windows: Sequence[Limits]

    @property
    def beginning(self) -> str:
        """Return the text of the first window."""
        return self.text[: self.windows[0][1]]

    def warning(self, field: str, found: str, expected: str, suggestion: str) -> Finding:
        """Return a warning about the practice."""
        return Finding("warning", self.line, self.practice.id, field, found, expected, suggestion)


def errors_of(problems: Iterable[Problem]) -> list[Finding]:
    """Return what is wrong in a catalogue, each with what was probably meant."""
    return [_error(problem) for problem in problems]


def warnings_of(
    rows: CatalogueRows,
    encoder: Encoder,
    cache: EmbeddingCache,
    progress: Progress,
    *,
    folder: Path,
    most_exact: int = MOST_EXACT,
) -> list[Finding]:
    """Return what is doubtful in the practices of a catalogue, in the order of its lines.

    Embeddings lie in a file in `folder` meanwhile. Up to `most_exact` different texts are compared each with each.
    """
    size = len(rows.practices)
    if size == 0:
        return []
    found: list[Finding] = []
    first_rows: dict[int, int] = {}  # hash of a text -> the first row with it
    with draft_folder(folder) as draft:
        embeddings = new_matrix(draft / "rows.npy", (size, encoder.spec.dim), np.float32)
        for some in _read(rows, encoder):
            found += [finding for one in some for finding in _of_text(one)]
            firsts = [first_rows.setdefault(one.key, one.row) for one in some]
            found += [_said_twice(one, rows, first) for one, first in zip(some, firsts, strict=True) if first < one.row]
            new = [one.beginning for one, first in zip(some, firsts, strict=True) if first == one.row]
            going_on = partial(_report, progress, some[0].row, size)
            embeddings[len(first_rows) - len(new) : len(first_rows)] = embed(new, encoder, cache, going_on)
        progress(size, size)
        found += _alike(rows, list(first_rows.values()), embeddings[: len(first_rows)], draft, most_exact)
    return sorted(found, key=lambda finding: finding.line)


def _read(rows: CatalogueRows, encoder: Encoder) -> Iterator[list[_Read]]:
    """Yield all practices with their texts, some at a time."""
    limit, count = encoder.spec.max_tokens, encoder.count_tokens
    for block in blocks(len(rows.practices), _READ_AT_ONCE):
        some = rows.practices[block]
        texts = list(map(practice_text, some))
        windows = [list(split_text(text, max_tokens=limit, count_tokens=count)) for text in texts]
        numbered = range(block.start, block.stop)
        keys = key_hashes(texts).tolist()
        yield list(map(_Read, numbered, rows.lines[block], some, texts, keys, windows))


def _report(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    progress(before + done, total)


def _error(problem: Problem) -> Finding:
    codes = _ONE_OF.search(problem.expected)
    likely = codes and process.extractOne(
        problem.found.strip("'"), codes[1].split(", "), scorer=fuzz.ratio, score_cutoff=_LIKE
    )
    suggestion = f"'{likely[0]}'" if likely else ""
    return Finding("error", problem.line, "", problem.field, problem.found, problem.expected, suggestion)


def _of_text(read: _Read) -> Iterator[Finding]:
    """Yield what is doubtful in the texts of one practice."""
    practice, text, warning = read.practice, read.text, read.warning
    own = text[len(heading(practice)) :].strip()
    if not own:
        yield warning("description", "no text", "what is done, and for whom", "two or three sentences are enough")
    elif len(own) < _SHORT:
        yield warning("description", f"{len(own)} characters", "what is done, and for whom", "two or three sentences")
    for field, value in practice:
        if isinstance(value, str) and _UNKNOWN in value:
            at = value.index(_UNKNOWN)
            around = value[max(0, at - _AROUND) : at + _AROUND]
            yield warning(field, f"unreadable characters: …{around}…", "letters", "type them anew, or export in UTF-8")
    language = detect_language(text) if len(own) >= _TELLING else None
    if language is not None and practice.language is not None and language != practice.language:
        yield warning("language", f"'{practice.language}'", "the language of the texts", f"'{language}'")
    if len(read.windows) > 1:
        told = f"longer than the encoder sees; read in {len(read.windows)} windows"
        yield warning("description", told, "", "nothing is lost; a shorter text is found more surely")


def _said_twice(read: _Read, rows: CatalogueRows, first: int) -> Finding:
    found = f"the same text as '{rows.practices[first].id}' in line {rows.lines[first]}"
    return read.warning("", found, "a practice once", "remove one, or say what differs")


def _alike(
    rows: CatalogueRows, numbers: Sequence[int], embeddings: Matrix, draft: Path, most_exact: int
) -> Iterator[Finding]:
    """Yield the practices that say nearly the same as an earlier one.

    `numbers` (n,) says which row of the catalogue each embedding (n, dim) is of; these are centred in place.
    """
    if len(embeddings) >= _CENTRED_FROM:
        write_centred(in_blocks(embeddings), mean_row(in_blocks(embeddings)), embeddings)
    for pair in near_duplicates(embeddings, SAME_FROM, draft / "index", most_exact=most_exact):
        row, other = numbers[pair.row], numbers[pair.other]
        found = f"nearly the same as '{rows.practices[other].id}' in line {rows.lines[other]} ({pair.cosine:.2f})"
        practice_id = rows.practices[row].id
        yield Finding("warning", rows.lines[row], practice_id, "", found, "a practice once", "compare the two")
