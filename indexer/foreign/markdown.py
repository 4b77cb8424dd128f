"""Turn Markdown into pieces: front matter, headings, tables, paragraphs. Emphasis stays as it is written."""

import re
from collections.abc import Sequence

from indexer.foreign.pieces import Piece, blocks, paragraph_pieces

_HEADING = re.compile(r" {0,3}#{1,6}\s+(\S.*)")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})\s*")
_FRONT = re.compile(r"([^\s:#-][^:]*):(?:\s+(.*))?")
_RULE_OF_TABLE = re.compile(r"\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*(\|\s*)?")
_BREAK_IN_CELL = re.compile(r"<br\s*/?>", re.IGNORECASE)


def markdown_pieces(text: str) -> list[Piece]:
    """Return the pieces of a Markdown text in its order; the front matter becomes pieces with labels."""
    lines = text.strip().splitlines()
    pieces: list[Piece] = []
    if lines and lines[0].strip() == "---":
        end = next((at for at, line in enumerate(lines[1:], start=1) if line.strip() in ("---", "...")), None)
        if end is not None:
            pieces.extend(_front_matter(lines[1:end]))
            lines = lines[end + 1 :]
    for block in blocks(lines):
        pieces.extend(_block_pieces(block))
    return pieces


def _front_matter(lines: Sequence[str]) -> list[Piece]:
    """Return a piece for each key; the items of a list are joined, a line that is indented goes on."""
    values: list[tuple[str, list[str]]] = []
    for line in lines:
        found = _FRONT.fullmatch(line.rstrip())
        if found:
            values.append((found[1].strip(), [_unquoted(found[2] or "")]))
        elif line.strip() and values:
            values[-1][1].append(_unquoted(line.strip().removeprefix("- ")))
        elif line.strip():
            values.append(("", [line.strip()]))
    pieces = []
    for label, texts in values:
        text = "; ".join(part for part in texts if part and part not in ("|", ">"))
        if text:
            pieces.append(Piece(text, label=label))
    return pieces


def _unquoted(text: str) -> str:
    bare = text.strip()
    if bare.startswith("[") and bare.endswith("]"):
        return "; ".join(_unquoted(part) for part in bare[1:-1].split(","))
    return bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'" else bare


def _block_pieces(block: Sequence[str]) -> list[Piece]:
    pieces: list[Piece] = []
    waiting: list[str] = []
    for line in block:
        heading = _HEADING.fullmatch(line)
        if heading:
            bare = heading[1].rstrip()
            text = bare.rstrip("#").rstrip() or bare
            pieces.extend([*_plain_pieces(waiting), Piece(text, is_heading=True)])
            waiting = []
        elif len(waiting) == 1 and _UNDERLINE.fullmatch(line):
            pieces.append(Piece(waiting.pop().strip(), is_heading=True))
        else:
            waiting.append(line)
    return [*pieces, *_plain_pieces(waiting)]


def _plain_pieces(lines: Sequence[str]) -> list[Piece]:
    if len(lines) > 1 and _RULE_OF_TABLE.fullmatch(lines[1].strip()) and "|" in lines[0]:
        return [piece for line in (lines[0], *lines[2:]) if (piece := _table_row(line))]
    return paragraph_pieces(lines) if lines else []


def _table_row(line: str) -> Piece | None:
    cells = [_BREAK_IN_CELL.sub("\n", cell).strip() for cell in line.strip().strip("|").split("|")]
    if len(cells) == 2 and all(cells):
        return Piece(cells[1], label=cells[0].replace("**", "").strip(" :"))
    text = " | ".join(cell for cell in cells if cell)
    return Piece(text) if text else None
