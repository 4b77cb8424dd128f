"""Find what is doubtful in a catalogue: texts that say little, that are damaged, or that are there twice."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from rapidfuzz import fuzz, process

from indexer.catalogue import CatalogueError, Problem, numbered_lines
from indexer.embedding_cache import EmbeddingCache
from indexer.encoder import Encoder, unit_rows
from indexer.key_table import key_hashes
from indexer.language import detect_language
from indexer.passage_embeddings import Progress, all_windows, embed
from indexer.passages import heading, practice_text
from indexer.practice import Practice
from indexer.row_blocks import blocks
from indexer.scoring import SAME_FROM
from indexer.vectors import MOST_EXACT

_SHORT = 80  # characters besides the titles with which a text says hardly what is done for whom
_TELLING = 60  # characters from which the language of a text can be told
_CENTRED_FROM = 10  # practices that have a mean worth taking off
_LIKE = 60  # of 100, the likeness of a code to the one that was probably meant
_COMPARED_AT_ONCE = 1_024  # rows, each with all others
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


def errors_of(error: CatalogueError) -> list[Finding]:
    """Return the bad rows of a catalogue that could not be read, each with what was probably meant."""
    return [_error(problem) for problem in error.problems]


def warnings_of(
    path: Path, practices: Sequence[Practice], encoder: Encoder, cache: EmbeddingCache, progress: Progress
) -> list[Finding]:
    """Return what is doubtful in a catalogue, in the order of its lines; `practices` are those of the file."""
    lines = [number for number, _, _ in numbered_lines(path)]
    found = [
        *(finding for line, one in zip(lines, practices, strict=True) for finding in _of_text(line, one)),
        *_said_twice(lines, practices),
        *_alike(lines, practices, encoder, cache, progress),
    ]
    return sorted(found, key=lambda finding: finding.line)


def _error(problem: Problem) -> Finding:
    codes = _ONE_OF.search(problem.expected)
    likely = codes and process.extractOne(
        problem.found.strip("'"), codes[1].split(", "), scorer=fuzz.ratio, score_cutoff=_LIKE
    )
    suggestion = f"'{likely[0]}'" if likely else ""
    return Finding("error", problem.line, "", problem.field, problem.found, problem.expected, suggestion)


def _of_text(line: int, practice: Practice) -> Iterator[Finding]:
    """Yield what is doubtful in the texts of one practice."""

    def warning(field: str, found: str, expected: str, suggestion: str = "") -> Finding:
        return Finding("warning", line, practice.id, field, found, expected, suggestion)

    text = practice_text(practice)
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


def _said_twice(lines: Sequence[int], practices: Sequence[Practice]) -> Iterator[Finding]:
    """Yield the practices whose whole text is that of an earlier one."""
    first: dict[int, tuple[int, str]] = {}
    hashes = key_hashes(map(practice_text, practices)).tolist()
    for line, practice, key in zip(lines, practices, hashes, strict=True):
        if key in first:
            found = f"the same text as '{first[key][1]}' in line {first[key][0]}"
            yield Finding("warning", line, practice.id, "", found, "a practice once", "remove one, or say what differs")
        first.setdefault(key, (line, practice.id))


def _alike(
    lines: Sequence[int], practices: Sequence[Practice], encoder: Encoder, cache: EmbeddingCache, progress: Progress
) -> Iterator[Finding]:
    """Yield the texts that are longer than the encoder sees, and those that say the same as an earlier one."""
    windows = all_windows(practices, encoder)
    counts = np.diff(windows.bounds)
    for row in np.flatnonzero(counts > 1).tolist():
        found = f"longer than the encoder sees; read in {counts[row]} windows"
        advice = "nothing is lost; a shorter text is found more surely"
        yield Finding("warning", lines[row], practices[row].id, "description", found, "", advice)
    if len(practices) > MOST_EXACT:
        found = f"{len(practices)} practices, of which none was compared with another by meaning"
        yield Finding("warning", lines[0], "", "", found, f"at most {MOST_EXACT}", "check a part of the catalogue")
        return
    texts = list(map(practice_text, practices))
    firsts = [text[: windows.limits[at, 1]] for text, at in zip(texts, windows.bounds[:-1], strict=True)]
    rows = embed(firsts, encoder, cache, progress)
    if len(rows) >= _CENTRED_FROM:
        rows = unit_rows(rows - rows.mean(axis=0))
    for block in blocks(len(rows), _COMPARED_AT_ONCE):
        likeness = np.tril(rows[block] @ rows.T, block.start - 1)
        for at, other in zip(range(block.start, block.stop), likeness.argmax(axis=1).tolist(), strict=True):
            cosine = float(likeness[at - block.start, other])
            if cosine >= SAME_FROM and texts[at] != texts[other]:
                found = f"nearly the same as '{practices[other].id}' in line {lines[other]} ({cosine:.2f})"
                yield Finding("warning", lines[at], practices[at].id, "", found, "a practice once", "compare the two")
