"""An answer to take along: the question, the practices, why they are there, and how the list was made."""

from dataclasses import dataclass
from datetime import date

from indexer.practice import Practice
from service.facts import Fact
from service.schemas import HitModel


@dataclass(frozen=True, slots=True)
class BriefingEntry:
    """One practice of a briefing, its facts in the reader's language, and the hit where it answers a question."""

    practice: Practice
    facts: tuple[Fact, ...]
    hit: HitModel | None


@dataclass(frozen=True, slots=True)
class Briefing:
    """What a download says. `question` and `verdict` are empty where a shortlist was made without a question.

    `filters` holds title and label of each condition, in the reader's language; `address` is the page that shows the
    same; `catalogue_size` counts all practices of the release.
    """

    question: str
    verdict: str
    filters: tuple[tuple[str, str], ...]
    entries: tuple[BriefingEntry, ...]
    address: str
    made_on: date
    release_id: str
    encoder: str
    catalogue_size: int
