"""A meaningful encoder without weights, and a small catalogue that can be checked by hand."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from indexer.encoder import Embeddings, unit_rows
from indexer.passages import practice_text
from indexer.practice import Practice
from indexer.practice_table import PracticeTable, write_practice_table
from indexer.probes import Probe, RoleExample
from indexer.registry import EncoderSpec
from indexer.source import CatalogueSource
from indexer.thesaurus import fold

DIM = 4096


def fake_spec(name: str = "words", **changes: object) -> EncoderSpec:
    fields: dict[str, object] = {
        "name": name,
        "description": "words hashed to dimensions",
        "languages": "any",
        "licence": "none",
        "revision": "1",
        "dim": DIM,
        "max_tokens": 24,
        "pooling": "mean",
        "query_prompt": "",
        "document_prompt": "",
        "files": {},
    }
    return EncoderSpec.model_validate(fields | changes)


class WordEncoder:
    """Texts that share words are near: each word adds one to a dimension that its hash chooses."""

    def __init__(self, spec: EncoderSpec | None = None) -> None:
        self.spec = spec or fake_spec()
        self.encoded: list[str] = []
        self.folder = None  # nothing of it can be taken along

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def encode_documents(self, texts: Sequence[str]) -> Embeddings:
        self.encoded.extend(texts)
        rows = np.zeros((len(texts), self.spec.dim), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in fold(text).split():
                stripped = word.strip(".,;:!?()„“\"'")
                row[int.from_bytes(hashlib.sha256(stripped.encode()).digest()[:4], "big") % self.spec.dim] += 1
        return unit_rows(rows)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        return self.encode_documents(texts)


PRACTICES = (
    Practice(
        id="mentors",
        title="Senior mentors",
        summary="Retired masters mentor apprentices who think of quitting.",
        description="Each apprentice meets one retired master every week. The master listens and gives advice.",
        country="DE",
        approaches=("mentoring",),
        target_groups=("apprentices",),
        status="running",
        start_year=2008,
        evidence_level=2,
        effect="positive",
    ),
    Practice(
        id="second-school",
        title="Second chance school",
        summary="A school for adults without a certificate.",
        description="Adults return to class in the evening. The certificate opens vocational schools.",
        country="GR",
        approaches=("second-chance",),
        target_groups=("adults",),
        status="running",
        start_year=2003,
        evidence_level=0,
    ),
    Practice(
        id="absence-call",
        title="Absence follow-up",
        summary="Schools phone pupils on the first day of absence.",
        description="A nurse talks with pupils who are often sick. Parents are told the same day.",
        country="NL",
        approaches=("absence-management", "health-support"),
        target_groups=("vet-learners",),
        status="ended",
        start_year=2012,
        end_year=2016,
        evidence_level=3,
        effect="mixed",
    ),
    Practice(
        id="street-work",
        title="Street work",
        summary="Youth workers look for young people without work or school.",
        description="They visit homes and squares. They offer coffee first and a course later.",
        country="DE",
        approaches=("outreach", "mentoring"),
        target_groups=("neets",),
        status="unknown",
    ),
)

VOCABULARY = {
    "approaches": {
        "mentoring": "Mentoring",
        "second-chance": "Second-chance education",
        "absence-management": "Managing absence",
        "health-support": "Health support",
        "outreach": "Outreach",
    }
}
THESAURUS = {"apprentices": {"de": ["lehrling*", "azubi*"]}, "absence": {"de": ["schulschwänz*"], "fr": ["absence*"]}}
PROBES = (
    Probe(text="who helps pupils that are often away", language="en", kind="on-topic"),
    Probe(text="where can adults learn again", language="en", kind="on-topic"),
    Probe(text="what does a plumber earn", language="en", kind="near-topic"),
    Probe(text="recipe for apple cake", language="en", kind="off-topic"),
)


def small_source(practices: Sequence[Practice] = PRACTICES) -> CatalogueSource:
    return CatalogueSource("small.jsonl", practices, VOCABULARY, THESAURUS, PROBES)


def practice_table(folder: Path, practices: Sequence[Practice] = PRACTICES) -> PracticeTable:
    """Return the practices as a release in `folder` would hold them."""
    write_practice_table(folder, practices)
    return PracticeTable(folder)


ELSEWHERE = (
    "Beat the eggs with sugar and bake the cake until golden. Peel two onions and fry them slowly in butter.",
    "The goalkeeper saved a penalty and the striker scored twice. Tickets for the cup final sold out quickly.",
    "Rain moves east tonight while strong wind reaches the coast. Temperatures fall below zero near the mountains.",
    "Connect the printer by cable before installing its driver. Restart your laptop when the screen stays black.",
)
"""Texts that share hardly a word with the small catalogue."""

ROLES = (
    RoleExample(text="our apprentices are young adults from the squares", language="en", role="who"),
    RoleExample(text="my pupils are sixteen and live without parents", language="en", role="who"),
    RoleExample(text="because they are sick and quarrel at home", language="en", role="why"),
    RoleExample(text="because nobody listens they think of quitting", language="en", role="why"),
    RoleExample(text="we need a master who gives advice every week", language="en", role="what"),
    RoleExample(text="we need a school in the evening for them", language="en", role="what"),
    RoleExample(text="good morning and many thanks", language="en", role="other"),
    RoleExample(text="with kind regards and many thanks", language="en", role="other"),
)


def calibrated_source(practices: Sequence[Practice] = PRACTICES) -> CatalogueSource:
    """Return a source with enough judged probes for a calibration: each asks with words of a practice, or of no one."""
    on_topic = [
        Probe(text=text, language="en", kind="on-topic", relevant=(practice.id,))
        for practice in practices
        for text in _stretches(practice_text(practice))
    ]
    elsewhere = [
        Probe(text=text, language="en", kind="off-topic" if number % 2 else "near-topic")
        for number, text in enumerate(stretch for text in ELSEWHERE for stretch in _stretches(text))
    ]
    return CatalogueSource("calibrated.jsonl", practices, VOCABULARY, THESAURUS, (*on_topic, *elsewhere), ROLES)


def _stretches(text: str) -> list[str]:
    """Return the runs of six words of a text, each begun two words after the one before."""
    words = fold(text).replace(".", "").split()
    return [" ".join(words[start : start + 6]) for start in range(0, max(1, len(words) - 5), 2)]
