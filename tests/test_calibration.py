"""Calibrations against hand-made cases and an oracle: when there is one, its spread, its odds, and what it says."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from indexer.build import build_release
from indexer.calibration import TOPIC_CLASSES, Calibration, HitCalibration, can_be_fitted, dense_spread, fit_calibration
from indexer.embedding_cache import EmbeddingCache
from indexer.linear_head import held_out_logits
from indexer.manifest import read_manifest, write_manifest
from indexer.probes import Probe
from indexer.question import understand
from indexer.release import load_release
from indexer.scoring import Scorer
from service.retriever import Retriever
from tests.fakes import PRACTICES, WordEncoder, calibrated_source, fake_spec

NEW_ON_TOPIC = (
    "which masters mentor apprentices and listen",
    "evening class and certificate for adults",
    "talk with parents on the first day of absence",
    "workers who visit young people at home",
)
NEW_ELSEWHERE = (
    "bake a cake with eggs and butter",
    "tickets for the cup final",
    "strong wind near the coast",
    "restart the laptop before the printer",
)


def probe(kind, relevant=None):
    return Probe(text="who helps", language="en", kind=kind, relevant=relevant)


ANSWERED = probe("on-topic", ("mentors",))


@pytest.mark.parametrize(
    ("on_topic", "others", "expected"),
    [
        pytest.param([ANSWERED] * 20, [probe("off-topic")] * 20, True, id="20 of each"),
        pytest.param([ANSWERED] * 19, [probe("off-topic")] * 40, False, id="19 on the topic"),
        pytest.param([ANSWERED] * 40, [probe("off-topic")] * 19, False, id="19 elsewhere"),
        pytest.param(
            [ANSWERED] * 20,
            [probe("off-topic")] * 7 + [probe("near-topic")] * 13,
            True,
            id="near the topic is elsewhere",
        ),
        pytest.param(
            [ANSWERED] * 19 + [probe("on-topic")] * 9, [probe("off-topic")] * 20, False, id="not judged does not count"
        ),
        pytest.param([probe("on-topic", ())] * 20, [probe("off-topic")] * 20, False, id="nothing answers any of them"),
        pytest.param([], [], False, id="none"),
    ],
)
def test_a_calibration_needs_twenty_answered_probes_and_twenty_others(on_topic, others, expected):
    assert can_be_fitted([*others, *on_topic]) is expected


class TableScorer:
    """A scorer whose dense scores are the elements of the question."""

    def __init__(self):
        self.asked = []

    def centred(self, embedding):
        return embedding

    def dense_of_many(self, rows, centred):
        self.asked.append(rows)
        return (one[rows % len(one)] for one in centred)


def test_the_spread_is_the_mean_standard_deviation_over_the_questions():
    # 0, 1 and 0, 1 have standard deviation .5; all .3 has 0; .1 and .3 have .1
    questions = np.array([[0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3], [0.1, 0.3, 0.1, 0.3]], dtype=np.float32)
    assert dense_spread(TableScorer(), 4, questions) == pytest.approx(0.2)


def test_the_spread_is_1_where_there_is_nothing_to_compare():
    assert dense_spread(TableScorer(), 1, np.array([[0.5]], dtype=np.float32)) == 1
    assert dense_spread(TableScorer(), 4, np.empty((0, 4), dtype=np.float32)) == 1


@pytest.mark.parametrize(("size", "step", "count"), [(2000, 1, 2000), (2001, 2, 1001), (5000, 3, 1667)])
def test_a_large_catalogue_is_compared_in_part_and_evenly(size, step, count):
    scorer = TableScorer()
    dense_spread(scorer, size, np.array([[0, 1]], dtype=np.float32))
    (rows,) = scorer.asked
    np.testing.assert_array_equal(rows, np.arange(count) * step)
    assert rows[-1] < size


@pytest.fixture(scope="module")
def words():
    return WordEncoder(fake_spec(dim=1024))


def build(folder, source, encoder):
    cache = EmbeddingCache(folder / "cache", encoder.spec.identity, encoder.spec.dim)
    return build_release(source, encoder, releases=folder / "releases", cache=cache, progress=lambda *_: None)


@pytest.fixture(scope="module")
def source():
    return calibrated_source()


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory, source, words):
    return Retriever(build(tmp_path_factory.mktemp("calibrated"), source, words))


def encoded(retriever, encoder, text):
    question = retriever.understand(text)
    return question, encoder.encode_queries(question.encoder_texts)


def ranked(retriever, encoder, text):
    question, embeddings = encoded(retriever, encoder, text)
    return retriever.rank(question, embeddings, top_k=100)


def topic(retriever, encoder, text):
    return retriever.topic(*encoded(retriever, encoder, text))


def test_the_calibration_says_what_it_was_fitted_on(calibrated, source):
    kinds = [probe.kind for probe in source.probes]
    found = calibrated.release.manifest.calibration
    assert found.probes == {kind: kinds.count(kind) for kind in ("near-topic", "off-topic", "on-topic")}
    assert sum(found.probes.values()) == len(source.probes)


def test_the_spread_in_the_release_is_that_of_the_probes_on_the_topic(calibrated, source, words):
    texts = [probe.text for probe in source.probes if probe.kind == "on-topic"]
    rows = np.arange(len(PRACTICES))
    scorer = calibrated.scorer
    spreads = [scorer.dense(rows, scorer.centred(one)).std() for one in words.encode_queries(texts)]
    assert calibrated.release.manifest.calibration.spread == pytest.approx(np.mean(spreads), rel=1e-3)


def test_probes_on_the_topic_have_higher_odds_than_all_others(calibrated, source, words):
    odds = {"on-topic": [], "near-topic": [], "off-topic": []}
    for one in source.probes:
        odds[one.kind].append(topic(calibrated, words, one.text))
    assert min(odds["on-topic"]) > max(odds["near-topic"] + odds["off-topic"])


def test_new_questions_on_the_topic_have_higher_odds_than_new_ones_elsewhere(calibrated, words):
    here = [topic(calibrated, words, text) for text in NEW_ON_TOPIC]
    elsewhere = [topic(calibrated, words, text) for text in NEW_ELSEWHERE]
    assert min(here) > 0 > max(elsewhere)


def held_out(source, encoder):
    texts = [understand(one.text, source.thesaurus).whole.encoder_text for one in source.probes]
    labels = [TOPIC_CLASSES[one.kind == "on-topic"] for one in source.probes]
    return held_out_logits(encoder.encode_queries(texts), labels, TOPIC_CLASSES)[:, 0]


def test_auroc_is_that_of_heads_that_had_not_seen_the_probe(calibrated, source, words):
    is_on_topic = [one.kind == "on-topic" for one in source.probes]
    expected = roc_auc_score(is_on_topic, held_out(source, words))
    assert calibrated.release.manifest.calibration.auroc == pytest.approx(expected, abs=1e-4)
    assert 0.5 < expected < 1


def test_hits_are_fitted_on_scores_in_spreads_and_held_out_odds(calibrated, source, words):
    spread = calibrated.release.manifest.calibration.spread
    features, relevant = [], []
    for one, odds in zip(source.probes, held_out(source, words), strict=True):
        for hit in ranked(calibrated, words, one.text):
            features.append((hit.score / spread, odds))
            relevant.append(hit.practice.id in (one.relevant or ()))
    assert len(features) == len(source.probes) * len(PRACTICES)
    model = LogisticRegression().fit(np.array(features), relevant)
    found = calibrated.release.manifest.calibration.hit
    expected = (model.intercept_[0], *model.coef_[0])
    assert (found.bias, found.score, found.topic) == pytest.approx(expected, abs=0.01)


def test_confidence_rises_with_the_score_and_with_the_topic(calibrated):
    scores = np.linspace(-0.2, 1, 13, dtype=np.float32)
    low, high = (calibrated.confidence.of_hits(scores, topic) for topic in (-1.0, 3.0))
    assert (np.diff(low) > 0).all()
    assert (np.diff(high) > 0).all()
    assert (high > low).all()
    assert low.min() >= 0
    assert high.max() <= 1


def test_a_practice_that_is_judged_relevant_gets_more_than_one_that_is_not(calibrated, source, words):
    right, wrong = [], []
    for one in source.probes:
        if one.kind == "on-topic":
            for hit in ranked(calibrated, words, one.text):
                (right if hit.practice.id in one.relevant else wrong).append(hit.confidence)
    assert len(right) == sum(one.kind == "on-topic" for one in source.probes)
    assert np.median(right) > 0.6
    assert np.median(wrong) < 0.1
    assert roc_auc_score([True] * len(right) + [False] * len(wrong), right + wrong) > 0.95


def test_no_practice_is_surely_relevant_for_a_question_from_elsewhere(calibrated, words):
    best_here = min(ranked(calibrated, words, text)[0].confidence for text in NEW_ON_TOPIC)
    best_elsewhere = max(ranked(calibrated, words, text)[0].confidence for text in NEW_ELSEWHERE)
    assert best_elsewhere < 0.25 < best_here


def test_verdicts_follow(calibrated, words, monkeypatch):
    monkeypatch.setattr("service.confidence.NONE_BELOW", 0.4)  # whatever limit the shipped catalogue has

    def verdict(text):
        return calibrated.verdict(calibrated.topic(*encoded(calibrated, words, text)), ranked(calibrated, words, text))

    assert [verdict(text) for text in NEW_ON_TOPIC] == ["good"] * 4
    assert [verdict(text) for text in NEW_ELSEWHERE] == ["none"] * 4


def test_probes_that_nobody_judged_say_something_of_the_topic_and_nothing_of_hits(calibrated, source, words):
    release = calibrated.release
    more = [Probe(text=text, language="en", kind="on-topic") for text in NEW_ON_TOPIC]
    probes = (*source.probes, *more)
    questions = [understand(one.text, source.thesaurus) for one in probes]
    embeddings = words.encode_queries([question.whole.encoder_text for question in questions])
    spread = release.manifest.calibration.spread

    found, head = fit_calibration(Scorer(release.parts), release.parts.practices, probes, questions, embeddings, spread)
    wrong, _ = fit_calibration(
        Scorer(release.parts),
        release.parts.practices,
        (*source.probes, *(one.model_copy(update={"relevant": ()}) for one in more)),
        questions,
        embeddings,
        spread,
    )

    assert found.probes["on-topic"] == release.manifest.calibration.probes["on-topic"] + 4
    new = words.encode_queries(NEW_ON_TOPIC)
    assert (head.logits(new) > release.parts.topic_head.logits(new)).all()
    # judged as answered by nothing, the same questions make every hit less likely
    of_found, of_wrong = (one.hit.bias + one.hit.score * 4 + one.hit.topic * 2 for one in (found, wrong))
    assert of_found > of_wrong


def test_the_order_of_the_judgements_of_a_probe_changes_nothing(calibrated, source, words):
    questions = [understand(one.text, source.thesaurus) for one in source.probes]
    embeddings = words.encode_queries([question.whole.encoder_text for question in questions])
    spread = calibrated.release.manifest.calibration.spread

    def fitted(*relevant):
        probes = [source.probes[0].model_copy(update={"relevant": relevant}), *source.probes[1:]]
        parts = calibrated.release.parts
        return fit_calibration(Scorer(parts), parts.practices, probes, questions, embeddings, spread)[0]

    assert source.probes[0].relevant == ("mentors",)
    found = fitted("street-work", "mentors")
    assert found == fitted("mentors", "street-work") != calibrated.release.manifest.calibration


def test_a_release_without_enough_probes_has_a_spread_only(tmp_path, source, words):
    few = replace(source, probes=source.probes[:19])
    release = build(tmp_path, few, words)
    found = release.manifest.calibration
    assert (found.hit, found.probes, found.auroc) == (None, None, None)
    assert 0 < found.spread < 1
    assert release.parts.topic_head is None
    (hit, *_) = ranked(Retriever(release), words, NEW_ON_TOPIC[0])
    assert hit.confidence is None


def test_probes_that_nothing_answers_are_no_calibration_and_no_error(tmp_path, source, words):
    unanswered = [one.model_copy(update={"relevant": ()}) for one in source.probes]
    release = build(tmp_path, replace(source, probes=unanswered), words)
    assert release.manifest.calibration.hit is None


def test_the_calibration_of_a_release_on_disk_is_the_one_that_was_fitted(calibrated, source, words):
    release = load_release(calibrated.release.folder)
    questions = [understand(one.text, source.thesaurus) for one in source.probes]
    embeddings = words.encode_queries([question.whole.encoder_text for question in questions])
    spread = release.manifest.calibration.spread
    expected, head = fit_calibration(
        Scorer(release.parts), release.parts.practices, source.probes, questions, embeddings, spread
    )
    assert release.manifest.calibration == expected
    np.testing.assert_array_equal(release.parts.topic_head.weights, head.weights)


@pytest.mark.parametrize(
    "calibration",
    [
        Calibration(spread=0.1 + 0.2),
        Calibration(0.07, HitCalibration(-3.25, 1.5, 1 / 3), {"off-topic": 30, "on-topic": 40}, 0.9876),
    ],
    ids=["the spread only", "all of it"],
)
def test_a_calibration_is_read_from_a_manifest_as_it_was_written(calibrated, tmp_path, calibration):
    write_manifest(tmp_path, replace(calibrated.release.manifest, calibration=calibration))
    assert read_manifest(tmp_path).calibration == calibration
