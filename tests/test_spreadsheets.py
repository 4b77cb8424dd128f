import csv
import io
import re
from datetime import date
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.downloads.spreadsheets import LONGEST_CELL, LONGEST_SHEET_NAME, is_formula_like, to_csv, to_xlsx
from service.wording import LANGUAGES, Wording, wording
from tests.briefings import (
    ADDRESS,
    CONTROLS,
    EMPTY,
    HOSTILE,
    PART,
    QUESTION,
    RIGHT_TO_LEFT,
    SHORTLIST,
    SOURCED,
    briefing,
    entry,
    hostile_briefing,
    small_entries,
)

ENGLISH = wording("en")
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=60)


class LoudWording(Wording):
    """Translations that are no names for sheets, and the same for every text."""

    def gettext(self, text: str) -> str:
        return "[Praktiken: alle/keine?*\\] " * 3


def csv_rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def sheets(content: bytes) -> dict[str, list[dict[str, str | float]]]:
    """Return name -> rows of column letters -> text or number, read as Excel reads them."""
    with ZipFile(io.BytesIO(content)) as file:
        parts = {name: ElementTree.fromstring(file.read(name)) for name in file.namelist()}
    shared = [
        re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), "".join(one.itertext()))
        for one in parts["xl/sharedStrings.xml"]
    ]
    found = {}
    for number, sheet in enumerate(parts["xl/workbook.xml"].iter(f"{MAIN}sheet"), start=1):
        rows = []
        for row in parts[f"xl/worksheets/sheet{number}.xml"].iter(f"{MAIN}row"):
            cells = {}
            for cell in row:
                assert cell.find(f"{MAIN}f") is None
                value = cell.findtext(f"{MAIN}v")
                letters = re.match("[A-Z]+", cell.get("r"))[0]
                cells[letters] = shared[int(value)] if cell.get("t") == "s" else float(value)
            rows.append(cells)
        found[sheet.get("name")] = rows
    return found


def practices_sheet(content: bytes) -> list[dict[str, str | float]]:
    """Return the rows of the first sheet by title."""
    head, *rows = next(iter(sheets(content).values()))
    return [{head[letters]: value for letters, value in row.items()} for row in rows]


def test_the_csv_has_one_row_a_practice_with_every_fact_in_a_column() -> None:
    first, second = csv_rows(to_csv(briefing(), ENGLISH))

    assert first == {
        "Rank": "1",
        "Id": "mentors",
        "Title": "Senior mentors",
        "Original title": "Meister als Mentoren",
        "Confidence": "Very likely to fit",
        "Confidence (0 to 1)": "0.8183",
        "Sentence of the practice": "Retired masters mentor apprentices who think of quitting.",
        "Part of the question that it answers": PART,
        "Summary": "Retired masters mentor apprentices who think of quitting.",
        "Country": "Germany",
        "Region": "Saxony",
        "Period": "",
        "Status": "Running",
        "Run by": "",
        "Funding and cost": "",
        "Target groups": "apprentices – Those in their first year",
        "Ages": "",
        "Approaches": "Mentoring",
        "Type of measure": "",
        "Levels of education": "",
        "Working languages": "",
        "Evidence": "Survey or process evaluation – A survey of 2012",
        "Effect on early leaving": "Positive",
        "Results": "Nine of ten stayed.",
        "Listed in": "",
        "Sources": "https://one.example/a?b=1&c=2; two, in print",
        "Note": "The site has moved.",
        "Question": QUESTION,
        "Address": ADDRESS,
        "Date": "2026-11-25",
        "Release": "20261125-7f3a",
    }
    assert (second["Rank"], second["Id"], second["Confidence"]) == ("2", "street-work", "May fit")
    assert second["Approaches"] == "Outreach; Mentoring"


def test_the_csv_starts_with_a_byte_order_mark_and_ends_its_lines_as_rfc_4180_says() -> None:
    content = to_csv(EMPTY, ENGLISH)

    assert content.startswith(b"\xef\xbb\xbfRank,Id,Title,")
    assert content.endswith(b",Release\r\n")
    assert content.count(b"\n") == 1


def test_a_shortlist_without_a_question_has_no_rank_and_no_confidence() -> None:
    (row,) = csv_rows(to_csv(SHORTLIST, ENGLISH))

    assert [row[title] for title in ("Rank", "Id", "Confidence", "Confidence (0 to 1)", "Question")] == [
        *("", "second-school", "", "", "")
    ]
    (cells,) = practices_sheet(to_xlsx(SHORTLIST, ENGLISH))
    assert not {"Rank", "Confidence", "Confidence (0 to 1)"} & set(cells)
    assert cells["Title"] == "Second chance school"


@pytest.mark.parametrize(
    "text",
    [
        *(
            '=HYPERLINK("http://x")',
            "+1",
            "-1",
            "@SUM",
            "\t=1",
            "\r",
            "\nx",
            " =1",
            "\u200b=1",
            "\xa0\u202e+1",
            "\x00-1",
        ),
        *("\ufeff@x", "＝1", "＋1", "－1", "＠x", " ＝1", "﹢1", "\u22121", "\u3164=1", "\u0301=1", " \t text"),
    ],
)
def test_a_text_that_could_be_a_formula_gets_an_apostrophe(text: str) -> None:
    made = briefing([entry(SOURCED.model_copy(update={"note": text}))])

    assert is_formula_like(text)
    assert csv_rows(to_csv(made, ENGLISH))[0]["Note"] == f"'{text}"


@pytest.mark.parametrize("text", ["", "  ", "1", "a=1", "'=1", "Ä+1", "(−1)", "😀=1", "“=1”", "a\t=1"])
def test_a_text_that_is_no_formula_stays_as_it_is(text: str) -> None:
    made = briefing([entry(SOURCED.model_copy(update={"note": text}))])

    assert csv_rows(to_csv(made, ENGLISH))[0]["Note"] == text


def test_hostile_texts_are_whole_and_harmless_in_the_csv() -> None:
    (row,) = csv_rows(to_csv(hostile_briefing(), ENGLISH))

    assert row["Title"] == HOSTILE.title
    assert row["Original title"] == '\'=HYPERLINK("http://x")'
    assert row["Summary"] == HOSTILE.summary
    assert (row["Region"], row["Period"], row["Run by"], row["Funding and cost"]) == (
        *("'@SUM(1)", "'-1", "'+1", "'\u200b=1+1"),
    )
    assert row["Sentence of the practice"] == "'\t=1"
    assert row["Part of the question that it answers"] == "'＝1"
    assert row["Note"] == CONTROLS
    assert row["Target groups"] == RIGHT_TO_LEFT
    assert row["Question"] == f"lone \ufffd surrogate, {CONTROLS}, \ufffe"


@given(question=ANY_TEXT)
def test_any_text_survives_the_csv_apart_from_the_apostrophe(question: str) -> None:
    (row,) = csv_rows(to_csv(briefing([entry(SOURCED)], question=question), ENGLISH))

    whole = re.sub("[\ud800-\udfff]", "\ufffd", question)
    assert row["Question"] in (whole, f"'{whole}")
    assert not row["Question"].lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))


def test_the_workbook_shows_the_same_practices_with_numbers_as_numbers() -> None:
    made = briefing()

    for cells, row in zip(practices_sheet(to_xlsx(made, ENGLISH)), csv_rows(to_csv(made, ENGLISH)), strict=True):
        numbers = {title: cells.pop(title) for title in ("Rank", "Confidence (0 to 1)")}
        assert numbers == {title: float(row.pop(title)) for title in numbers}
        assert cells == {title: text for title, text in row.items() if text or title in cells}


def test_the_second_sheet_says_how_the_list_was_made() -> None:
    about = sheets(to_xlsx(briefing(), ENGLISH))["About this list"]

    assert [(row["A"], row["B"]) for row in about] == [
        ("Question", QUESTION),
        ("Verdict", "These practices fit the question."),
        ("Filters", "Country: Germany; Status: Running"),
        ("Address", ADDRESS),
        ("Date", "25 November 2026"),
        ("Release", "20261125-7f3a"),
        ("Language model", "words"),
        (
            "How this list was made",
            "The question was compared in meaning and words with 1,234 practices as the catalogue describes them.\n"
            "Confidence is an estimated probability that a practice is relevant to the question; "
            "it does not say how good the practice is.\n"
            "The texts of the practices are the catalogue's own.\n"
            "Check the sources before you rely on a practice.",
        ),
    ]


def test_a_shortlist_says_that_its_practices_were_chosen() -> None:
    *_, made = sheets(to_xlsx(SHORTLIST, ENGLISH))["About this list"]

    assert made["B"].splitlines() == [
        "These practices were chosen from a catalogue of 1,234 practices.",
        "The texts of the practices are the catalogue's own.",
        "Check the sources before you rely on a practice.",
    ]


def test_the_head_of_the_workbook_stays_in_sight_and_filters() -> None:
    with ZipFile(io.BytesIO(to_xlsx(briefing(), ENGLISH))) as file:
        sheet = ElementTree.fromstring(file.read("xl/worksheets/sheet1.xml"))

    assert sheet.find(f".//{MAIN}pane").get("state") == "frozen"
    assert sheet.find(f".//{MAIN}pane").get("ySplit") == "1"
    assert sheet.find(f"{MAIN}autoFilter").get("ref") == "A1:AE3"


def test_hostile_texts_are_text_in_the_workbook_and_no_link_is_made() -> None:
    content = to_xlsx(hostile_briefing(), ENGLISH)

    (cells,) = practices_sheet(content)
    assert cells["Title"] == HOSTILE.title
    assert cells["Original title"] == '=HYPERLINK("http://x")'
    assert cells["Sentence of the practice"] == "\t=1"
    assert cells["Note"] == re.sub("[\x00-\x1f]", "\ufffd", CONTROLS)
    assert cells["Question"] == f"lone \ufffd surrogate, {cells['Note']}, \ufffd"
    assert cells["Results"] == "<r><t>; _x0041_"
    with ZipFile(io.BytesIO(content)) as file:
        assert "xl/worksheets/_rels/sheet1.xml.rels" not in file.namelist()


def test_a_text_between_the_tags_of_rich_text_is_escaped() -> None:
    made = briefing([entry(SOURCED.model_copy(update={"note": "<r><t>&</r>"}))])

    assert practices_sheet(to_xlsx(made, ENGLISH))[0]["Note"] == "<r><t>&</r> "


def test_a_text_longer_than_a_cell_is_cut_with_a_mark() -> None:
    # An emoji counts twice in Excel: 6,000 times 'long 😀 ' are 48,000 of its characters.
    cells = practices_sheet(to_xlsx(briefing([entry(HOSTILE)]), ENGLISH))[0]

    mark = f"… (cut; whole text at {ADDRESS})"
    assert cells["Summary"].endswith(mark)
    assert HOSTILE.summary.startswith(cells["Summary"].removesuffix(mark))
    assert LONGEST_CELL - 1 <= len(cells["Summary"].encode("utf-16-le")) // 2 <= LONGEST_CELL


@pytest.mark.parametrize(("length", "is_cut"), [(LONGEST_CELL, False), (LONGEST_CELL + 1, True)])
def test_a_text_that_just_fits_is_not_cut(length: int, is_cut: bool) -> None:  # noqa: FBT001
    made = briefing([entry(SOURCED.model_copy(update={"note": "n" * length}))])

    note = practices_sheet(to_xlsx(made, ENGLISH))[0]["Note"]
    assert len(note) == LONGEST_CELL
    assert ("cut" in note) is is_cut


def test_an_address_longer_than_a_cell_is_cut_too_and_is_in_no_mark() -> None:
    made = briefing([entry(HOSTILE)], address=f"{ADDRESS}{'x' * 50_000}")

    cells = practices_sheet(to_xlsx(made, ENGLISH))[0]
    for title in ("Summary", "Address"):
        assert cells[title].endswith("… (cut; the CSV file has the whole text)")
    assert csv_rows(to_csv(made, ENGLISH))[0]["Address"] == made.address


@pytest.mark.parametrize("words", [*map(wording, LANGUAGES), LoudWording("de")], ids=lambda words: words.language)
def test_sheets_have_two_names_that_excel_takes_in_every_language(words: Wording) -> None:
    names = list(sheets(to_xlsx(briefing(), words)))

    assert len({name.casefold() for name in names}) == 2
    for name in names:
        assert 0 < len(name) <= LONGEST_SHEET_NAME
        assert not set(name) & set("[]:*?/\\")
        assert name == name.strip("' ")


def test_an_answer_without_practices_is_a_workbook_with_a_head() -> None:
    found = sheets(to_xlsx(EMPTY, ENGLISH))

    assert [len(rows) for rows in found.values()] == [1, 8]
    assert found["Practices"][0]["C"] == "Title"


def test_the_same_briefing_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = to_csv(briefing(), ENGLISH), to_xlsx(briefing(), ENGLISH)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)

    assert (to_csv(briefing(), ENGLISH), to_xlsx(briefing(), ENGLISH)) == before
    assert to_xlsx(briefing(made_on=date(2027, 1, 1)), ENGLISH) != before[1]
    with ZipFile(io.BytesIO(before[1])) as file:
        assert {part.date_time for part in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"2026-11-25T00:00:00Z" in file.read("docProps/core.xml")


@settings(max_examples=40, deadline=None)
@given(question=ANY_TEXT, label=ANY_TEXT)
def test_any_text_gives_a_workbook_of_well_formed_xml(question: str, label: str) -> None:
    made = briefing(small_entries()[:1], question=question, filters=(("Region", label),), address=question)

    cells = practices_sheet(to_xlsx(made, ENGLISH))[0]
    shown = re.sub("\r\n?", "\n", question)
    shown = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "\ufffd", shown)
    assert cells.get("Question", "") == shown
