"""Probabilities and verdicts by hand, on a calibration of round numbers."""

import math

import numpy as np
import pytest

from indexer.calibration import Calibration, HitCalibration
from indexer.linear_head import LinearHead
from service.confidence import Confidence

CALIBRATION = Calibration(spread=0.1, hit=HitCalibration(bias=-2.0, score=1.0, topic=0.5))
HEAD = LinearHead(np.array([[2, -1, 0.25]], dtype=np.float32))


def sigmoid(logit):
    return 1 / (1 + math.exp(-logit))


def logit(probability):
    return math.log(probability / (1 - probability))


@pytest.fixture(autouse=True)
def limits(monkeypatch):
    """Fix the limits of a verdict, whatever is chosen on our own questions."""
    monkeypatch.setattr("service.confidence.NONE_BELOW", 0.4)
    monkeypatch.setattr("service.confidence.GOOD_FROM", 0.65)
    monkeypatch.setattr("service.confidence.GOOD_HIT_FROM", 0.25)


@pytest.fixture
def confidence():
    return Confidence(CALIBRATION, HEAD)


def scores(*values):
    return np.array(values, dtype=np.float32)


def test_the_topic_of_a_question_is_what_the_head_says(confidence):
    assert confidence.topic(scores(0.6, 0.8)) == pytest.approx(2 * 0.6 - 0.8 + 0.25)


@pytest.mark.parametrize(
    ("embedding", "name", "share", "expected"),
    [
        pytest.param((-1, 0), 0.49, 0.49, -1.75, id="a weak name raises nothing"),
        pytest.param((-1, 0), 0.5, 0.49, logit(0.4), id="a name among other words keeps a question from refusal"),
        pytest.param((-1, 0), 0.5, 0.5, logit(0.65), id="a name alone makes a good question"),
        pytest.param((1, 0), 1.0, 1.0, 2.25, id="a name lowers nothing"),
    ],
)
def test_a_question_that_names_a_practice_is_on_the_topic(confidence, embedding, name, share, expected):
    assert confidence.topic(scores(*embedding), name=name, named_share=share) == pytest.approx(expected)


def test_the_confidence_of_a_hit_is_by_score_in_spreads_and_topic(confidence):
    # log-odds -2 + score / .1 + .5 * topic
    found = confidence.of_hits(scores(0.3, 0.2, -0.1), 2.0)
    assert found.tolist() == pytest.approx([sigmoid(2), sigmoid(1), sigmoid(-2)], rel=1e-5)
    found = confidence.of_hits(scores(0.3), -4.0)
    assert found.tolist() == pytest.approx([sigmoid(-1)], rel=1e-5)


def test_no_hits_have_no_confidences(confidence):
    assert confidence.of_hits(scores(), 2.0).tolist() == []


@pytest.mark.parametrize(
    ("topic", "best", "expected"),
    [
        (logit(0.399), 0.99, "none"),
        (logit(0.401), 0.99, "weak"),
        (logit(0.649), 0.99, "weak"),
        (logit(0.651), 0.99, "good"),
        (logit(0.651), 0.25, "good"),
        (logit(0.651), 0.2499, "weak"),
        (logit(0.99), 0.0, "weak"),
        (logit(0.401), 0.0, "weak"),
        (-9.0, 1.0, "none"),
        (9.0, 1.0, "good"),
    ],
)
def test_the_verdict_needs_the_topic_first_and_then_a_hit(confidence, topic, best, expected):
    assert confidence.verdict(topic, best) == expected


def test_a_question_that_names_a_practice_is_never_refused(confidence):
    assert confidence.verdict(confidence.topic(scores(-3, 1)), 0.9) == "none"
    assert confidence.verdict(confidence.topic(scores(-3, 1), name=0.8), 0.9) == "weak"
    assert confidence.verdict(confidence.topic(scores(-3, 1), name=0.8, named_share=0.8), 0.9) == "good"


def test_nothing_is_said_of_a_question_without_any_hit(confidence):
    assert confidence.verdict(2.0, None) is None


def test_without_a_calibration_everything_is_unknown():
    unknown = Confidence(Calibration(spread=0.1), None)
    assert unknown.topic(scores(0.6, 0.8), name=1.0, named_share=1.0) is None
    assert unknown.of_hits(scores(0.3), None) is None
    assert unknown.of_hits(scores(0.3), 2.0) is None
    assert unknown.verdict(None, 0.9) is None
    assert Confidence(CALIBRATION, None).of_hits(scores(0.3), None) is None


def test_the_limits_leave_room_for_a_weak_answer(monkeypatch):
    monkeypatch.undo()
    from service.confidence import GOOD_FROM, GOOD_HIT_FROM, NONE_BELOW

    assert 0 < NONE_BELOW < GOOD_FROM < 1
    assert 0 < GOOD_HIT_FROM < 1
