"""Measures of the verdicts, against counts made by hand."""

from dataclasses import replace

import pytest

from indexer.build import build_release
from service.collection import Collection, JudgedQuery, read_verdict_questions
from service.retriever import Retriever
from service.verdicts import Asked, ask_all, measure_verdicts, verdict_questions
from tests.fakes import calibrated_source, small_source


def asked(kind, topic, verdict) -> Asked:
    return Asked(JudgedQuery(f"{kind}{topic}", "text", kind=kind), topic, verdict)


SIX = [
    asked("need", 3.0, "good"),
    asked("need", 1.0, "weak"),
    asked("need", -1.0, "none"),
    asked("near-topic", 2.0, "good"),
    asked("off-topic", -2.0, "none"),
    asked("off-topic", -3.0, "none"),
]


def test_measures_are_those_counted_by_hand():
    found = measure_verdicts("six", SIX)
    assert (found.group, found.questions) == ("six", 6)
    # Of the nine pairs of a question on the topic and one from elsewhere, two stand the wrong way round.
    assert found.auroc == pytest.approx(7 / 9)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.refused == pytest.approx(1 / 3)
    assert found.good == pytest.approx({"near-topic": 1.0, "need": 1 / 3, "off-topic": 0.0})


def test_precision_is_whole_where_nothing_is_refused():
    found = measure_verdicts("kind", [asked("need", 1.0, "good"), asked("off-topic", 0.0, "weak")])
    assert (found.precision, found.recall, found.refused) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("kinds", [("need", "known-item"), ("off-topic", "near-topic"), ()])
def test_questions_of_one_sort_alone_cannot_be_measured(kinds):
    assert measure_verdicts("one sort", [asked(kind, 1.0, "good") for kind in kinds]) is None


def test_every_question_is_asked_and_gets_the_verdict_of_the_retriever(tmp_path, encoder, cache):
    release = build_release(
        calibrated_source(), encoder, releases=tmp_path / "releases", cache=cache, progress=lambda *_: None
    )
    retriever = Retriever(release)
    queries = [
        JudgedQuery("on", "retired masters mentor apprentices", kind="need"),
        JudgedQuery("off", "beat the eggs and bake the cake", kind="off-topic"),
    ]
    found = ask_all(queries, retriever, encoder)
    assert [(one.query.query_id, one.verdict) for one in found] == [("on", "good"), ("off", "none")]
    assert found[0].topic > 0 > found[1].topic


def test_a_release_without_calibration_gives_no_verdicts(retriever, encoder):
    assert ask_all([JudgedQuery("on", "retired masters", kind="need")], retriever, encoder) == []


def test_groups_are_told_apart_by_what_was_chosen_by_them():
    on, off = JudgedQuery("q1", "masters", kind="need"), JudgedQuery("q2", "cake", kind="off-topic")
    held_out = replace(on, query_id="q3", is_held_out=True)
    found = verdict_questions(Collection("tiny", small_source(), (on, off, held_out), {}))
    assert found["tuning"] == [on, off]
    assert found["thresholds"] == [held_out]
    assert found["held-out"] == read_verdict_questions()


def test_a_collection_without_questions_from_elsewhere_has_no_groups():
    assert verdict_questions(Collection("tiny", small_source(), (JudgedQuery("q1", "masters", kind="need"),), {})) == {}
