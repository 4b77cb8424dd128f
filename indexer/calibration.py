"""Turn judged probe questions into a calibration: how likely a question fits the catalogue, and a hit a question."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
import numpy.typing as npt

from indexer.encoder import Embeddings
from indexer.fusion import fused
from indexer.linear_head import LinearHead, fit_head, held_out_logits
from indexer.practice_table import PracticeTable
from indexer.probes import Probe
from indexer.question import Question
from indexer.scoring import Scorer, called_at

TOPIC_CLASSES = ("elsewhere", "on-topic")

_MAX_PRACTICES = 2_000  # practices that a probe is compared with; more change nothing, and a build stays bounded
_MIN_PROBES = 20  # of each class; a calibration of fewer would be worth nothing


@dataclass(frozen=True, slots=True)
class HitCalibration:
    """log-odds that a hit is relevant = `bias` + `score` * score / spread + `topic` * log-odds of the question."""

    bias: float
    score: float
    topic: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What makes scores comparable. `spread` is the standard deviation of the dense scores of typical questions.

    `hit` is None where the catalogue has no probes with judgements: then nothing is said about confidence. `probes`
    says how many questions of each kind it was fitted on, `auroc` how well questions on the topic are told from the
    others by a model that has not seen them.
    """

    spread: float
    hit: HitCalibration | None = None
    probes: dict[str, int] | None = None
    auroc: float | None = None


def dense_spread(scorer: Scorer, size: int, embeddings: Embeddings) -> float:
    """Return the mean standard deviation over `size` practices of the dense scores of typical questions (k, dim).

    1 where there is nothing to compare.
    """
    rows = _some_rows(size)
    spreads = [float(scores.std()) for scores in scorer.dense_of_many(rows, _centred(scorer, embeddings))]
    return float(np.mean(spreads)) if any(spreads) else 1.0


def can_be_fitted(probes: Sequence[Probe]) -> bool:
    """Say whether there are enough probes that a practice answers, and enough others, for a calibration."""
    answered = sum(probe.kind == "on-topic" and bool(probe.relevant) for probe in probes)
    return min(answered, sum(probe.kind != "on-topic" for probe in probes)) >= _MIN_PROBES


def fit_calibration(
    scorer: Scorer,
    practices: PracticeTable,
    probes: Sequence[Probe],
    questions: Sequence[Question],
    embeddings: Embeddings,
    spread: float,
) -> tuple[Calibration, LinearHead]:
    """Return the calibration, and the head that gives the log-odds of a question to be on the topic.

    `questions` and `embeddings` (n, dim) are those of `probes`. The head is a model of the embedding alone, fitted on
    all probes; the probability of a hit is fitted with log-odds of heads that had not seen the probe, so that it does
    not take the head for surer than it is. A practice that is not judged relevant for a probe counts as not relevant.
    """
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415  only a build needs it

    labels = [TOPIC_CLASSES[probe.kind == "on-topic"] for probe in probes]
    topic = held_out_logits(embeddings, labels, TOPIC_CLASSES)[:, 0]
    judged = np.array([probe.kind != "on-topic" or probe.relevant is not None for probe in probes])
    wanted = [
        np.array([practices.row(one) for one in probe.relevant or ()], dtype=np.int64)
        for probe in compress(probes, judged)
    ]
    rows = np.union1d(_some_rows(len(practices)), np.concatenate(wanted))
    meanings = scorer.dense_of_many(rows, _centred(scorer, embeddings[judged]))
    features, relevant = [], []
    for question, dense, odds, found in zip(compress(questions, judged), meanings, topic[judged], wanted, strict=True):
        words, names = scorer.words(question, question.whole), called_at(rows, scorer.names(question.whole))
        scores = fused(dense, words[rows], names, spread) / spread
        features.append(np.column_stack([scores, np.full(len(rows), odds)]))
        relevant.append(np.isin(rows, found))
    calibration = Calibration(
        spread=spread,
        hit=_fit_hits(np.concatenate(features), np.concatenate(relevant)),
        probes={kind: sum(probe.kind == kind for probe in probes) for kind in sorted({one.kind for one in probes})},
        auroc=round(float(roc_auc_score(np.array(labels) == TOPIC_CLASSES[1], topic)), 4),
    )
    return calibration, fit_head(embeddings, labels, TOPIC_CLASSES)


def _centred(scorer: Scorer, embeddings: Embeddings) -> Embeddings:
    return np.array([scorer.centred(one) for one in embeddings], dtype=np.float32).reshape(embeddings.shape)


def _fit_hits(features: npt.NDArray[np.float64], relevant: npt.NDArray[np.bool_]) -> HitCalibration:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  only a build needs it

    model = LogisticRegression().fit(features, relevant)
    score, topic = (round(float(value), 6) for value in model.coef_[0])
    return HitCalibration(bias=round(float(model.intercept_[0]), 6), score=score, topic=topic)


def _some_rows(size: int) -> npt.NDArray[np.int64]:
    """Return at most `_MAX_PRACTICES` rows, spread evenly."""
    return np.arange(0, size, -(-size // _MAX_PRACTICES) or 1)
