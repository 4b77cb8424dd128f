"""Measures against values computed by hand, and runs against the retriever's own hits."""

import math
import random

import numpy as np
import pytest

from indexer.practice import Practice
from service.collection import Collection, JudgedQuery
from service.evaluate import DEPTH, MEASURES, Measurement, measure, search_all, search_all_plain
from tests.fakes import small_source

NDCG, RECALL, RECIPROCAL, PRECISION = "nDCG@10", "R@100", "RR@10", "P@1"
NOTHING = {NDCG: 0.0, RECALL: 0.0, RECIPROCAL: 0.0, PRECISION: 0.0}


def collection(queries, qrels) -> Collection:
    return Collection("hand-made", small_source(), tuple(queries), qrels)


def ranked(*practice_ids: str) -> dict[str, float]:
    return {practice_id: 1.0 - rank / 1000 for rank, practice_id in enumerate(practice_ids)}


def discount(rank: int) -> float:
    return 1 / math.log2(rank + 1)


def values(qrels, run) -> dict[str, float]:
    (one,) = measure(collection([JudgedQuery("q", "text")], {"q": qrels}), {"q": run})
    assert (one.group, one.queries) == ("all", 1)
    return dict(one.values)


def test_the_measures_are_those_of_the_report():
    assert [str(one) for one in MEASURES] == [NDCG, RECALL, RECIPROCAL, PRECISION]
    assert DEPTH == 100


def test_a_perfect_order_is_1_everywhere():
    assert values({"a": 2, "b": 1, "c": 0}, ranked("a", "b", "c")) == pytest.approx(
        {NDCG: 1, RECALL: 1, RECIPROCAL: 1, PRECISION: 1}
    )


def test_a_worse_order_has_the_values_of_the_formulas():
    gained = 2 * discount(2) + 1 * discount(4)
    ideal = 2 * discount(1) + 1 * discount(2) + 1 * discount(3)
    assert values({"a": 2, "b": 1, "c": 0, "missed": 1}, ranked("c", "a", "x", "b")) == pytest.approx(
        {NDCG: gained / ideal, RECALL: 2 / 3, RECIPROCAL: 1 / 2, PRECISION: 0}
    )


def test_relevant_practices_behind_rank_10_count_for_recall_alone():
    others = [f"x{number}" for number in range(10)]
    assert values({"a": 1}, ranked(*others, "a")) == pytest.approx({**NOTHING, RECALL: 1})


def test_rank_10_still_counts():
    others = [f"x{number}" for number in range(9)]
    assert values({"a": 1}, ranked(*others, "a")) == pytest.approx(
        {NDCG: discount(10), RECALL: 1, RECIPROCAL: 1 / 10, PRECISION: 0}
    )


def test_hits_behind_rank_100_do_not_count():
    others = [f"x{number}" for number in range(100)]
    assert values({"a": 1}, ranked(*others, "a")) == pytest.approx(NOTHING)


def test_the_scores_give_the_order_and_not_the_order_of_the_run():
    assert values({"a": 1}, {"x": 0.1, "a": 0.9})[PRECISION] == 1
    assert values({"a": 1}, {"a": -0.9, "x": -0.1})[PRECISION] == 0


@pytest.mark.parametrize("run", [{"good": ranked("a")}, {"good": ranked("a"), "empty": {}}])
def test_a_query_without_hits_counts_as_0(run):
    queries = [JudgedQuery("good", "text"), JudgedQuery("empty", "text")]
    (one,) = measure(collection(queries, {"good": {"a": 1}, "empty": {"a": 1}}), run)
    assert one.queries == 2
    assert one.values == pytest.approx({NDCG: 0.5, RECALL: 0.5, RECIPROCAL: 0.5, PRECISION: 0.5})


def test_a_run_without_any_hit_is_0():
    assert measure(collection([JudgedQuery("q", "text")], {"q": {"a": 1}}), {}) == [Measurement("all", 1, NOTHING)]


def test_queries_without_judgements_are_left_out():
    queries = [JudgedQuery("judged", "text"), JudgedQuery("not-judged", "text")]
    run = {"judged": ranked("a"), "not-judged": ranked("x")}
    (one,) = measure(collection(queries, {"judged": {"a": 1}}), run)
    assert one.queries == 1
    assert one.values == pytest.approx({NDCG: 1, RECALL: 1, RECIPROCAL: 1, PRECISION: 1})


def test_judgements_of_queries_that_are_not_asked_do_not_count():
    (one,) = measure(
        collection([JudgedQuery("asked", "text")], {"asked": {"a": 1}, "lost": {"a": 1}}), {"asked": ranked("a")}
    )
    assert (one.queries, one.values[PRECISION]) == (1, 1)


def test_kinds_are_groups_and_translations_are_groups_by_language():
    queries = [
        JudgedQuery("q1", "text", "need", "en"),
        JudgedQuery("q2", "text", "title", "de"),
        JudgedQuery("q3", "text", "need", "fr"),
        JudgedQuery("t1", "text", "translation", "de"),
        JudgedQuery("t2", "text", "translation", "el"),
        JudgedQuery("t3", "text", "translation", "de"),
    ]
    right = ("q1", "t1", "t2")
    run = {query.query_id: ranked("a") if query.query_id in right else ranked("x") for query in queries}
    found = measure(collection(queries, {query.query_id: {"a": 1} for query in queries}), run)
    assert [(one.group, one.queries, one.values[PRECISION]) for one in found] == [
        ("all", 3, pytest.approx(1 / 3)),
        ("kind need", 2, 0.5),
        ("kind title", 1, 0),
        ("translation de", 2, 0.5),
        ("translation el", 1, 1),
    ]


def test_a_run_holds_the_hits_of_every_query(retriever, encoder):
    queries = [JudgedQuery("q1", "retired masters mentor apprentices"), JudgedQuery("q2", "evening school for adults")]
    run = search_all(queries, retriever, encoder)
    assert list(run) == ["q1", "q2"]
    for query in queries:
        question = retriever.understand(query.text)
        hits = retriever.search(question, encoder.encode_queries([question.encoder_text])[0], top_k=100)
        assert list(run[query.query_id]) == [hit.practice.id for hit in hits]
        assert list(run[query.query_id].values()) == pytest.approx([hit.score for hit in hits])
    assert next(iter(run["q1"])) == "mentors"
    assert next(iter(run["q2"])) == "second-school"


def test_a_plain_run_is_the_cosine_of_one_text_a_practice(encoder):
    rng = random.Random(5)
    words = ["school", "course", "master", "absence", "grant", "coffee", "evening", "street", "phone", "parents"]
    practices = [Practice(id=f"p{number:03}", title=" ".join(rng.choices(words, k=6))) for number in range(150)]
    embeddings = encoder.encode_documents([practice.title for practice in practices])
    queries = [JudgedQuery(f"q{number}", " ".join(rng.choices(words, k=3))) for number in range(5)]
    run = search_all_plain(Collection("hand-made", small_source(practices), tuple(queries), {}), encoder, embeddings)
    assert list(run) == [query.query_id for query in queries]
    for query in queries:
        cosines = embeddings @ encoder.encode_queries([query.text])[0]
        found = run[query.query_id]
        np.testing.assert_allclose(list(found.values()), np.sort(cosines)[::-1][:DEPTH], atol=1e-6)
        by_id = {practice.id: cosine for practice, cosine in zip(practices, cosines, strict=True)}
        np.testing.assert_allclose(list(found.values()), [by_id[one] for one in found], atol=1e-6)
