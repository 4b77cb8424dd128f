"""Themes by hand: their order, and the place of each between its label and its practices."""

import numpy as np

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
    found = theme_embeddings([OUTREACH], labels, practices, embeddings)
    np.testing.assert_allclose(found, [[2**-0.5, 0.5, 0.5]], atol=1e-6)
    assert found.dtype == np.float32


def test_a_theme_without_practices_is_its_label():
    labels = np.array([[1, 0], [0.6, 0.8]], dtype=np.float32)
    practices = [practice("a", approaches=("outreach",))]
    found = theme_embeddings([OUTREACH, ADULTS], labels, practices, np.array([[0, 1]], dtype=np.float32))
    np.testing.assert_allclose(found, [[2**-0.5, 2**-0.5], [0.6, 0.8]], atol=1e-6)
    np.testing.assert_array_equal(labels, np.array([[1, 0], [0.6, 0.8]], dtype=np.float32))


def test_the_same_code_in_another_field_is_another_theme():
    practices = [practice("a", approaches=("adults",))]
    labels = np.array([[1, 0]], dtype=np.float32)
    found = theme_embeddings([ADULTS], labels, practices, np.array([[0, 1]], dtype=np.float32))
    np.testing.assert_allclose(found, [[1, 0]])


def test_no_themes_have_no_rows():
    none = np.empty((0, 2), dtype=np.float32)
    found = theme_embeddings([], none, [practice("a")], np.array([[0, 1]], dtype=np.float32))
    assert found.shape == (0, 2)
