"""An estimator of records that lack a class.  Apart from others since it needs scikit-learn to be defined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from divulge.core.hashing import Array
from divulge.training.recipes.unfitted import unfitted


@dataclass(eq=False)
class Recoded(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator that knows classes by codes without gaps.  known: the label behind each of its codes."""

    model: Any
    known: Array

    @property
    def classes_(self) -> Array:
        """The labels, in the order of the scores."""
        return self.known

    @property
    def feature_names_in_(self) -> Array:
        """Of the estimator; AttributeError where it has none."""
        return np.asarray(self.model.feature_names_in_)

    def fit(self, x: Any, y: Any) -> Recoded:
        """The estimator fitted anew on codes of these labels."""
        self.known, codes = np.unique(np.asarray(y), return_inverse=True)
        self.model = unfitted(self.model).fit(x, codes)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, x: Any) -> Array:
        """Labels [records]."""
        return np.asarray(self.known[np.asarray(self.model.predict(x)).astype(np.int64)])

    def __getattr__(self, name: str) -> Any:
        """Scores as the estimator gives them: predict_proba, decision_function, whichever it has."""
        if name in ("predict_proba", "decision_function", "predict_log_proba"):
            return getattr(self.model, name)
        raise AttributeError(name)
