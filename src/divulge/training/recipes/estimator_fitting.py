"""Fitting an estimator to records: in the form in which its owner would, also where a class is lacking."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from divulge.core.hashing import Array
from divulge.core.inside import taken_apart
from divulge.core.records import Records
from divulge.core.threat import Task
from divulge.training.recipes.unfitted import unfitted

FEWEST = 5
"""Records that a class needs to be learned where an estimator fails with all of them: folds and the like need some."""


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
    known = np.empty(len(labels), dtype=object)
    known[:] = records.schema.classes
    return known


def fit_estimator(model: Any, records: Records) -> Any:
    """The estimator, fitted.  One that fails where a class is lacking or has next to no records (halves of few records
    lack rare classes) is fitted on codes without gaps and without classes of fewer than FEWEST records, and answers in
    the records' classes.  Raises what the estimator raises.
    """
    from sklearn.exceptions import ConvergenceWarning

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
    from sklearn.utils import get_tags

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
        return _recoded(unfitted(model), records, present)
    except Exception:
        if len(common) < 2 or len(common) == len(present):
            raise
    return _recoded(unfitted(model), records, common)


def _recoded(model: Any, records: Records, classes: Array) -> Any:
    """Fitted on the records of these classes (codes of the schema), by codes without gaps."""
    from divulge.training.recipes.recoded import Recoded

    part = records.take(np.isin(records.y, classes))
    codes = np.searchsorted(classes, part.y)
    return Recoded(model.fit(inputs_of(part), codes), known_labels(records)[classes])
