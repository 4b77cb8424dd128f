"""Compare two releases: their practices, their answers to some questions, and how good these are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from indexer.encoder import Encoder
from indexer.practice import Practice
from indexer.practice_table import PracticeTable
from service.collection import Collection
from service.retriever import Retriever

_TOP = 5
_KNOWN_ITEMS = 200  # practices whose title is asked for, spread evenly


@dataclass(frozen=True, slots=True)
class PracticeChanges:
    """Ids of practices in the order of the catalogue; of a changed one the fields that differ too."""

    added: Sequence[str]
    changed: Mapping[str, Sequence[str]]
    removed: Sequence[str]

    def why(self, practice_id: str) -> str:
        """Return in words, behind a blank, what happened to a practice; empty where only its place changed."""
        if practice_id in self.added:
            return " (new)"
        if practice_id in self.removed:
            return " (removed)"
        fields = self.changed.get(practice_id)
        return f" (changed: {', '.join(fields)})" if fields else ""


@dataclass(frozen=True, slots=True)
class AnswerChange:
    """A question whose first five practices are not the same any more, `left` and `came` in their order."""

    text: str
    left: Sequence[str]
    came: Sequence[str]


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the answers of a release are.

    `ndcg` is the mean nDCG@10 of the judged questions, None where there are none or none of the judged practices is in
    the release; `known_items` the share of practices that come first when their title is asked for.
    """

    ndcg: float | None
    known_items: float


def practice_changes(old: Sequence[Practice], new: Sequence[Practice]) -> PracticeChanges:
    """Return how the practices of two releases differ, by their ids."""
    before, after = ({practice.id: practice for practice in practices} for practices in (old, new))
    return PracticeChanges(
        added=[one for one in after if one not in before],
        changed={
            one: [field for field, value in practice if value != getattr(before[one], field)]
            for one, practice in after.items()
            if one in before and before[one] != practice
        },
        removed=[one for one in before if one not in after],
    )


def answer_changes(judged: Collection, old: "AskedRelease", new: "AskedRelease") -> Iterator[AnswerChange]:
    """Yield the questions that the two releases answer with other practices among the first five."""
    for query, before, after in zip(judged.queries, old.firsts(judged), new.firsts(judged), strict=True):
        if set(before) != set(after):
            left, came = [one for one in before if one not in after], [one for one in after if one not in before]
            yield AnswerChange(query.text, left, came)


@dataclass(frozen=True, slots=True)
class AskedRelease:
    """A release to ask, and the encoder that it is asked with."""

    retriever: Retriever
    encoder: Encoder

    @property
    def practices(self) -> PracticeTable:
        """Return the practices of the release."""
        return self.retriever.release.parts.practices

    def firsts(self, judged: Collection) -> list[list[str]]:
        """Return the ids of the first five practices for each question."""
        return self.asked([query.text for query in judged.queries])

    def quality(self, judged: Collection) -> Quality:
        """Return how good the answers to judged questions and to titles are."""
        from service.evaluate import MAIN_MEASURE, search_all, values_by_query  # noqa: PLC0415  extra `evaluate`

        practices = self.practices
        some = practices[:: -(-len(practices) // _KNOWN_ITEMS)]
        answers = self.asked([practice.title for practice in some])
        known = sum(practice.id == ids[0] for practice, ids in zip(some, answers, strict=True) if ids)
        judged_ids = {one for judgements in judged.qrels.values() for one in judgements}
        if not any(practices.row(one) is not None for one in judged_ids):
            return Quality(None, known / len(some))
        values = values_by_query(judged, search_all(judged.queries, self.retriever, self.encoder))
        return Quality(sum(one[MAIN_MEASURE] for one in values.values()) / len(values), known / len(some))

    def asked(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the ids of the first five practices for each text."""
        questions = [self.retriever.understand(text) for text in texts]
        embeddings = self.encoder.encode_queries([question.whole.encoder_text for question in questions])
        return [
            [hit.practice.id for hit in self.retriever.rank(question, embedding[None, :], top_k=_TOP)]
            for question, embedding in zip(questions, embeddings, strict=True)
        ]
