"""Turn a briefing into tables: CSV and XLSX, one row a practice, with nothing in them that a program would execute."""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

from indexer.practice import Practice
from service.downloads.briefing import Briefing, BriefingEntry
from service.downloads.imprint import (
    ANSWERS_TITLE,
    SENTENCE_TITLE,
    address_title,
    fact_text,
    how_it_was_made,
    what_was_asked,
    where_it_came_from,
)
from service.downloads.xml_text import xml_text
from service.facts import FACT_FIELDS
from service.phrases import confidence_phrase, field_title
from service.schemas import ExplanationModel
from service.wording import Wording

Cell = str | int | float | None
"""A text, a number, or nothing."""

LONGEST_CELL = 32_767  # UTF-16 code units in a cell of Excel
LONGEST_SHEET_NAME = 31
_LONGEST_MARKED_ADDRESS = 2_000  # characters; the address of a very long question would fill a cell by itself

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_IN_SHEET_NAME = re.compile(r"[\[\]:*?/\\\s]+")
_FORMULA_STARTS = frozenset("=+-@\u2212")
_BREAKS = frozenset("\t\r\n")
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # of categories that are seen otherwise


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of the table of practices. `width` is in characters; text that does not wrap is clipped."""

    title: str
    width: int
    value: Callable[[BriefingEntry], Cell]
    wraps: bool = True


def to_csv(briefing: Briefing, wording: Wording) -> bytes:
    """Return the practices as CSV (RFC 4180) in UTF-8, with the byte order mark by which Excel knows it.

    A text that a spreadsheet could read as a formula begins with an apostrophe.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    columns = _columns(briefing, wording)
    writer.writerow([_csv_cell(column.title) for column in columns])
    for entry in briefing.entries:
        writer.writerow([_csv_cell(column.value(entry)) for column in columns])
    return file.getvalue().encode("utf-8-sig")


def to_xlsx(briefing: Briefing, wording: Wording) -> bytes:
    """Return a workbook: a sheet of the practices, and one that says how the list was made.

    A text that is longer than a cell may be is cut with a mark that says so.
    """
    practices, about = _sheet_names(wording.gettext("Practices"), wording.gettext("About this list"))
    workbook = _Workbook(briefing, wording)
    workbook.add_practices(practices, _columns(briefing, wording), briefing.entries)
    workbook.add_about(about, _about(briefing, wording))
    return workbook.content()


def is_formula_like(text: str) -> bool:
    """Return whether a spreadsheet could read a text as a formula (OWASP, CSV injection).

    That is one that begins, behind characters that nobody sees, with = + - @ in any width, or with a tab or line break.
    """
    for character in text:
        if character in _BREAKS:
            return True
        if not _is_unseen(character):
            return unicodedata.normalize("NFKC", character)[0] in _FORMULA_STARTS
    return False


def _is_unseen(character: str) -> bool:
    """Return whether a character is white space, a control or format character, or a mark without a letter."""
    return unicodedata.category(character)[0] in "CMZ" or character in _BLANK_LETTERS


def _columns(briefing: Briefing, wording: Wording) -> list[_Column]:
    return [
        _Column(wording.gettext("Rank"), 6, lambda entry: entry.hit.rank if entry.hit else None),
        _Column(wording.gettext("Id"), 18, lambda entry: entry.practice.id, wraps=False),
        _Column(wording.gettext("Title"), 36, lambda entry: entry.practice.title),
        _Column(wording.gettext("Original title"), 30, lambda entry: entry.practice.original_title),
        _Column(wording.gettext("Confidence"), 18, lambda entry: _confidence_words(entry, wording)),
        _Column(wording.gettext("Confidence (0 to 1)"), 12, lambda entry: entry.hit.confidence if entry.hit else None),
        _Column(wording.gettext(SENTENCE_TITLE), 50, _sentence),
        _Column(wording.gettext(ANSWERS_TITLE), 40, _answered),
        _Column(wording.gettext("Summary"), 50, lambda entry: entry.practice.summary),
        *(_fact_column(field, wording) for field in FACT_FIELDS),
        _Column(field_title("sources", wording), 40, lambda entry: _sources(entry.practice)),
        _Column(field_title("note", wording), 40, lambda entry: entry.practice.note),
        _Column(wording.gettext("Question"), 24, lambda _: briefing.question, wraps=False),
        _Column(address_title(wording), 24, lambda _: briefing.address, wraps=False),
        _Column(wording.gettext("Date"), 12, lambda _: briefing.made_on.isoformat(), wraps=False),
        _Column(wording.gettext("Release"), 18, lambda _: briefing.release_id, wraps=False),
    ]


def _fact_column(field: str, wording: Wording) -> _Column:
    def value(entry: BriefingEntry) -> str | None:
        return next((fact_text(fact) for fact in entry.facts if fact.field == field), None)

    return _Column(field_title(field, wording), 24, value)


def _explanation(entry: BriefingEntry) -> ExplanationModel | None:
    return None if entry.hit is None else entry.hit.explanation


def _sentence(entry: BriefingEntry) -> str | None:
    explanation = _explanation(entry)
    return None if explanation is None else explanation.sentence.text


def _answered(entry: BriefingEntry) -> str | None:
    explanation = _explanation(entry)
    return None if explanation is None else explanation.answers.text


def _confidence_words(entry: BriefingEntry, wording: Wording) -> str | None:
    if entry.hit is None or entry.hit.confidence is None:
        return None
    return confidence_phrase(entry.hit.confidence, wording)


def _sources(practice: Practice) -> str:
    return "; ".join(source.url for source in practice.sources)


def _about(briefing: Briefing, wording: Wording) -> list[tuple[str, str]]:
    return [
        *what_was_asked(briefing, wording),
        (address_title(wording), briefing.address),
        *where_it_came_from(briefing, wording),
        (wording.gettext("How this list was made"), "\n".join(how_it_was_made(briefing, wording))),
    ]


def _csv_cell(cell: Cell) -> Cell:
    """Return what is written for a cell: texts that are no formula and can be UTF-8, numbers as they are."""
    if not isinstance(cell, str):
        return cell
    encodable = _LONE_SURROGATE.sub("\ufffd", cell)
    return f"'{encodable}" if is_formula_like(encodable) else encodable


def _sheet_names(*titles: str) -> list[str]:
    """Return names that Excel takes for sheets: short, without its own signs, each one once."""
    names: list[str] = []
    for place, title in enumerate(titles, start=1):
        name = _NOT_IN_SHEET_NAME.sub(" ", xml_text(title)).strip("' ")
        name = _cut(name, LONGEST_SHEET_NAME).strip("' ")
        taken = {other.casefold() for other in names}
        number = f" {place}"
        is_free = bool(name) and name.casefold() not in taken
        names.append(name if is_free else f"{_cut(name, LONGEST_SHEET_NAME - len(number))}{number}".strip())
    return names


def _cut(text: str, longest: int) -> str:
    """Return the beginning of a text, at most so many UTF-16 code units and no half character."""
    return text.encode("utf-16-le")[: 2 * longest].decode("utf-16-le", "ignore")


class _Workbook:
    """A workbook in the making. All text is written as text: nothing becomes a formula or a link."""

    def __init__(self, briefing: Briefing, wording: Wording) -> None:
        import xlsxwriter  # noqa: PLC0415  a tenth of a second: only on use

        self._file = io.BytesIO()
        options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(self._file, options)
        # Without a day of its own the file would hold the time of writing and differ each time.
        self._book.set_properties({"created": datetime.combine(briefing.made_on, time(), UTC)})
        self._head = self._book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        self._wrapped = self._book.add_format({"text_wrap": True, "valign": "top"})
        self._clipped = self._book.add_format({"valign": "top"})
        self._cut_mark = _cut_mark(briefing.address, wording)

    def add_practices(self, name: str, columns: Sequence[_Column], entries: Sequence[BriefingEntry]) -> None:
        """Add the sheet of the practices, one row each."""
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(1, len(entries)), len(columns) - 1)
        for place, column in enumerate(columns):
            sheet.set_column(place, place, column.width)
            sheet.write_string(0, place, self._text(column.title), self._head)
            for row, entry in enumerate(entries, start=1):
                cell = column.value(entry)
                form = self._wrapped if column.wraps else self._clipped
                if isinstance(cell, str):
                    sheet.write_string(row, place, self._text(cell), form)
                elif cell is not None:
                    sheet.write_number(row, place, cell, form)

    def add_about(self, name: str, lines: Sequence[tuple[str, str]]) -> None:
        """Add a sheet of titles and texts, one row each."""
        sheet = self._book.add_worksheet(name)
        sheet.set_column(0, 0, 28)
        sheet.set_column(1, 1, 100)
        for row, (title, text) in enumerate(lines):
            sheet.write_string(row, 0, self._text(title), self._head)
            sheet.write_string(row, 1, self._text(text), self._wrapped)

    def content(self) -> bytes:
        """Return the file; nothing can be added any more."""
        self._book.close()
        return self._file.getvalue()

    def _text(self, text: str) -> str:
        """Return a text that a cell can hold: XlsxWriter would cut a longer one without a word."""
        held = xml_text(text)
        if held.startswith("<r>") and held.endswith("</r>"):
            held += " "  # XlsxWriter takes a text between these two tags for its own rich text: it is not escaped
        if _cut(held, LONGEST_CELL) != held:
            held = _cut(held, LONGEST_CELL - len(self._cut_mark.encode("utf-16-le")) // 2) + self._cut_mark
        return held


def _cut_mark(address: str, wording: Wording) -> str:
    if len(address) > _LONGEST_MARKED_ADDRESS:
        return wording.gettext("… (cut; the CSV file has the whole text)")
    return xml_text(wording.gettext("… (cut; whole text at {address})").format(address=address))
