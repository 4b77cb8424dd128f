"""What a text of any form is turned into: pieces, each a line or paragraph with its role."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MARKS = "•◦▪■●·*-–—+"
_LABELLED = re.compile(r"([^\W\d_][^:\n]{0,48}?)\s*:\s+(\S.*)", re.DOTALL)
_LONGEST_LABEL = 60  # characters in the first cell of a table of facts
_MOST_WORDS = 6  # of a label; what has more is a sentence with a colon


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text. One with a `label`, as in a table of two columns, is the value that the label names."""

    text: str
    is_heading: bool = False
    label: str = ""

    @property
    def whole(self) -> str:
        """The text with its label."""
        return f"{self.label}: {self.text}" if self.label else self.text


def is_fact(label: str, value: str) -> bool:
    """Say whether the two cells of a row are a short label, in one line, and its value."""
    return bool(label and value) and len(label) <= _LONGEST_LABEL and "\n" not in label


def labelled(line: str) -> Piece | None:
    """Return the parts of a line such as "- **Country:** Greece", None for any other line."""
    bare = line.strip().lstrip(_MARKS + " ").replace("**", "").replace("__", "")
    found = _LABELLED.fullmatch(bare)
    if found is None or len(found[1].split()) > _MOST_WORDS:
        return None
    return Piece(found[2].strip(), label=found[1].strip())


def paragraph_pieces(lines: Sequence[str]) -> list[Piece]:
    """Return the pieces of lines without an empty one between them: "Label: value" at the start, then a paragraph."""
    labels = []
    for line in lines:
        piece = labelled(line)
        if piece is None:
            break
        labels.append(piece)
    if len(labels) == 1 and len(lines) > 1:  # rather a sentence with a colon, that goes on in the next line
        labels = []
    rest = "\n".join(line.strip() for line in lines[len(labels) :])
    return [*labels, *([Piece(rest)] if rest else [])]


def text_pieces(text: str) -> list[Piece]:
    """Return the pieces of a plain text: a first line, then paragraphs with empty lines between them."""
    first, *lines = text.strip().splitlines() or [""]
    pieces = [Piece(first.strip())]
    for block in blocks(lines):
        pieces.extend(paragraph_pieces(block))
    return pieces


def blocks(lines: Iterable[str]) -> list[list[str]]:
    """Return the lines between empty lines."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [block for block in found if block]
