"""Turn embeddings into log-odds by a linear model: small enough to be fitted at build time and applied with numpy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.encoder import Embeddings

Logits = npt.NDArray[np.float32]

_REGULARISATION = 10.0
"""Inverse strength (C of scikit-learn): 3 to 30 rank the questions of data/qrels alike, 10 spreads them well."""

_FOLDS = 10
_ROUNDS = 5_000


@dataclass(frozen=True, slots=True)
class LinearHead:
    """A logistic regression on embeddings: `weights` (k, dim + 1), the last column is the bias, one row a class.

    With two classes there is one row, for the second of them.
    """

    weights: npt.NDArray[np.float32]

    def logits(self, embeddings: Embeddings) -> Logits:
        """Return the log-odds (n, k) of each class."""
        odds: Logits = embeddings @ self.weights[:, :-1].T + self.weights[:, -1]
        return odds


def fit_head(embeddings: Embeddings, labels: Sequence[str], classes: Sequence[str]) -> LinearHead:
    """Return a head for `classes`, in this order, fitted on labelled embeddings (n, dim); every class must occur."""
    centre = embeddings.mean(axis=0)
    model = _logistic_regression().fit(embeddings - centre, _numbers(labels, classes))
    bias = model.intercept_ - model.coef_ @ centre
    return LinearHead(np.hstack([model.coef_, bias[:, None]]).astype(np.float32))


def held_out_logits(embeddings: Embeddings, labels: Sequence[str], classes: Sequence[str]) -> Logits:
    """Return the log-odds (n, k) of each row by a head that has not seen it (stratified cross-validation)."""
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # noqa: PLC0415  only a build needs it

    numbers = _numbers(labels, classes)
    folds = StratifiedKFold(min(_FOLDS, int(np.bincount(numbers).min())), shuffle=True, random_state=0)
    centred = embeddings - embeddings.mean(axis=0)
    found = cross_val_predict(_logistic_regression(), centred, numbers, cv=folds, method="decision_function")
    logits: Logits = np.asarray(found, dtype=np.float32).reshape(len(labels), -1)
    return logits


def _numbers(labels: Sequence[str], classes: Sequence[str]) -> npt.NDArray[np.int64]:
    return np.array([classes.index(label) for label in labels], dtype=np.int64)


def _logistic_regression() -> Any:  # noqa: ANN401  scikit-learn has no types
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  only a build needs it

    return LogisticRegression(C=_REGULARISATION, class_weight="balanced", max_iter=_ROUNDS)
