"""Briefings made by hand: of the small catalogue, and one whose texts try to break what they are written to."""

from collections.abc import Sequence
from datetime import date

from indexer.practice import Practice, Result, Source
from service.downloads.briefing import Briefing, BriefingEntry
from service.facts import facts_of
from service.schemas import ExplanationModel, HitModel, PracticeSummary, SpanModel
from service.wording import wording
from tests.facet_tables import facet_table
from tests.fakes import PRACTICES, VOCABULARY

QUESTION = "Our apprentices think of quitting. Who could talk with them?"
PART = "Our apprentices think of quitting."
ADDRESS = "https://practices.example/search?q=apprentices"

CONTROLS = "bell \x07 escape \x1b null \x00 end"
RIGHT_TO_LEFT = "\u202eright to left\u202c and \u200fmark"

SOURCED = PRACTICES[0].model_copy(
    update={
        "language": "en",
        "original_title": "Meister als Mentoren",
        "region": "Saxony",
        "target_group_note": "Those in their first year",
        "evidence_note": "A survey of 2012",
        "note": "The site has moved.",
        "results": (Result(text="Nine of ten stayed.", source="https://results.example/2012"),),
        "sources": (
            Source(url="https://one.example/a?b=1&c=2", note="the programme's site"),
            Source(url="two, in print"),
        ),
    }
)

HOSTILE = Practice(
    id="hostile",
    title="<script>alert(\"x\")</script> 'q' " + "very long " * 1_000,
    original_title='=HYPERLINK("http://x")',
    summary="long 😀 " * 6_000,
    description="d" * 40_000,
    country="EU",
    region="@SUM(1)",
    period="-1",
    organisation="+1",
    funding="\u200b=1+1",
    note=CONTROLS,
    target_group_note=RIGHT_TO_LEFT,
    results=(Result(text="<r><t>", source="javascript:alert(1)"), Result(text="_x0041_")),
    sources=(
        Source(url="javascript:alert(1)"),
        Source(url='https://quote.example/"><w:p/>'),
        Source(url="http://[broken"),
        Source(url="=1"),
    ),
)


def entry(
    practice: Practice, *, rank: int = 1, confidence: float | None = 0.8183, sentence: str = "", part: str = PART
) -> BriefingEntry:
    """Return an entry that answers a question."""
    explanation = ExplanationModel(
        sentence=SpanModel(text=sentence, start=0, end=len(sentence)),
        answers=SpanModel(text=part, start=0, end=len(part)),
        shared=(),
    )
    hit = HitModel(
        rank=rank,
        score=0.4,
        confidence=confidence,
        practice=PracticeSummary.model_validate(practice),
        explanation=explanation,
    )
    return BriefingEntry(practice, tuple(facts(practice)), hit)


def facts(practice: Practice, language: str = "en") -> list:
    return facts_of(practice, facet_table(PRACTICES, VOCABULARY), wording(language))


def briefing(entries: Sequence[BriefingEntry] | None = None, **changes: object) -> Briefing:
    fields: dict[str, object] = {
        "question": QUESTION,
        "verdict": "These practices fit the question.",
        "filters": (("Country", "Germany"), ("Status", "Running")),
        "entries": tuple(small_entries() if entries is None else entries),
        "address": ADDRESS,
        "made_on": date(2026, 11, 25),
        "release_id": "20261125-7f3a",
        "encoder": "words",
        "catalogue_size": 1234,
    }
    return Briefing(**(fields | changes))


def small_entries() -> list[BriefingEntry]:
    return [
        entry(SOURCED, sentence="Retired masters mentor apprentices who think of quitting."),
        entry(PRACTICES[3], rank=2, confidence=0.2, sentence="They offer coffee first and a course later."),
    ]


def hostile_briefing() -> Briefing:
    return briefing(
        [entry(HOSTILE, sentence="\t=1", part="＝1")],
        question=f"lone \ud800 surrogate, {CONTROLS}, \ufffe",
        filters=(("Region", "@SUM(1)"),),
        address="javascript:alert(1)",
    )


SHORTLIST = briefing(
    [BriefingEntry(PRACTICES[1], tuple(facts(PRACTICES[1])), None)], question="", verdict="", filters=()
)
EMPTY = briefing([], verdict="Nothing in this catalogue fits the question.")
