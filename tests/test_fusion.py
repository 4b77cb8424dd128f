"""The fused score by hand: meaning in units of the cosine, the logarithm of words and names in spreads of it."""

import numpy as np
import pytest

from indexer.fusion import LEXICAL_WEIGHT, NAME_WEIGHT, fused

DENSE = np.array([0.5, 0.4, -0.1], dtype=np.float32)
NOTHING = np.zeros(3, dtype=np.float32)


def scores(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def worded(*logarithms: float) -> np.ndarray:
    """Return BM25 scores whose log(1 + BM25) is given."""
    return np.expm1(logarithms).astype(np.float32)


def test_the_score_is_meaning_plus_words_and_names_in_spreads() -> None:
    assert (LEXICAL_WEIGHT, NAME_WEIGHT) == (1.5, 4.0)
    found = fused(DENSE, worded(0, 2, 1), scores(0, 0.5, 1), 0.1)
    # By hand: 0.5 without either, then 0.4 and a tenth of 1.5 x 2 + 4 x 0.5, then -0.1 and a tenth of 1.5 x 1 + 4 x 1.
    assert found.tolist() == pytest.approx([0.5, 0.9, 0.45])
    assert found.dtype == np.float32


def test_the_logarithm_keeps_a_long_question_from_drowning_the_meaning() -> None:
    # log 2, log 4 and log 8, not 1, 3 and 7
    found = fused(NOTHING, scores(1, 3, 7), NOTHING, 0.1)
    assert found.tolist() == pytest.approx([0.15 * np.log(2), 0.3 * np.log(2), 0.45 * np.log(2)])


def test_without_words_and_names_the_score_is_the_meaning_alone() -> None:
    for spread in (0.01, 0.1, 1.0):
        assert fused(DENSE, NOTHING, NOTHING, spread).tolist() == DENSE.tolist()


def test_a_score_does_not_depend_on_the_other_practices() -> None:
    words, names = scores(0.3, 40, 1), scores(0, 0, 0.7)
    together = fused(DENSE, words, names, 0.2)
    alone = [fused(DENSE[[at]], words[[at]], names[[at]], 0.2)[0] for at in range(3)]
    assert together.tolist() == alone


def test_words_decide_more_the_wider_the_scores_of_typical_questions_are_spread() -> None:
    words = worded(0, 1, 0)
    assert fused(DENSE, words, NOTHING, 0.05).argmax() == 0  # 0.5 against 0.475
    assert fused(DENSE, words, NOTHING, 0.10).argmax() == 1  # 0.5 against 0.55


def test_a_name_outweighs_a_lead_in_meaning_of_three_spreads() -> None:
    dense = scores(0.4, 0.1)
    assert fused(dense, scores(0, 0), scores(0, 1), 0.1).tolist() == pytest.approx([0.4, 0.5])


def test_no_practice_has_no_score() -> None:
    nobody = scores()
    assert fused(nobody, nobody, nobody, 0.1).tolist() == []


def test_the_legs_stay_as_they_were() -> None:
    dense, words, names = DENSE.copy(), scores(1, 2, 3), scores(0, 1, 0)
    fused(dense, words, names, 0.1)
    assert (dense.tolist(), words.tolist(), names.tolist()) == (DENSE.tolist(), [1, 2, 3], [0, 1, 0])
