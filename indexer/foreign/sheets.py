"""Turn files that describe one practice each, alone or in a folder, into a table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.foreign.archive import is_zip
from indexer.foreign.contents import read_contents, read_text
from indexer.foreign.markdown import markdown_pieces
from indexer.foreign.markup import Page
from indexer.foreign.pieces import Piece, text_pieces
from indexer.foreign.rows import Doubt, ForeignFileError, ForeignRow, ForeignTable, distinct_names, row_of
from indexer.foreign.word_file import word_pieces

_MOST_FILES = 50_000
_ENDS = (".md", ".html", ".htm", ".docx", ".txt")


@dataclass(frozen=True, slots=True)
class _Sheet:
    row: ForeignRow
    doubts: Sequence[Doubt]


def is_sheet(path: Path) -> bool:
    """Say by its name whether a file describes a practice."""
    return path.suffix.lower() in _ENDS and not path.name.startswith((".", "~$"))


def read_folder(path: Path) -> ForeignTable:
    """Return a row for each sheet of a folder in order of name; any other file is a doubt.

    Raises ForeignFileError that lists all sheets that cannot be read, or says that there is none.
    """
    try:
        files = sorted(path.iterdir(), key=lambda file: file.name)
    except OSError as error:
        raise ForeignFileError(
            f"{path.name}: the folder cannot be read ({error.strerror}); check its rights"
        ) from error
    if len(files) > _MOST_FILES:
        raise ForeignFileError(
            f"{path.name}: {len(files):,} files in this folder, expected at most {_MOST_FILES:,}; "
            "move them into several folders and read one after the other"
        )
    sheets, doubts, faults = [], [], []
    for file in files:
        place = f"{path.name}/{file.name}"
        if not file.is_file() or not is_sheet(file):
            meaning = f"It was left out; only files that end in {', '.join(_ENDS)} are read from a folder."
            doubts.append(Doubt(place, "a folder" if file.is_dir() else "another kind of file", meaning))
            continue
        if file.is_symlink() and not file.resolve().is_relative_to(path.resolve()):
            meaning = "It was left out; copy the file that it leads to into the folder if it belongs there."
            doubts.append(Doubt(place, "a link that leads out of the folder", meaning))
            continue
        try:
            sheets.append(_sheet(file, read_contents(file), place))
        except ForeignFileError as error:
            faults.append(str(error))
    if faults:
        raise ForeignFileError("\n".join(faults))
    if not sheets:
        raise ForeignFileError(f"{path.name}: no sheet in this folder; expected files that end in {', '.join(_ENDS)}")
    return _table(path, f"folder of {len(sheets)} sheets", sheets, doubts)


def read_sheet(path: Path, data: bytes) -> ForeignTable:
    """Return the one row of a file that describes one practice."""
    return _table(path, "one sheet", [_sheet(path, data, path.name)], [])


def _table(path: Path, form: str, sheets: Sequence[_Sheet], doubts: Sequence[Doubt]) -> ForeignTable:
    rows = tuple(sheet.row for sheet in sheets)
    found = dict.fromkeys(column for row in rows for column in row.values)
    columns = ("id", "title", *(one for one in found if one not in ("id", "title", "description")), "description")
    ids = Counter(row.values["id"] for row in rows)
    repeated = [
        Doubt(row.place, f"two files are called '{row.values['id']}'", "Both were read, with the same id; rename one.")
        for row in rows
        if ids[row.values["id"]] > 1
    ]
    return ForeignTable(
        path, form, columns, rows, (*doubts, *repeated, *(doubt for sheet in sheets for doubt in sheet.doubts))
    )


def _sheet(path: Path, data: bytes, place: str) -> _Sheet:
    pieces, doubts = _pieces(path, data, place)
    pieces = [piece for piece in pieces if piece.text.strip()]
    if not pieces:
        raise ForeignFileError(f"{place}: there is no text in it; expected a title and a description")
    at = next((at for at, piece in enumerate(pieces) if piece.is_heading), None)
    if at is None:
        at = next((at for at, piece in enumerate(pieces) if piece.label.casefold() == "title"), 0)
        if at == 0 and not pieces[0].label:
            pieces = _first_line_apart(pieces)
    title = pieces[at].text if pieces[at].label.casefold() == "title" else pieces[at].whole
    labels, described = _labels_and_description([*pieces[:at], *pieces[at + 1 :]])
    same = [piece for piece in labels if piece.label.casefold() == "title" and piece.text == title]
    kept = [piece for piece in labels if piece not in same]
    names, name_doubts = distinct_names(["id", "title", "description", *(piece.label for piece in kept)], place)
    description = "\n\n".join(piece.whole for piece in described)
    texts = (path.stem, title, description, *(piece.text for piece in kept))
    return _Sheet(row_of(place, zip(names, texts, strict=True)), (*doubts, *name_doubts))


def _pieces(path: Path, data: bytes, place: str) -> tuple[list[Piece], Sequence[Doubt]]:
    end = path.suffix.lower()
    if is_zip(data) or end == ".docx":
        return word_pieces(data, place)
    decoded = read_text(data, path.name)
    doubts = [Doubt(place, doubt.found, doubt.meaning) for doubt in decoded.doubts]
    if end in (".html", ".htm"):
        return Page(decoded.text, place).pieces(), doubts
    return (markdown_pieces if end == ".md" else text_pieces)(decoded.text), doubts


def _first_line_apart(pieces: Sequence[Piece]) -> list[Piece]:
    first, _, rest = pieces[0].text.partition("\n")
    return [Piece(first), *([Piece(rest)] if rest.strip() else []), *pieces[1:]]


def _labels_and_description(pieces: Sequence[Piece]) -> tuple[list[Piece], list[Piece]]:
    """Return the labelled values before the first paragraph, and all other pieces."""
    first = next((at for at, piece in enumerate(pieces) if not piece.label and not piece.is_heading), len(pieces))
    labels = [piece for piece in pieces[:first] if piece.label]
    return labels, [piece for piece in pieces[:first] if not piece.label] + list(pieces[first:])
