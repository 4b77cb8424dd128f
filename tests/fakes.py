"""A meaningful encoder without weights, and a small catalogue that can be checked by hand."""

import hashlib
from collections.abc import Sequence

import numpy as np

from indexer.encoder import Embeddings, unit_rows
from indexer.practice import Practice
from indexer.probes import Probe
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
