"""Boosted trees on one thread.

The trees that attacks learn are small, and threads that share such work wait for each other most of the time; on a
machine that is busy with something else they hardly come to work at all.
"""

from __future__ import annotations

from typing import Any

from divulge.core.hashing import Array


class Boosted:
    """A classifier, or a regressor, that works on one thread."""

    def __init__(self, regression: bool = False, **settings: Any) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        self._learner = kind(early_stopping=False, **settings)
        self._regression = regression

    def fit(self, x: Array, y: Array) -> Boosted:
        """Learn y [records] from x [records, features]."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, user_api="openmp"):
            self._learner.fit(x, y)
        return self

    def predict(self, x: Array) -> Array:
        """The value, or the log-odds of the second class: [records]."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, user_api="openmp"):
            predicted: Array = self._learner.predict(x) if self._regression else self._learner.decision_function(x)
        return predicted
