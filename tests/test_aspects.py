"""Aspects of a long question by hand, their grouping and their coverage against brute force."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import average, fcluster
from scipy.spatial.distance import squareform

from indexer.linear_head import LinearHead
from indexer.parts import ROLES
from indexer.practice import Practice
from indexer.question import Part
from service.aspects import ENOUGH, LARGEST_SET, PRACTICES_AN_ASPECT, Aspect, coverage, find_aspects, grouped
from service.filters import NO_FILTERS, Filters
from service.retriever import Hit, Retriever
from tests.fakes import WordEncoder

COVERED_FROM = 0.25
SAME_NEED_FROM = 0.4
ABSENCE = (
    "Pupils are often absent on the first day of the week.",
    "Who can phone parents on the first day of absence?",
)
ADULTS = (
    "Adults without a certificate ask for a school in the evening.",
    "Which class opens vocational schools for adults without a certificate?",
)
GREETING = "Greetings and warmest wishes from everybody here."


@pytest.fixture(scope="module", autouse=True)
def limits():
    """Fix the limits, whatever is chosen on our own problems."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.aspects.COVERED_FROM", COVERED_FROM)
        patch.setattr("service.aspects.SAME_NEED_FROM", SAME_NEED_FROM)
        yield


def symmetric(*rows):
    """Return a likeness matrix from the rows above its diagonal."""
    size = len(rows) + 1
    matrix = np.ones((size, size))
    for one, row in enumerate(rows):
        for other, value in enumerate(row, start=one + 1):
            matrix[one, other] = matrix[other, one] = value
    return matrix


@pytest.mark.parametrize(
    ("likeness", "expected"),
    [
        pytest.param(symmetric([0.9, 0.5, 0.1], [0.1, 0.1], [0.8]), [[0, 1], [2, 3]], id="two pairs, .2 on average"),
        pytest.param(symmetric([0.9, 0.5, 0.4], [0.4, 0.3], [0.8]), [[0, 1, 2, 3]], id="two pairs, .4 on average"),
        pytest.param(symmetric([0.1, 0.2, 0.9], [0.8, 0.1], [0.2]), [[0, 3], [1, 2]], id="not neighbours"),
        pytest.param(symmetric([0.7, 0.0], [0.5]), [[0, 1], [2]], id="a chain is cut: .25 on average"),
        pytest.param(symmetric([0.7, 0.3], [0.5]), [[0, 1, 2]], id="a chain whose ends are alike enough"),
        pytest.param(symmetric([0.2, 0.7], [0.1]), [[0, 2], [1]], id="the second stands alone"),
        pytest.param(symmetric([0.39, 0.39], [0.39]), [[0], [1], [2]], id="nothing is alike enough"),
        pytest.param(np.ones((1, 1)), [[0]], id="one"),
        pytest.param(np.empty((0, 0)), [], id="none"),
    ],
)
def test_groups_are_joined_while_they_are_alike_on_average(likeness, expected):
    assert grouped(likeness) == expected


@given(st.integers(2, 8), st.integers(0, 10_000))
def test_groups_are_those_of_average_linkage(size, seed):
    upper = np.random.default_rng(seed).uniform(-0.2, 1, size * (size - 1) // 2)
    numbers = fcluster(average(1 - upper), 1 - SAME_NEED_FROM, criterion="distance")
    expected = sorted([at for at in range(size) if numbers[at] == number] for number in set(numbers))
    assert grouped(1 - squareform(1 - upper)) == expected


PART = Part(0, 4, "Help", ())


def aspect(**confidences):
    ordered = sorted(confidences.items(), key=lambda item: -(item[1] or 0))
    hits = [
        Hit(rank, 1 / rank, confidence, Practice(id=name, title=name), rank)
        for rank, (name, confidence) in enumerate(ordered, start=1)
    ]
    return Aspect((PART,), (None,), tuple(hits))


def test_coverage_says_how_surely_each_practice_addresses_each_aspect():
    found = coverage([aspect(coach=0.3, fund=0.2), aspect(coach=0.6, tutor=0.9), aspect(fund=0.25)])
    assert found.practice_ids == ("coach", "tutor", "fund")
    assert found.confidence == ((0.3, 0.6, 0.0), (0.0, 0.9, 0.0), (0.2, 0.0, 0.25))
    addressed = [[found.addresses(row, column) for column in range(3)] for row in range(3)]
    assert addressed == [[True, True, False], [False, True, False], [False, False, True]]
    # 1.35 of the 1.65 aspects that all three are expected to address; coach and tutor reach 1.26.
    assert found.smallest_set == ("tutor", "fund")


def test_practices_that_cover_alike_are_ordered_by_confidence_then_id():
    found = coverage([aspect(d=0.5, c=0.5, b=0.6, a=0.1), aspect(e=0.7)])
    assert found.practice_ids == ("e", "b", "c", "d", "a")
    assert found.smallest_set == ("e", "b")


def test_one_practice_that_surely_covers_all_is_enough():
    assert coverage([aspect(a=0.9, c=0.8), aspect(b=0.9, c=0.8)]).smallest_set == ("c",)


def test_one_practice_that_may_cover_all_is_not_enough_beside_two_that_surely_do():
    assert set(coverage([aspect(a=0.9, c=0.3), aspect(b=0.9, c=0.3)]).smallest_set) == {"a", "b"}


def test_where_nothing_is_sure_the_smallest_set_is_empty():
    found = coverage([aspect(a=0.24), aspect(a=0.1, b=0.2)])
    assert found.smallest_set == ()
    assert found.practice_ids == ("a", "b")


def test_without_a_calibration_no_practice_addresses_anything():
    found = coverage([aspect(a=None, b=None), aspect(b=None)])
    assert found.confidence == ((0.0, 0.0), (0.0, 0.0))
    assert found.smallest_set == ()


def test_a_confidence_that_is_shown_as_enough_counts_as_enough():
    found = coverage([aspect(a=0.24996), aspect(b=0.24994)])
    assert found.confidence == ((0.25, 0.0), (0.0, 0.2499))
    assert found.addresses(0, 0)
    assert not found.addresses(1, 1)
    assert found.smallest_set == ("a",)


def test_no_aspects_are_covered_by_nothing():
    found = coverage([])
    assert (found.practice_ids, found.confidence, found.smallest_set) == ((), (), ())


tables = st.lists(
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1), max_size=PRACTICES_AN_ASPECT), min_size=1, max_size=6
)


@given(tables)
def test_the_smallest_set_is_the_first_size_whose_best_subset_is_enough(table):
    def expected(chosen):
        return sum(1 - math.prod(1 - column.get(one, 0.0) for one in chosen) for column in rounded)

    rounded = [{name: round(value, 4) for name, value in column.items()} for column in table]
    found = coverage([aspect(**column) for column in table]).smallest_set
    useful = [one for one in "abcdef" if any(column.get(one, 0.0) >= COVERED_FROM for column in rounded)]
    most = {
        size: max(expected(chosen) for chosen in combinations(useful, size))
        for size in range(1, min(LARGEST_SET, len(useful)) + 1)
    }
    if not useful:
        assert found == ()
        return
    assert set(found) <= set(useful)
    assert expected(found) == pytest.approx(most[len(found)])
    enough = ENOUGH * most[max(most)]
    assert expected(found) >= enough - 1e-9
    assert all(most[size] < enough + 1e-9 for size in range(1, len(found)))


@given(tables)
def test_coverage_has_a_row_for_each_practice_and_those_that_cover_more_come_first(table):
    found = coverage([aspect(**column) for column in table])
    rows = dict(zip(found.practice_ids, found.confidence, strict=True))
    names = {name for column in table for name in column}
    assert rows == {name: tuple(round(column.get(name, 0.0), 4) for column in table) for name in names}
    covered = [sum(value >= COVERED_FROM for value in row) for row in found.confidence]
    assert covered == sorted(covered, reverse=True)


def aspects_of(retriever, text, filters=NO_FILTERS):
    question = retriever.understand(text)
    embeddings = WordEncoder().encode_queries(question.encoder_texts)
    return find_aspects(retriever, question, embeddings, retriever.topic(question, embeddings), filters=filters)


def texts(aspects):
    return [[part.text for part in aspect.parts] for aspect in aspects]


def with_role_head(release, *, other_word):
    """Return a retriever that takes each part with this word to be of role other, and all else for what is missing."""
    weights = np.zeros((len(ROLES), release.manifest.encoder.dim + 1), dtype=np.float32)
    weights[ROLES.index("other"), :-1] = 9 * WordEncoder().encode_queries([other_word])[0]
    weights[ROLES.index("what"), -1] = 0.1
    return Retriever(replace(release, parts=replace(release.parts, role_head=LinearHead(weights))))


def test_a_short_question_has_no_aspects(retriever):
    assert aspects_of(retriever, "Who phones parents? Who teaches adults?") == []
    assert aspects_of(retriever, "adults " * 40) == []


def test_a_question_of_two_needs_has_two_aspects_each_with_its_practices(retriever):
    aspects = aspects_of(retriever, " ".join((*ABSENCE, *ADULTS)))
    assert texts(aspects) == [list(ABSENCE), list(ADULTS)]
    assert [aspect.hits[0].practice.id for aspect in aspects] == ["absence-call", "second-school"]
    assert [aspect.roles for aspect in aspects] == [(None, None), (None, None)]


@pytest.mark.parametrize("order", [(*ABSENCE, *ADULTS), (*ADULTS, *ABSENCE), (ADULTS[0], *ABSENCE, ADULTS[1])])
def test_aspects_and_their_parts_follow_the_text(retriever, order):
    text = " ".join(order)
    aspects = aspects_of(retriever, text)
    assert [part for group in texts(aspects) for part in group if part in ABSENCE] == list(ABSENCE)
    assert [part for group in texts(aspects) for part in group if part in ADULTS] == list(ADULTS)
    firsts = [aspect.parts[0].start for aspect in aspects]
    assert firsts == sorted(firsts)
    assert firsts[0] == 0
    for aspect in aspects:
        starts = [part.start for part in aspect.parts]
        assert starts == sorted(starts)
        assert [text[part.start : part.end] for part in aspect.parts] == [part.text for part in aspect.parts]


def test_the_hits_of_an_aspect_are_the_best_five_in_order(release, retriever):
    for aspect in aspects_of(retriever, " ".join((*ABSENCE, *ADULTS))):
        assert [hit.rank for hit in aspect.hits] == list(range(1, min(5, len(release.parts.practices)) + 1))
        scores = [hit.score for hit in aspect.hits]
        assert scores == sorted(scores, reverse=True)


def test_the_practices_of_each_aspect_pass_the_filters(retriever):
    aspects = aspects_of(retriever, " ".join((*ABSENCE, *ADULTS)), Filters(country=("DE", "GR")))
    assert texts(aspects) == [list(ABSENCE), list(ADULTS)]
    for aspect in aspects:
        assert sorted(hit.practice.id for hit in aspect.hits) == ["mentors", "second-school", "street-work"]


def test_parts_that_only_greet_belong_to_no_aspect(release):
    heard = with_role_head(release, other_word="greetings")
    aspects = aspects_of(heard, " ".join((GREETING, *ABSENCE, GREETING, *ADULTS, GREETING)))
    assert texts(aspects) == [list(ABSENCE), list(ADULTS)]
    assert [aspect.roles for aspect in aspects] == [("what", "what"), ("what", "what")]


def test_a_greeting_that_nobody_knows_for_one_is_an_aspect(retriever):
    aspects = aspects_of(retriever, " ".join((GREETING, *ABSENCE, *ADULTS)))
    assert [GREETING] in texts(aspects)


def test_where_all_parts_are_of_role_other_none_is_left_out(release):
    heard = with_role_head(release, other_word="greetings")
    greetings = [f"{GREETING[:-1]} in house number {number}." for number in range(5)]
    aspects = aspects_of(heard, " ".join(greetings))
    assert sorted(part for group in texts(aspects) for part in group) == greetings
    assert {role for aspect in aspects for role in aspect.roles} == {"other"}
