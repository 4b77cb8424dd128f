"""Turn a briefing into a Word document to read, print and pass on."""

from indexer.practice import Practice
from service.downloads.briefing import Briefing, BriefingEntry
from service.downloads.docx_file import Block, Line, Piece, Table, write_docx
from service.downloads.imprint import (
    ANSWERS_TITLE,
    SENTENCE_TITLE,
    address_title,
    fact_text,
    filters_text,
    how_it_was_made,
    where_it_came_from,
)
from service.phrases import confidence_phrase, field_title
from service.schemas import ExplanationModel
from service.wording import Wording

_FACTS_IN_SHORT = ("country", "region", "period", "status")


def to_docx(briefing: Briefing, wording: Wording) -> bytes:
    """Return the briefing as a Word document in the language of `wording`; the same briefing gives the same bytes."""
    title = (
        wording.gettext("Practices for your question") if briefing.question else wording.gettext("Selected practices")
    )
    blocks: list[Block] = [_line(title, "Title"), *_opening(briefing, wording)]
    for place, entry in enumerate(briefing.entries, start=1):
        blocks += _chapter(place, entry, wording)
    blocks += _closing(briefing, wording)
    return write_docx(blocks, title=title, language=wording.language, made_on=briefing.made_on)


def _opening(briefing: Briefing, wording: Wording) -> list[Block]:
    blocks: list[Block] = [_line(briefing.question, "Quote")] if briefing.question else []
    if briefing.verdict:
        blocks.append(Line((Piece(briefing.verdict, is_bold=True),)))
    if briefing.filters:
        blocks.append(_titled(wording.gettext("Filters"), filters_text(briefing)))
    return blocks


def _chapter(place: int, entry: BriefingEntry, wording: Wording) -> list[Block]:
    """Return the blocks of one practice. `place` counts from 1."""
    practice, hit = entry.practice, entry.hit
    language = practice.language
    blocks: list[Block] = [Line((Piece(f"{place}. "), Piece(practice.title, language=language)), "Heading 1")]
    if practice.original_title is not None and practice.original_title != practice.title:
        blocks.append(_line(practice.original_title, "Subtitle"))
    if hit is not None and hit.confidence is not None:
        phrase = f"{confidence_phrase(hit.confidence, wording)} ({wording.percent(hit.confidence)})"
        blocks.append(Line((Piece(phrase, is_bold=True),)))
    in_short = [value for fact in entry.facts if fact.field in _FACTS_IN_SHORT for value in fact.values]
    if in_short:
        blocks.append(_line(" · ".join(in_short)))
    if practice.summary is not None:
        blocks.append(_line(practice.summary, language=language))
    if hit is not None and hit.explanation is not None:
        blocks.append(_side_by_side(hit.explanation, language, wording))
    told = [fact for fact in entry.facts if fact.field not in (*_FACTS_IN_SHORT, "results") and fact_text(fact)]
    blocks += [_titled(fact.title, fact_text(fact), None if fact.is_coded else language) for fact in told]
    if practice.note is not None:
        blocks.append(_titled(field_title("note", wording), practice.note, language=language))
    return [*blocks, *_results(practice, wording), *_sources(practice, wording)]


def _side_by_side(explanation: ExplanationModel, language: str | None, wording: Wording) -> Table:
    heads = (wording.gettext(ANSWERS_TITLE), wording.gettext(SENTENCE_TITLE))
    return Table(
        (
            tuple(Piece(head, is_bold=True) for head in heads),
            (Piece(explanation.answers.text), Piece(explanation.sentence.text, language=language)),
        )
    )


def _results(practice: Practice, wording: Wording) -> list[Block]:
    if not practice.results:
        return []
    blocks: list[Block] = [_line(field_title("results", wording), "Heading 2")]
    for result in practice.results:
        pieces = [Piece(result.text, language=practice.language)]
        if result.source is not None:
            pieces += [Piece(" "), Piece(result.source, address=result.source)]
        blocks.append(Line(tuple(pieces), "List Bullet"))
    return blocks


def _sources(practice: Practice, wording: Wording) -> list[Block]:
    if not practice.sources:
        return []
    blocks: list[Block] = [_line(field_title("sources", wording), "Heading 2")]
    for source in practice.sources:
        note = () if source.note is None else (Piece(f" ({source.note})", language=practice.language),)
        blocks.append(Line((Piece(source.url, address=source.url), *note), "List Bullet"))
    return blocks


def _closing(briefing: Briefing, wording: Wording) -> list[Block]:
    return [
        _line(wording.gettext("How this list was made"), "Heading 1"),
        *(_line(sentence) for sentence in how_it_was_made(briefing, wording)),
        Line((Piece(f"{address_title(wording)}: ", is_bold=True), Piece(briefing.address, address=briefing.address))),
        *(_titled(title, text) for title, text in where_it_came_from(briefing, wording)),
    ]


def _line(text: str, style: str = "Normal", language: str | None = None) -> Line:
    return Line((Piece(text, language=language),), style)


def _titled(title: str, text: str, language: str | None = None) -> Line:
    return Line((Piece(f"{title}: ", is_bold=True), Piece(text, language=language)))
