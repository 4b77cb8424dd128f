"""Turn questions on and off the topic of a catalogue into measures of the verdicts that they get."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from indexer.encoder import Encoder
from service.collection import Collection, JudgedQuery, read_verdict_questions
from service.confidence import Verdict
from service.retriever import Retriever

ELSEWHERE = ("near-topic", "off-topic")
"""Kinds of questions that no practice answers: the first in words of the topic, the second in no way."""

UNDETERMINED = "und"
"""Language of a question that is in none (ISO 639-2)."""


class Asked(NamedTuple):
    """A question with its log-odds to be on the topic and its verdict."""

    query: JudgedQuery
    topic: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class VerdictMeasurement:
    """How well verdicts tell questions on the topic from others, for one group of questions.

    `auroc` is that of the log-odds, over all questions of the group. `precision` and `recall` are those of the verdict
    `none` for questions from elsewhere; `refused` is the share of questions on the topic that get it. `good` says which
    share of the questions of each kind is called good.
    """

    group: str
    questions: int
    languages: int
    auroc: float
    precision: float
    recall: float
    refused: float
    good: dict[str, float]


def ask_all(queries: Sequence[JudgedQuery], retriever: Retriever, encoder: Encoder) -> list[Asked]:
    """Return the verdict of every question; none where the release has no calibration."""
    questions = [retriever.understand(query.text) for query in queries]
    embeddings = encoder.encode_queries([question.whole.encoder_text for question in questions])
    asked = []
    for query, question, embedding in zip(queries, questions, embeddings, strict=True):
        topic = retriever.topic(question, embedding[None, :])
        hits = retriever.rank_part(question, question.whole, embedding, topic, top_k=1)
        verdict = retriever.verdict(topic, hits)
        if topic is not None and verdict is not None:
            asked.append(Asked(query, topic, verdict))
    return asked


def verdict_questions(collection: Collection) -> dict[str, list[JudgedQuery]]:
    """Return group -> questions to measure verdicts with; none of a collection without questions from elsewhere.

    `tuning` are the questions that everything was chosen by, translations among them, and `thresholds` those that only
    the limits of the verdict were chosen by; nothing was chosen by `held-out`.
    """
    if not any(query.kind in ELSEWHERE for query in collection.queries):
        return {}
    return {
        "tuning": [query for query in collection.queries if not query.is_held_out],
        "thresholds": [query for query in collection.queries if query.is_held_out],
        "held-out": read_verdict_questions(),
    }


def measure_verdicts(group: str, asked: Sequence[Asked]) -> VerdictMeasurement | None:
    """Return how well a group of questions is told apart; None where it lacks questions of one of the two sorts."""
    if len({one.query.kind in ELSEWHERE for one in asked}) < 2:
        return None
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415  only a measurement needs it

    is_on_topic = [one.query.kind not in ELSEWHERE for one in asked]
    none = Counter(on for one, on in zip(asked, is_on_topic, strict=True) if one.verdict == "none")
    kinds = Counter(one.query.kind for one in asked)
    good = Counter(one.query.kind for one in asked if one.verdict == "good")
    on_topic = sum(is_on_topic)
    return VerdictMeasurement(
        group=group,
        questions=len(asked),
        languages=len({one.query.language for one in asked} - {UNDETERMINED}),
        auroc=float(roc_auc_score(is_on_topic, [one.topic for one in asked])),
        precision=none[False] / none.total() if none else 1.0,
        recall=none[False] / (len(asked) - on_topic),
        refused=none[True] / on_topic,
        good={kind: good[kind] / count for kind, count in sorted(kinds.items())},
    )
