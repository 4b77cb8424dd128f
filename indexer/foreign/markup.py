"""Turn a saved web page into blocks of text and tables; the only module that knows selectolax."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from selectolax.lexbor import LexborHTMLParser, LexborNode

from indexer.foreign.grid import Cells
from indexer.foreign.pieces import Piece, is_fact, paragraph_pieces
from indexer.foreign.rows import ForeignFileError

_LEFT_OUT = frozenset({"head", "script", "style", "template", "svg"})
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details"),
        *("dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2"),
        *("h3", "h4", "h5", "h6", "header", "hr", "html", "legend", "li", "main", "menu", "nav", "ol"),
        *("option", "p", "pre", "section", "select", "summary", "table", "tbody", "td", "tfoot", "th"),
        *("thead", "tr", "ul"),
    )
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_DEEPEST = 1_000
_ENDED = re.compile(
    r"<(/?)(div|span|table|ul|ol|dl|section|article|blockquote|font|center|b|i|em|strong|a|pre)\b", re.I
)
_MOST_SPANNED = 100  # columns or rows; a page may ask for 65,534


@dataclass(frozen=True, slots=True)
class Block:
    """The text of one block element; a break in it ends a line. `label` is the first cell of a row of two."""

    tag: str
    text: str
    label: str = ""


class Page:
    """A page of HTML. Scripts, styles and what stands in the head are left out."""

    def __init__(self, text: str, name: str) -> None:
        """Read a page; `name` is for messages. Raises ForeignFileError where it is nested beyond all reason."""
        if _is_too_deep(text):
            raise ForeignFileError(
                f"{name}: more than {_DEEPEST:,} elements in each other, expected a page that a browser shows; "
                "save it again, or save its table as CSV"
            )
        self._root = LexborHTMLParser(text).root

    def blocks(self) -> list[Block]:
        """Return all texts in the order of the page."""
        return [] if self._root is None else list(_blocks(self._root))

    def lines(self) -> list[str]:
        """Return the lines of the page, with an empty one after each block."""
        lines: list[str] = []
        for block in self.blocks():
            for text in filter(None, (block.label, block.text)):
                lines.extend([*text.split("\n"), ""])
        return lines

    def pieces(self) -> list[Piece]:
        """Return the pieces of a page that describes one practice."""
        pieces: list[Piece] = []
        term = ""
        for block in self.blocks():
            if term and block.tag == "dd":
                pieces.append(Piece(block.text, label=term.rstrip(" :")))
                term = ""
                continue
            pieces.extend([Piece(term)] if term else [])
            term = block.text if block.tag == "dt" else ""
            if block.label:
                pieces.append(Piece(block.text, label=block.label.rstrip(" :")))
            elif block.tag in _HEADINGS:
                pieces.append(Piece(" ".join(block.text.split()), is_heading=True))
            elif not term:
                pieces.extend(paragraph_pieces(block.text.split("\n")))
        return [*pieces, *([Piece(term)] if term else [])]

    def tables(self) -> list[list[Cells]]:
        """Return the rows of each table that has no table in it; a cell over several rows is repeated in each."""
        tables = [] if self._root is None else self._root.css("table")
        leaves = [table for table in tables if not _holds_table(table)]
        return [list(_table_rows(table, f"table {number}")) for number, table in enumerate(leaves, start=1)]


def _is_too_deep(text: str) -> bool:
    """Say whether elements that need an end are nested deeper than parsers are made for: they take hours for it."""
    depths: Counter[str] = Counter()
    for tag in _ENDED.finditer(text):
        name = tag[2].lower()
        depths[name] = max(0, depths[name] + (-1 if tag[1] else 1))
        if depths[name] > _DEEPEST:
            return True
    return False


def _holds_table(node: LexborNode) -> bool:
    return any(True for inner in node.css("table") if inner.mem_id != node.mem_id)


def _blocks(root: LexborNode) -> Iterator[Block]:
    """Yield the blocks below a node. There is no recursion: a page may be nested as deeply as it likes."""
    stack: list[tuple[LexborNode, bool, str]] = [(root, False, "body")]
    words: list[str] = []
    while stack:
        node, is_end, outer = stack.pop()
        tag = node.tag or ""
        if node.is_text_node:
            words.append(_without_breaks(node.text_content or "", is_kept=outer == "pre"))
        elif tag == "br":
            words.append("\n")
        elif tag in _BLOCKS:
            # The text before an inner block is of the outer one, as is that after it.
            yield from _block(tag if is_end else outer, words)
            words = []
        if is_end or tag in _LEFT_OUT or node.is_comment_node:
            continue
        row = _facts_row(node) if tag == "tr" else None
        if row is not None:
            yield row
            continue
        inner = tag if tag in _BLOCKS else outer
        if tag in _BLOCKS:
            stack.append((node, True, outer))
        stack.extend((child, False, inner) for child in reversed(list(_children(node))))
    yield from _block("body", words)


def _without_breaks(text: str, *, is_kept: bool) -> str:
    return text if is_kept else text.replace("\r", " ").replace("\n", " ")


def _block(tag: str, words: Sequence[str]) -> Iterator[Block]:
    lines = [" ".join(line.split()) for line in "".join(words).split("\n")]
    text = "\n".join(lines).strip() if tag == "pre" else "\n".join(filter(None, lines))
    if text:
        yield Block(tag, text)


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.first_child
    while child is not None:
        yield child
        child = child.next


def _facts_row(row: LexborNode) -> Block | None:
    """Return the block of a row of two cells, a short label and its value; None for any other row."""
    cells = [child for child in _children(row) if child.tag in ("td", "th")]
    if len(cells) != 2 or _holds_table(row):
        return None
    label, value = map(_cell_text, cells)
    return Block("tr", value, label) if is_fact(label, value) else None


def _cell_text(cell: LexborNode) -> str:
    return "\n".join(block.text for child in _children(cell) for block in _blocks(child))


def _table_rows(table: LexborNode, name: str) -> Iterator[Cells]:
    below: dict[int, tuple[int, str]] = {}  # column -> rows that a cell from above still covers, and its text
    for number, row in enumerate(table.css("tr"), start=1):
        texts: dict[int, str] = {}
        covered, below = below, {column: (rows - 1, text) for column, (rows, text) in below.items() if rows > 1}
        texts.update({column: text for column, (_, text) in covered.items()})
        free = count()
        for cell in _children(row):
            if cell.tag in ("td", "th"):
                column = next(at for at in free if at not in texts)
                text = _cell_text(cell)
                rows = _span(cell, "rowspan")
                for at in range(column, column + _span(cell, "colspan")):
                    texts.setdefault(at, text if at == column else "")
                    if rows > 1:
                        below[at] = (rows - 1, texts[at])
        yield Cells(f"{name}, row {number}", [texts[at] for at in sorted(texts)])


def _span(cell: LexborNode, attribute: str) -> int:
    value = cell.attributes.get(attribute) or ""
    return min(int(value[:9]), _MOST_SPANNED) if value.isascii() and value.isdigit() and int(value[:9]) > 0 else 1
