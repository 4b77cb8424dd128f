"""Measures against values computed by hand, and runs against the retriever's own hits."""

import math
import random

import numpy as np
import pytest

from indexer.practice import Practice
from service.collection import Collection, JudgedQuery
from service.evaluate import (
    DEPTH,
    MEASURES,
    Measurement,
    mean_values,
    measure,
    search_all,
    search_all_plain,
    values_by_query,
)
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


def measured(queries, *, right=()) -> list[tuple[str, int, float]]:
    run = {query.query_id: ranked("a") if query.query_id in right else ranked("x") for query in queries}
    found = measure(collection(queries, {query.query_id: {"a": 1} for query in queries}), run)
    return [(one.group, one.queries, one.values[PRECISION]) for one in found]


def test_kinds_and_languages_are_groups_and_translations_count_only_by_language():
    queries = [
        JudgedQuery("q1", "text", "need", "en"),
        JudgedQuery("q2", "text", "title", "de"),
        JudgedQuery("q3", "text", "need", "fr"),
        JudgedQuery("t1", "text", "translation", "de", base="q1"),
        JudgedQuery("t2", "text", "translation", "el", base="q1"),
    ]
    assert measured(queries, right=("q1", "t1")) == [
        ("all", 3, pytest.approx(1 / 3)),
        ("kind need", 2, 0.5),
        ("kind title", 1, 0),
        ("language de", 2, 0.5),
        ("language el", 1, 0),
        ("language en", 1, 1),
        ("language fr", 1, 0),
        ("translation de", 1, 1),
        ("translation el", 1, 0),
        ("translation en", 1, 1),
    ]


def test_held_out_questions_are_groups_of_their_own_and_count_for_their_language():
    queries = [
        JudgedQuery("q1", "text", "need", "en"),
        JudgedQuery("ho-1", "text", "need", "en", is_held_out=True),
        JudgedQuery("ho-2", "text", "known-item", "de", is_held_out=True),
        JudgedQuery("ho-3", "text", "need", "de", is_held_out=True),
    ]
    assert measured(queries, right=("q1", "ho-3")) == [
        ("all", 1, 1),
        ("kind need", 1, 1),
        ("held-out", 3, pytest.approx(1 / 3)),
        ("held-out kind known-item", 1, 0),
        ("held-out kind need", 2, 0.5),
        ("language de", 2, 0.5),
        ("language en", 2, 0.5),
    ]


def test_a_language_is_compared_with_english_and_a_translation_with_the_questions_it_was_made_from():
    queries = [
        JudgedQuery("base", "text", "need", "en"),
        JudgedQuery("other", "text", "need", "en"),
        JudgedQuery("base-el", "text", "translation", "el", base="base"),
        JudgedQuery("base-sv", "text", "translation", "sv", base="base"),
        JudgedQuery("ho-el", "text", "need", "el", is_held_out=True),
    ]
    run = {
        "base": ranked("x", "a"),
        "other": ranked("a"),
        "base-el": ranked("x", "x1", "a"),
        "base-sv": ranked("a"),
        "ho-el": ranked("a"),
    }
    found = measure(collection(queries, {query.query_id: {"a": 1} for query in queries}), run)
    second, third = discount(2), discount(3)
    assert {one.group: one.to_english for one in found} == {
        "all": None,
        "kind need": None,
        "held-out": None,
        "held-out kind need": None,
        "language el": pytest.approx((third + 1) / 2 - (second + 1) / 2),
        "language en": 0,
        "language sv": pytest.approx(1 - (second + 1) / 2),
        "translation el": pytest.approx(third - second),
        "translation en": 0,
        "translation sv": pytest.approx(1 - second),
    }


def test_a_language_is_compared_with_nothing_where_there_is_no_english():
    queries = [JudgedQuery("q1", "text", "need", "de"), JudgedQuery("q2", "text", "need", "fr")]
    found = measure(collection(queries, {"q1": {"a": 1}, "q2": {"a": 1}}), {})
    assert {one.group: one.to_english for one in found if one.group.startswith("language")} == {
        "language de": None,
        "language fr": None,
    }


def test_a_seed_is_neither_a_hit_nor_a_judgement_of_its_query_but_is_one_of_others():
    queries = [JudgedQuery("q1", "text", seed_id="seed"), JudgedQuery("q2", "text")]
    qrels = {"q1": {"seed": 3, "a": 1}, "q2": {"seed": 1}}
    run = {"q1": ranked("seed", "x", "a"), "q2": ranked("seed")}
    assert values_by_query(collection(queries, qrels), run) == {
        "q1": pytest.approx({NDCG: discount(2), RECALL: 1, RECIPROCAL: 1 / 2, PRECISION: 0}),
        "q2": pytest.approx({NDCG: 1, RECALL: 1, RECIPROCAL: 1, PRECISION: 1}),
    }


def test_100_hits_are_left_where_the_seed_is_dropped():
    others = [f"x{number}" for number in range(99)]
    queries = [JudgedQuery("q", "text", seed_id="seed")]
    found = values_by_query(collection(queries, {"q": {"a": 1}}), {"q": ranked("seed", *others, "a")})
    assert found == {"q": pytest.approx({**NOTHING, RECALL: 1})}


def test_the_mean_is_over_questions_for_each_measure():
    rows = [{NDCG: 1.0, RECALL: 0.5, RECIPROCAL: 0.25, PRECISION: 0.0}, {**NOTHING, PRECISION: 1.0}]
    assert mean_values(rows) == {NDCG: 0.5, RECALL: 0.25, RECIPROCAL: 0.125, PRECISION: 0.5}


def test_a_run_holds_the_hits_of_every_query(retriever, encoder):
    queries = [JudgedQuery("q1", "retired masters mentor apprentices"), JudgedQuery("q2", "evening school for adults")]
    run = search_all(queries, retriever, encoder)
    assert list(run) == ["q1", "q2"]
    for query in queries:
        question = retriever.understand(query.text)
        hits = retriever.rank(question, encoder.encode_queries([question.whole.encoder_text]), top_k=100)
        assert list(run[query.query_id]) == [hit.practice.id for hit in hits]
        assert list(run[query.query_id].values()) == pytest.approx([hit.score for hit in hits])
    assert next(iter(run["q1"])) == "mentors"
    assert next(iter(run["q2"])) == "second-school"


def test_a_plain_run_is_the_cosine_of_one_text_a_practice(encoder):
    rng = random.Random(5)
    words = ["school", "course", "master", "absence", "grant", "coffee", "evening", "street", "phone", "parents"]
    practices = [Practice(id=f"p{number:03}", title=" ".join(rng.choices(words, k=6))) for number in range(150)]
    embeddings = encoder.encode_documents([practice.title for practice in practices])
    texts = [" ".join(rng.choices(words, k=3)) for _ in range(5)]
    queries = [JudgedQuery(f"q{number}", text) for number, text in enumerate(texts)]
    queries.append(JudgedQuery("seeded", practices[0].title, seed_id="p000"))
    run = search_all_plain(Collection("hand-made", small_source(practices), tuple(queries), {}), encoder, embeddings)
    assert list(run) == [query.query_id for query in queries]
    for query in queries:
        cosines = embeddings @ encoder.encode_queries([query.text])[0]
        found = run[query.query_id]
        depth = DEPTH + 1 if query.seed_id else DEPTH
        np.testing.assert_allclose(list(found.values()), np.sort(cosines)[::-1][:depth], atol=1e-6)
        by_id = {practice.id: cosine for practice, cosine in zip(practices, cosines, strict=True)}
        np.testing.assert_allclose(list(found.values()), [by_id[one] for one in found], atol=1e-6)
