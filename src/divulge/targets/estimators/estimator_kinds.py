"""What kind of thing an estimator is, and its answers in one form: also of those that are made for several outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.utils.validation import check_is_fitted

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array
from divulge.core.inside import taken_apart, unwrapped
from divulge.core.threat import Task
from divulge.targets.estimators.objectives import refuse_scores_alone

ONE_OUTPUT = (
    "audit one output at a time: divulge.audit(lambda x: model.predict_proba(x)[0], (x, y[:, 0]), ...), with [:, 0] "
    "for [0] where it answers with one array and no list, or for values "
    "divulge.FunctionTarget(lambda x: model.predict(x)[:, 0], 'values')"
)

ONE_VALUE = (
    "audit one output at a time: divulge.FunctionTarget(lambda x: model.predict(x)[:, 0], 'values') with the y that it "
    "predicts, [:, 1] for the next one"
)


def task_of(estimator: Any) -> Task:
    """Whether a fitted estimator classifies or regresses.

    Raises InputError, with the way that there is, for what does neither, is not fitted, or is no estimator.
    """
    kind = type(estimator).__name__
    if not hasattr(estimator, "predict"):
        raise InputError(f"a {kind} has no predict(): pass a fitted scikit-learn estimator")
    if not hasattr(estimator, "fit") and not hasattr(estimator, "classes_"):
        raise InputError(
            f"a {kind} has predict() but is no scikit-learn estimator: wrap it in a function, divulge.audit(lambda x: "
            "model.predict(x), ...) for probabilities, divulge.FunctionTarget(..., 'values') for values"
        )
    _fitted(estimator, kind)
    refuse_scores_alone(estimator)
    found = _said(estimator)
    if found is None:
        raise InputError(_neither(estimator, kind))
    if found is Task.CLASSIFICATION:
        classes_of(estimator)
    return found


def _fitted(estimator: Any, kind: str) -> None:
    asked = getattr(estimator, "is_fitted", None)  # CatBoost
    try:
        if callable(asked):
            if not asked():
                raise ValueError
        elif hasattr(estimator, "get_params") and hasattr(estimator, "fit"):
            check_is_fitted(estimator)
    except Exception as error:
        raise InputError(f"the {kind} is not fitted: call fit() before the audit") from error


def _said(estimator: Any) -> Task | None:
    """What the estimator says that it is; one without such words is a classifier where it knows classes."""
    try:
        if is_classifier(estimator):
            return Task.CLASSIFICATION
        if is_regressor(estimator):
            return Task.REGRESSION
    except Exception:  # no tags: it is not made from scikit-learn's base class
        kind = getattr(estimator, "_estimator_type", "classifier" if hasattr(estimator, "classes_") else None)
        return {"classifier": Task.CLASSIFICATION, "regressor": Task.REGRESSION}.get(kind or "")
    return None


def _neither(estimator: Any, kind: str) -> str:
    inner = unwrapped(estimator)
    try:
        outliers, clusters = is_outlier_detector(inner), is_clusterer(inner)
    except Exception:  # no tags
        outliers = clusters = False
    if outliers or (not clusters and hasattr(estimator, "score_samples")):
        return (
            f"a {kind} predicts no y: audit its scores, divulge.FunctionTarget(model.score_samples, 'values') with the "
            "highest of them as y for every record, and the attack absolute_error tells whether members score higher"
        )
    if clusters:
        return (
            f"a {kind} predicts no y: wrap it in a function, divulge.FunctionTarget(model.predict, 'labels') with the "
            "clusters that are right for the records as y"
        )
    return f"a {kind} is neither classifier nor regressor: wrap it in a function"


def classes_of(estimator: Any) -> tuple[Any, ...]:
    """The labels that a classifier knows, in its order.  Raises InputError for one of several outputs."""
    known = getattr(estimator, "classes_", None)
    if known is None:
        raise InputError(f"a {type(estimator).__name__} has no classes_: wrap it in a function x -> scores")
    if getattr(estimator, "multilabel_", False) is True or _several(known):
        raise InputError(f"the {type(estimator).__name__} has several outputs: {ONE_OUTPUT}")
    return tuple(np.asarray(known[0] if _listed(known) else known).tolist())


def _listed(known: Any) -> bool:
    return isinstance(known, list) and len(known) > 0 and isinstance(known[0], np.ndarray | list)


def _several(known: Any) -> bool:
    return _listed(known) and len(known) > 1


def one_column(name: str, answer: object, way: str = ONE_OUTPUT) -> Array:
    """Labels or values of one output as [records]; raises TargetError, with the way, where there are several."""
    array = np.asarray(answer)
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    if array.ndim == 2:
        raise TargetError(f"the model {name} answered with {array.shape[1]} values a record: {way}")
    return array


def one_score(answer: object) -> object:
    """Scores of one output.  What is made for several outputs gives a list of tables [records, classes]."""
    listed = isinstance(answer, list) and len(answer) == 1 and np.ndim(answer[0]) == 2
    return answer[0] if isinstance(answer, list) and listed else answer


def one_margin(answer: object) -> Array:
    """Margins [records, classes], the first of two classes at zero."""
    array = np.asarray(answer[0] if isinstance(answer, list) and len(answer) == 1 else answer)
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    return np.column_stack([np.zeros_like(flat), flat]) if flat.ndim == 1 else flat


def by_pairs(estimator: Any) -> bool:
    """Whether the margins of a classifier are of pairs of its classes: decision_function_shape='ovo' of an SVC."""
    _, inner = taken_apart(estimator)
    return getattr(inner, "decision_function_shape", None) == "ovo" and len(getattr(inner, "classes_", ())) > 2


def of_pairs(margins: Array, classes: int) -> Array:
    """Margins of one class each [records, classes] from those of pairs, (0, 1), (0, 2), ... (1, 2), ..., of which a
    positive one is for the first: the pairs that a class wins, and a share below one for how clearly, as scikit-learn's
    decision_function_shape='ovr' has it.
    """
    votes = np.zeros((len(margins), classes))
    sums = np.zeros_like(votes)
    pairs = [(first, second) for first in range(classes) for second in range(first + 1, classes)]
    for column, (first, second) in zip(margins.T, pairs, strict=True):
        votes[:, first] += column >= 0
        votes[:, second] += column < 0
        sums[:, first] += column
        sums[:, second] -= column
    return np.asarray(votes + sums / (3 * (np.abs(sums) + 1)))
