"""Linear heads on toy data: the right classes, the numbers of scikit-learn, and held-out odds that are held out."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from indexer.linear_head import LinearHead, fit_head, held_out_logits

COLOURS = ("red", "green", "blue")
TWO = ("no", "yes")


def clusters(classes, *, size=12, dim=8, seed=1):
    """Return embeddings (n, dim) of `size` rows a class, each near an axis of its own, and their labels, mixed."""
    rng = np.random.default_rng(seed)
    labels = [classes[at % len(classes)] for at in range(size * len(classes))]
    rows = rng.normal(0, 0.1, (len(labels), dim))
    rows[np.arange(len(labels)), [classes.index(label) for label in labels]] += 1
    return rows.astype(np.float32), labels


def shuffled(labels, seed=5):
    return [labels[at] for at in np.random.default_rng(seed).permutation(len(labels))]


def test_classes_that_lie_apart_are_told_apart():
    embeddings, labels = clusters(COLOURS)
    new, expected = clusters(COLOURS, seed=2)
    logits = fit_head(embeddings, labels, COLOURS).logits(new)
    assert logits.shape == (36, 3)
    assert [COLOURS[at] for at in logits.argmax(axis=1)] == expected


def test_the_rows_of_a_head_are_in_the_order_of_its_classes():
    embeddings, labels = clusters(COLOURS)
    order = ("blue", "red", "green")
    in_order, other = fit_head(embeddings, labels, COLOURS), fit_head(embeddings, labels, order)
    np.testing.assert_allclose(other.weights, in_order.weights[[2, 0, 1]], atol=1e-3)


@pytest.mark.parametrize("classes", [COLOURS, TWO])
def test_log_odds_are_those_of_scikit_learn_with_the_bias_folded_in(classes):
    embeddings, labels = clusters(classes)
    embeddings = embeddings + np.float32(3)  # far from the origin, so that a bias that is lost would be seen
    numbers = [classes.index(label) for label in labels]
    centre = embeddings.mean(axis=0)
    model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=5_000).fit(embeddings - centre, numbers)
    expected = model.decision_function(embeddings - centre).reshape(len(labels), -1)
    found = fit_head(embeddings, labels, classes).logits(embeddings)
    assert np.abs(expected).max() > 2
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_two_classes_have_one_row_which_is_for_the_second():
    embeddings, labels = clusters(TWO)
    head = fit_head(embeddings, labels, TWO)
    assert head.weights.shape == (1, 9)
    assert head.weights.dtype == np.float32
    assert [TWO[int(odds > 0)] for odds in head.logits(embeddings)[:, 0]] == labels


def test_a_class_with_few_examples_is_as_likely_as_one_with_many():
    # one dimension; both classes spread alike around -1 and +1, but the second is ten times as frequent
    offsets = np.linspace(-0.5, 0.5, 10)
    embeddings = np.concatenate([offsets - 1, *[offsets + 1] * 10])[:, None].astype(np.float32)
    head = fit_head(embeddings, ["no"] * 10 + ["yes"] * 100, TWO)
    middle, left, right = head.logits(np.array([[0], [-1], [1]], dtype=np.float32))[:, 0]
    assert middle == pytest.approx(0, abs=0.01)
    assert left == pytest.approx(-right, abs=0.01)
    assert right > 2


def test_log_odds_are_weights_times_embedding_plus_bias():
    head = LinearHead(np.array([[1, 2, 0.5], [-1, 0, 3]], dtype=np.float32))
    found = head.logits(np.array([[1, 0], [0.5, -1]], dtype=np.float32))
    np.testing.assert_allclose(found, [[1.5, 2], [-1, 2.5]])


def test_held_out_odds_tell_classes_that_lie_apart():
    embeddings, labels = clusters(COLOURS)
    logits = held_out_logits(embeddings, labels, COLOURS)
    assert logits.shape == (36, 3)
    assert [COLOURS[at] for at in logits.argmax(axis=1)] == labels


def test_held_out_odds_know_nothing_of_labels_that_mean_nothing():
    # more dimensions than rows: a head that has seen a row knows its label by heart
    rng = np.random.default_rng(7)
    embeddings = rng.normal(size=(200, 300)).astype(np.float32)
    labels = shuffled(["no", "yes"] * 100)
    is_yes = [label == "yes" for label in labels]
    seen = fit_head(embeddings, labels, TWO).logits(embeddings)[:, 0]
    unseen = held_out_logits(embeddings, labels, TWO)[:, 0]
    assert roc_auc_score(is_yes, seen) == 1
    assert roc_auc_score(is_yes, unseen) == pytest.approx(0.5, abs=0.1)


def test_a_row_with_the_label_of_the_others_is_held_against_them():
    # Among 20 equal pairs one row is called the opposite of all its neighbours: only a head that saw it would agree.
    embeddings, labels = clusters(TWO, size=20)
    wrong = labels.index("yes")
    told = [*labels]
    told[wrong] = "no"
    assert held_out_logits(embeddings, told, TWO)[wrong, 0] > 0


def test_held_out_odds_of_two_classes_are_one_column_for_the_second():
    embeddings, labels = clusters(TWO)
    logits = held_out_logits(embeddings, labels, TWO)
    assert logits.shape == (24, 1)
    assert [TWO[int(odds > 0)] for odds in logits[:, 0]] == labels


def test_held_out_odds_are_the_same_every_time():
    embeddings, labels = clusters(TWO)
    labels = shuffled(labels)
    first = held_out_logits(embeddings, labels, TWO)
    np.testing.assert_array_equal(held_out_logits(embeddings, labels, TWO), first)
    assert len(np.unique(first)) == len(labels)


def test_a_class_of_three_examples_is_held_out_in_three_parts():
    embeddings, labels = clusters(TWO)
    few = [at for at, label in enumerate(labels) if label == "yes"][3:]
    rest = [at for at in range(len(labels)) if at not in few]
    logits = held_out_logits(embeddings[rest], [labels[at] for at in rest], TWO)
    assert [TWO[int(odds > 0)] for odds in logits[:, 0]] == [labels[at] for at in rest]
