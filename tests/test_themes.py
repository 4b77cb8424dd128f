"""Themes by hand: their order, and the place of each between its label and its practices."""

import numpy as np

from indexer.facets import FacetColumns
from indexer.practice import Practice
from indexer.themes import Theme, theme_embeddings, themes_of

VOCABULARY = {
    "levels": {"school": "School"},
    "target_groups": {"neets": "Neither in work nor in school", "adults": "Adults"},
    "approaches": {"outreach": "Outreach", "mentoring": "Mentoring"},
}
OUTREACH = Theme("approaches", "outreach", "Outreach")
ADULTS = Theme("target_groups", "adults", "Adults")


def practice(name, **codes):
    return Practice(id=name, title=name, **codes)


def found_for(themes, labels, practices, embeddings, firsts=None):
    """Return the embeddings of themes, where each practice has one window unless `firsts` says where its first is."""
    firsts = np.arange(len(practices)) if firsts is None else np.array(firsts)
    return theme_embeddings(themes, labels, FacetColumns.build(practices), embeddings, firsts)


def test_themes_are_approaches_then_target_groups_in_the_order_of_the_vocabulary():
    assert [(theme.field, theme.code, theme.label) for theme in themes_of(VOCABULARY)] == [
        ("approaches", "outreach", "Outreach"),
        ("approaches", "mentoring", "Mentoring"),
        ("target_groups", "neets", "Neither in work nor in school"),
        ("target_groups", "adults", "Adults"),
    ]


def test_a_vocabulary_without_themes_has_none():
    assert themes_of({}) == ()
    assert themes_of({"levels": {"school": "School"}}) == ()


def test_a_theme_lies_halfway_between_its_label_and_the_mean_of_its_practices():
    labels = np.array([[1, 0, 0]], dtype=np.float32)
    practices = [
        practice("a", approaches=("outreach",)),
        practice("b", approaches=("mentoring",)),
        practice("c", approaches=("mentoring", "outreach")),
    ]
    embeddings = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]], dtype=np.float32)
    # the mean of a and c is (0, .5, .5), of unit length (0, .7071, .7071); with the label (1, .7071, .7071) over sqrt 2
    found = found_for([OUTREACH], labels, practices, embeddings)
    np.testing.assert_allclose(found, [[2**-0.5, 0.5, 0.5]], atol=1e-6)
    assert found.dtype == np.float32


def test_a_theme_without_practices_is_its_label():
    labels = np.array([[1, 0], [0.6, 0.8]], dtype=np.float32)
    practices = [practice("a", approaches=("outreach",))]
    found = found_for([OUTREACH, ADULTS], labels, practices, np.array([[0, 1]], dtype=np.float32))
    np.testing.assert_allclose(found, [[2**-0.5, 2**-0.5], [0.6, 0.8]], atol=1e-6)
    np.testing.assert_array_equal(labels, np.array([[1, 0], [0.6, 0.8]], dtype=np.float32))


def test_the_same_code_in_another_field_is_another_theme():
    practices = [practice("a", approaches=("adults",))]
    labels = np.array([[1, 0]], dtype=np.float32)
    found = found_for([ADULTS], labels, practices, np.array([[0, 1]], dtype=np.float32))
    np.testing.assert_allclose(found, [[1, 0]])


def test_no_themes_have_no_rows():
    none = np.empty((0, 2), dtype=np.float32)
    found = found_for([], none, [practice("a")], np.array([[0, 1]], dtype=np.float32))
    assert found.shape == (0, 2)


def test_of_the_windows_of_a_practice_the_first_one_counts():
    labels = np.array([[1, 0, 0]], dtype=np.float32)
    practices = [
        practice("a", approaches=("outreach",)),
        practice("b", approaches=("mentoring",)),
        practice("c", approaches=("mentoring", "outreach")),
    ]
    embeddings = np.zeros((6, 3), dtype=np.float32)
    embeddings[[0, 5]] = [[0, 1, 0], [0, 0, 1]]  # the others would move it, were they counted
    embeddings[[1, 2, 3, 4]] = [-1, 0, 0]
    found = found_for([OUTREACH], labels, practices, embeddings, firsts=[0, 2, 5])
    np.testing.assert_allclose(found, [[2**-0.5, 0.5, 0.5]], atol=1e-6)


def test_of_very_many_practices_some_are_averaged_evenly(monkeypatch):
    monkeypatch.setattr("indexer.themes._MOST_AVERAGED", 3)
    labels = np.array([[1, 0, 0, 0, 0, 0]], dtype=np.float32)
    practices = [practice(f"p{number}", approaches=("outreach",)) for number in range(5)]
    embeddings = np.eye(6, dtype=np.float32)[1:]
    # Five of which at most three count: every other one.
    part = 6**-0.5
    found = found_for([OUTREACH], labels, practices, embeddings)
    np.testing.assert_allclose(found, [[2**-0.5, part, 0, part, 0, part]], atol=1e-6)
    found = found_for([OUTREACH], labels, practices[:3], embeddings)
    np.testing.assert_allclose(found, [[2**-0.5, part, part, part, 0, 0]], atol=1e-6)
