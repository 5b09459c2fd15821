"""Fitting an estimator to records: in the form in which its owner would, also where a class is lacking."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags

from divulge.core.hashing import Array
from divulge.core.inside import taken_apart
from divulge.core.records import Records
from divulge.core.threat import Task

FEWEST = 5
"""Records that a class needs to be learned where an estimator fails with all of them: folds and the like need some."""


def unfitted(estimator: Any) -> Any:
    """A clone, also of an estimator that scikit-learn refuses to clone since its constructor changes what it is given,
    as CatBoost's does.  What was frozen thaws, here and inside: fitting it would leave it the very model that is
    audited.
    """
    if isinstance(estimator, FrozenEstimator):
        return unfitted(estimator.estimator)
    try:
        made = clone(estimator)
        for name, value in made.get_params().items():
            if isinstance(value, FrozenEstimator):
                made.set_params(**{name: unfitted(value)})
        return made
    except Exception:  # RuntimeError of scikit-learn, and whatever a constructor raises
        settings = estimator.get_params(deep=False)
        return type(estimator)(**{name: _rebuilt(value) for name, value in settings.items()})


def _rebuilt(value: Any) -> Any:
    if isinstance(value, type):
        return value
    if hasattr(value, "get_params") and hasattr(value, "fit"):
        return unfitted(value)
    if type(value) in (list, tuple):
        return type(value)(_rebuilt(part) for part in value)
    return copy.deepcopy(value)


def inputs_of(records: Records) -> Any:
    """What an estimator is fitted on: rows as they were given; images as a matrix."""
    native = records.native()
    return native.reshape(len(native), -1) if isinstance(native, np.ndarray) and native.ndim > 2 else native


def labels_of(records: Records) -> Array:
    """Class labels as they were given, or values: [records]."""
    return known_labels(records)[records.y] if records.schema.classes else records.y


def known_labels(records: Records) -> Array:
    """The labels behind the codes: numbers as numbers, words as objects, so that a mixture stays one."""
    labels = np.asarray(records.schema.classes)
    if labels.dtype.kind in "biuf":
        return labels
    made = np.empty(len(labels), dtype=object)
    made[:] = records.schema.classes
    return made


def fit_estimator(model: Any, records: Records) -> Any:
    """The estimator, fitted.  One that fails where a class is lacking or has next to no records (halves of few records
    lack rare classes) is fitted on codes without gaps and without classes of fewer than FEWEST records, and answers in
    the records' classes.  Raises what the estimator raises.
    """
    x, y = inputs_of(records), labels_of(records)
    y = y[:, None] if _wants_columns(model) else y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the recipe is what it is, converged or not
        warnings.filterwarnings("ignore", message="The least populated class in y has only", category=UserWarning)
        warnings.filterwarnings("ignore", message="y contains no unlabeled samples", category=UserWarning)
        try:
            return model.fit(x, y)
        except Exception:
            counts = np.bincount(records.y, minlength=len(records.schema.classes)) if _classes(records) else None
            if counts is None or counts.min() >= FEWEST:
                raise
        return _fit_without(unfitted(model), records, counts)


def _wants_columns(model: Any) -> bool:
    """Whether an estimator is made for several outputs alone, so that one must be a column."""
    try:
        return not get_tags(taken_apart(model)[1]).target_tags.single_output
    except Exception:  # not made from scikit-learn's base class
        return False


def _classes(records: Records) -> bool:
    return records.schema.task is Task.CLASSIFICATION and bool(records.schema.classes)


def _fit_without(model: Any, records: Records, counts: Array) -> Any:
    """First with all classes that occur, then with those alone that have some records."""
    present, common = np.flatnonzero(counts > 0), np.flatnonzero(counts >= FEWEST)
    try:
        return Recoded.fitted(unfitted(model), records, present)
    except Exception:
        if len(common) < 2 or len(common) == len(present):
            raise
    return Recoded.fitted(unfitted(model), records, common)


@dataclass(eq=False)
class Recoded(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator that knows classes by codes without gaps.  known: the label behind each of its codes."""

    model: Any
    known: Array

    @classmethod
    def fitted(cls, model: Any, records: Records, classes: Array) -> Recoded:
        """On the records of these classes (codes of the schema)."""
        part = records.take(np.isin(records.y, classes))
        codes = np.searchsorted(classes, part.y)
        return cls(model.fit(inputs_of(part), codes), known_labels(records)[classes])

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
