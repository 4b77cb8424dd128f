import io
from datetime import datetime
from xml.etree import ElementTree
from zipfile import ZipFile

import docx
import pytest
from docx.oxml.ns import qn
from hypothesis import given, settings
from hypothesis import strategies as st

from service.downloads.document import to_docx
from service.wording import LANGUAGES, wording
from tests.briefings import (
    ADDRESS,
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
ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=60)


def read(content: bytes) -> docx.document.Document:
    return docx.Document(io.BytesIO(content))


def lines(content: bytes) -> list[tuple[str, str]]:
    """Return style and text of each paragraph."""
    return [(paragraph.style.name, paragraph.text) for paragraph in read(content).paragraphs]


def links(content: bytes) -> list[tuple[str, str]]:
    """Return text and target of each link."""
    return [(link.text, link.address) for paragraph in read(content).paragraphs for link in paragraph.hyperlinks]


def test_a_briefing_reads_from_the_question_to_how_it_was_made() -> None:
    assert lines(to_docx(briefing(small_entries()[:1]), ENGLISH)) == [
        ("Title", "Practices for your question"),
        ("Quote", QUESTION),
        ("Normal", "These practices fit the question."),
        ("Normal", "Filters: Country: Germany; Status: Running"),
        ("Heading 1", "1. Senior mentors"),
        ("Subtitle", "Meister als Mentoren"),
        ("Normal", "Very likely to fit (82%)"),
        ("Normal", "Germany · Saxony · Running"),
        ("Normal", "Retired masters mentor apprentices who think of quitting."),
        ("Normal", "Target groups: apprentices – Those in their first year"),
        ("Normal", "Approaches: Mentoring"),
        ("Normal", "Evidence: Survey or process evaluation – A survey of 2012"),
        ("Normal", "Effect on early leaving: Positive"),
        ("Normal", "Note: The site has moved."),
        ("Heading 2", "Results"),
        ("List Bullet", "Nine of ten stayed. https://results.example/2012"),
        ("Heading 2", "Sources"),
        ("List Bullet", "https://one.example/a?b=1&c=2 (the programme's site)"),
        ("List Bullet", "two, in print"),
        ("Heading 1", "How this list was made"),
        (
            "Normal",
            "The question was compared in meaning and words with 1,234 practices as the catalogue describes them.",
        ),
        (
            "Normal",
            "Confidence is an estimated probability that a practice is relevant to the question; "
            "it does not say how good the practice is.",
        ),
        ("Normal", "The texts of the practices are the catalogue's own."),
        ("Normal", "Check the sources before you rely on a practice."),
        ("Normal", f"Address: {ADDRESS}"),
        ("Normal", "Date: 25 November 2026"),
        ("Normal", "Release: 20261125-7f3a"),
        ("Normal", "Language model: words"),
    ]


def test_the_sentence_of_each_practice_stands_beside_the_part_of_the_question() -> None:
    tables = read(to_docx(briefing(), ENGLISH)).tables

    assert [[[cell.text for cell in row.cells] for row in table.rows] for table in tables] == [
        [
            ["Part of the question that it answers", "Sentence of the practice"],
            [PART, "Retired masters mentor apprentices who think of quitting."],
        ],
        [
            ["Part of the question that it answers", "Sentence of the practice"],
            [PART, "They offer coffee first and a course later."],
        ],
    ]
    assert tables[0].rows[0]._tr.find(f"{qn('w:trPr')}/{qn('w:tblHeader')}") is not None


def test_a_shortlist_without_a_question_has_neither_quote_nor_table() -> None:
    content = to_docx(SHORTLIST, ENGLISH)

    assert lines(content)[:2] == [("Title", "Selected practices"), ("Heading 1", "1. Second chance school")]
    assert ("Normal", "These practices were chosen from a catalogue of 1,234 practices.") in lines(content)
    assert read(content).tables == []


def test_an_answer_without_practices_says_so() -> None:
    assert [text for style, text in lines(to_docx(EMPTY, ENGLISH)) if style == "Heading 1"] == [
        "How this list was made"
    ]
    assert ("Normal", "Nothing in this catalogue fits the question.") in lines(to_docx(EMPTY, ENGLISH))


def test_only_web_addresses_are_links() -> None:
    assert links(to_docx(briefing(), ENGLISH)) == [
        ("https://results.example/2012", "https://results.example/2012"),
        ("https://one.example/a?b=1&c=2", "https://one.example/a?b=1&c=2"),
        (ADDRESS, ADDRESS),
    ]
    assert links(to_docx(hostile_briefing(), ENGLISH)) == []
    assert ("List Bullet", "javascript:alert(1)") in lines(to_docx(hostile_briefing(), ENGLISH))


def test_the_document_is_in_the_language_of_the_reader_and_practices_in_theirs() -> None:
    content = to_docx(briefing([entry(SOURCED)]), wording("de"))

    document = read(content)
    defaults = document.styles.element.find(f"{qn('w:docDefaults')}//{qn('w:lang')}")
    assert defaults.get(qn("w:val")) == "de"
    assert document.core_properties.language == "de"
    spoken = {run.text: run._r.find(f"{qn('w:rPr')}/{qn('w:lang')}") for one in document.paragraphs for run in one.runs}
    assert spoken["Senior mentors"].get(qn("w:val")) == "en"
    assert spoken["25. November 2026"] is None


def test_the_document_names_nobody_and_was_made_on_its_day() -> None:
    properties = read(to_docx(briefing(), ENGLISH)).core_properties

    assert properties.title == "Practices for your question"
    assert (properties.author, properties.last_modified_by, properties.comments) == ("", "", "")
    assert properties.created.replace(tzinfo=None) == properties.modified.replace(tzinfo=None) == datetime(2026, 11, 25)


def test_pages_are_numbered() -> None:
    foot = read(to_docx(briefing(), ENGLISH)).sections[0].footer.paragraphs[0]

    assert foot._p.find(qn("w:fldSimple")).get(qn("w:instr")) == "PAGE"


def test_hostile_texts_are_shown_as_text() -> None:
    found = lines(to_docx(hostile_briefing(), ENGLISH))

    held = "bell \ufffd escape \ufffd null \ufffd end"
    assert ("Heading 1", f"1. {HOSTILE.title}") in found
    assert ("Quote", f"lone \ufffd surrogate, {held}, \ufffd") in found
    assert ("Subtitle", '=HYPERLINK("http://x")') in found
    assert ("Normal", f"Note: {held}") in found
    assert ("Normal", f"Target groups: {RIGHT_TO_LEFT}") in found
    assert ("Normal", HOSTILE.summary) in found


def test_the_same_briefing_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = to_docx(briefing(), ENGLISH)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)

    assert to_docx(briefing(), ENGLISH) == before
    with ZipFile(io.BytesIO(before)) as file:
        assert {part.date_time for part in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_a_document_in_every_language(language: str) -> None:
    assert read(to_docx(briefing(), wording(language))).core_properties.language == language


@settings(max_examples=15, deadline=None)
@given(question=ANY_TEXT, label=ANY_TEXT)
def test_any_text_gives_a_document_of_well_formed_xml(question: str, label: str) -> None:
    made = briefing(small_entries()[:1], question=question, filters=(("Region", label),), address=f"http://{question}")

    with ZipFile(io.BytesIO(to_docx(made, ENGLISH))) as file:
        for name in file.namelist():
            if name.endswith((".xml", ".rels")):
                ElementTree.fromstring(file.read(name))
