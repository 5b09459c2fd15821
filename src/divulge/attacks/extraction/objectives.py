"""What scikit-learn's estimators minimize, solved for the strength of the penalty where training has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from divulge.core.errors import Impossible
from divulge.core.hashing import Array

NEAR_MARGIN = 1e-6
NEAR = 1e-3
"""Beyond the ends of an interval, the part of a grid's value by which it still counts as within."""

UNEXPLAINED = 0.05
"""Share of the gradient of the losses that the penalty may leave: more, and it is not what was minimized."""

NO_PULL = 1e-6
"""Share of all pulls at the weights that is left where they cancel, as far as solvers go."""

INSIDE = 1e-3
"""How far inside the margin a record lies whose dual coefficient has certainly reached its bound."""


@dataclass(frozen=True)
class Strength:
    """The strength of a penalty, and between which ends it lies for how far the training went."""

    value: float
    low: float
    high: float

    @classmethod
    def exactly(cls, value: float) -> Strength:
        """One that is read off and not solved for."""
        return cls(value, value, value)

    def inverse(self) -> Strength:
        """C of a lambda; the upper end is infinite where training ended before the penalty was felt."""
        if self.high <= 0:
            raise Impossible("the training had no penalty, or one of the other sign")
        high = 1 / self.low if self.low > 0 else np.inf
        # a solution of the wrong sign says only that the penalty is weak: the end of what is possible stands for it
        return Strength(1 / (self.value if self.value > 0 else self.high), 1 / self.high, high)

    def on(self, grid: Array | None) -> Strength:
        """The one value of a grid that was searched, where one alone lies within the ends."""
        low, high = self.low * (1 - NEAR), self.high * (1 + NEAR)
        within = [] if grid is None else [float(v) for v in grid if low <= v <= high]
        return Strength.exactly(within[0]) if len(within) == 1 else self


Strengths = dict[str, Strength]


def solve(model: Any, x: Array, y: Array) -> Strengths:
    """The strengths of the penalties of a fitted estimator in scikit-learn's terms.

    x: prepared inputs [records, features].  y: labels as the estimator was given them, codes of `classes_`, or values.
    Raises Impossible for estimators whose objective is not known here, and where the equations do not hold: records
    had weights of their own, the training did not end, or these are not the training data.
    """
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import (
        ElasticNet,
        ElasticNetCV,
        Lasso,
        LassoCV,
        LogisticRegression,
        Ridge,
        RidgeClassifier,
        RidgeClassifierCV,
        RidgeCV,
    )
    from sklearn.svm import SVC, SVR, LinearSVC, NuSVC

    solvers: list[tuple[tuple[type, ...], Callable[[Any, Array, Array], Strengths]]] = [
        ((RidgeClassifier, RidgeClassifierCV), _ridge_classifier),
        ((Ridge, RidgeCV), _ridge),
        ((Lasso, ElasticNet, LassoCV, ElasticNetCV), _elastic_net),
        ((KernelRidge,), _kernel_ridge),
        ((LogisticRegression,), _logistic),
        ((LinearSVC,), _linear_svc),
        ((SVC,), _svc),
        ((SVR,), _svr),
    ]
    for kinds, solver in solvers:
        if isinstance(model, kinds) and not isinstance(model, NuSVC):
            found = solver(model, x, y)
            return {name: strength.on(_searched(model, name)) for name, strength in found.items()}
    raise Impossible(f"the objective of a {type(model).__name__} is not among those that it can solve for")


def _searched(model: Any, name: str) -> Array | None:
    """The values among which an estimator chose its strength itself; None where it was given."""
    grid = {"C": "Cs_", "alpha": "alphas_" if hasattr(model, "alphas_") else "alphas"}.get(name, "")
    chosen = hasattr(model, "C_") or hasattr(model, "alpha_")
    found = getattr(model, grid, None) if chosen else None
    return None if found is None or np.ndim(found) == 0 else np.unique(np.asarray(found, dtype=np.float64))


def codes_of(model: Any, y: Array) -> Array:
    """Positions in `classes_` of labels, or of codes where they are no labels of the model."""
    classes = np.asarray(model.classes_)
    place = {label: code for code, label in enumerate(classes.tolist())}
    if all(label in place for label in set(np.asarray(y).tolist())):
        return np.array([place[label] for label in np.asarray(y).tolist()])
    return np.asarray(y).astype(np.int64)


def weights_of(model: Any, codes: Array) -> Array:
    """What a record counts by the class weights that the estimator was given: [records]."""
    from sklearn.utils.class_weight import compute_sample_weight

    labels = np.asarray(model.classes_)[codes]
    return np.asarray(compute_sample_weight(getattr(model, "class_weight", None), labels), dtype=np.float64)


def ratio(pull: Array, push: Array, slack: float | None = None) -> Strength:
    """The lambda that makes pull + lambda push smallest; Impossible where it stays large.

    slack: the largest |pull + lambda push| in any coordinate at which the solver ends.  It bounds lambda in each of
    them, and what meets all bounds is what the training can have been.
    """
    pull, push = pull.ravel(), push.ravel()
    if slack is None:
        return strengths(pull, push[:, None])[0]
    if not np.any(push):
        raise Impossible("all weights are zero, so every regularisation strength would do")
    moved = push != 0
    ends = (-pull[moved] + slack * np.array([[-1.0], [1.0]])) / push[moved]
    low, high = float(ends.min(axis=0).max()), float(ends.max(axis=0).min())
    if low > high or np.abs(pull[~moved]).max(initial=0.0) > slack:  # another reason to stop, or no reason at all
        return strengths(pull, push[:, None])[0]
    return Strength(float(np.clip(-(pull @ push) / (push @ push), low, high)), low, high)


def strengths(pull: Array, pushes: Array) -> tuple[Strength, ...]:
    """The lambdas that make pull + pushes lambdas smallest (equation 5 of the paper): [unknowns].

    What is left of the gradient shows how far the training was from its end: each lambda can be off by as much as if
    all that is left had been its doing.
    """
    if not np.any(pushes):
        raise Impossible("all weights are zero, so every regularisation strength would do")
    if pushes.shape[1] >= len(pull):
        raise Impossible(f"{pushes.shape[1]} unknowns and {len(pull)} equations: the strength is one of many")
    found = np.linalg.lstsq(pushes, -pull, rcond=None)[0]
    left = float(np.linalg.norm(pull + pushes @ found) / max(float(np.linalg.norm(pull)), 1e-300))
    if left > UNEXPLAINED:
        raise Impossible(
            f"{left:.0%} of the gradient is left at every strength: records had weights of their own, the training did "
            "not end, or its data are others"
        )
    off = np.linalg.norm(np.linalg.pinv(pushes), axis=1) * np.linalg.norm(pull + pushes @ found)
    return tuple(Strength(float(v), float(v - d), float(v + d)) for v, d in zip(found, off, strict=True))


@contextmanager
def _penalized(pull: Array, gross: Array) -> Iterator[None]:
    """Says that there is no penalty where none explains what is left of losses that pull at no weight.

    gross: the same gradient, were none of it to cancel.
    """
    try:
        yield
    except Impossible as error:
        if float(np.abs(pull).max()) > NO_PULL * float(np.abs(gross).max()):
            raise
        why = "the losses pull at no weight: it was trained without a penalty, or with one too small to be told"
        raise Impossible(why) from error


def _mixed(l1: Strength, l2: Strength) -> tuple[Strength, Strength]:
    """The sum of two strengths, and the share of the first."""
    ends = [l1.low / (l1.low + l2.high), l1.high / (l1.high + l2.low)]
    share = Strength(l1.value / (l1.value + l2.value), min(ends), max(ends))
    return Strength(l1.value + l2.value, l1.low + l2.low, l1.high + l2.high), share


def _ridge(model: Any, x: Array, y: Array) -> Strengths:
    """|y - Xw - b|^2 + alpha |w|^2."""
    w = np.asarray(model.coef_, dtype=np.float64).ravel()
    error = x @ w + model.intercept_ - y
    with _penalized(x.T @ error, np.abs(x).T @ np.abs(error)):
        return {"alpha": ratio(x.T @ error, w)}


def _ridge_classifier(model: Any, x: Array, y: Array) -> Strengths:
    """The same for every class, of targets 1 and -1."""
    codes = codes_of(model, y)
    w = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    wanted = np.where(codes[:, None] == (np.arange(len(w)) if len(w) > 1 else [1]), 1.0, -1.0)
    error = weights_of(model, codes)[:, None] * (x @ w.T + model.intercept_ - wanted)
    return {"alpha": ratio(error.T @ x, w)}


def _elastic_net(model: Any, x: Array, y: Array) -> Strengths:
    """1/(2n) |y - Xw - b|^2 + alpha r |w|_1 + alpha (1 - r)/2 |w|^2, on the coordinates that are not zero."""
    from sklearn.linear_model import Lasso, LassoCV

    w = np.asarray(model.coef_, dtype=np.float64).ravel()
    alive = w != 0
    if not alive.any():
        raise Impossible("all weights are zero, so every strong regularisation would do")
    pull = (x.T @ (x @ w + model.intercept_ - y))[alive] / len(x)
    if isinstance(model, (Lasso, LassoCV)):
        return {"alpha": ratio(pull, np.sign(w[alive]))}
    alpha, share = _mixed(*strengths(pull, np.column_stack([np.sign(w[alive]), w[alive]])))
    return {"alpha": alpha, "l1_ratio": share}


def _kernel_ridge(model: Any, x: Array, y: Array) -> Strengths:
    """(K + alpha I) c = y."""
    c = np.asarray(model.dual_coef_, dtype=np.float64).ravel()
    # in the order of the fit: the training data may be known in another one
    place = ((np.asarray(model.X_fit_)[:, None, :] - x[None]) ** 2).sum(axis=2).argmin(axis=1)
    kernel = np.asarray(model._get_kernel(model.X_fit_, model.X_fit_))
    return {"alpha": ratio(kernel @ c - y[place], c)}


def l1_share(model: Any) -> float:
    """How much of a logistic regression's penalty is the sum of absolute weights; Impossible where it has none."""
    penalty = getattr(model, "penalty", None)
    if penalty is None and hasattr(model, "penalty"):
        raise Impossible("it was trained without a penalty")
    if penalty in ("l1", "l2"):
        return 1.0 if penalty == "l1" else 0.0
    return float(getattr(model, "l1_ratio", None) or 0.0)


def _logistic(model: Any, x: Array, y: Array) -> Strengths:
    """C sum of weighted log losses + r |w|_1 + (1 - r)/2 |w|^2, on the weights that are not zero where r > 0.  The
    intercept is left out of the equations, penalised (liblinear) or not.
    """
    share, codes = l1_share(model), codes_of(model, y)
    w = np.asarray(model.coef_, dtype=np.float64)
    logits = x @ w.T + model.intercept_
    if len(w) == 1:
        error = ((1 + np.tanh(logits[:, 0] / 2)) / 2 - (codes == 1))[:, None]
    elif getattr(model, "solver", "") == "liblinear":  # one against the rest
        error = (1 + np.tanh(logits / 2)) / 2 - np.eye(len(w))[codes]
    else:
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        error = shares / shares.sum(axis=1, keepdims=True) - np.eye(len(w))[codes]
    weight = weights_of(model, codes)
    pull = (weight[:, None] * error).T @ x
    gross = (weight[:, None] * np.abs(error)).T @ np.abs(x)
    alive = w != 0 if share else np.ones_like(w, dtype=bool)
    if share in (0.0, 1.0):
        push = np.sign(w[alive]) if share else w[alive]
        with _penalized(pull, gross):
            return {"C": ratio(pull[alive], push, _slack(model, weight)).inverse()}
    total, mixed = _mixed(*strengths(pull[alive], np.column_stack([np.sign(w[alive]), w[alive]])))
    return {"C": total.inverse(), "l1_ratio": mixed}


def _slack(model: Any, weight: Array) -> float | None:
    """The largest coordinate of the gradient at which a logistic regression's solver ends: `tol`, of the objective
    divided by the weight of all records; None for solvers that end by another rule.
    """
    if getattr(model, "solver", "") not in ("lbfgs", "newton-cg", "newton-cholesky"):
        return None
    return float(model.tol) * float(weight.sum())


def _linear_svc(model: Any, x: Array, y: Array) -> Strengths:
    """C sum of weighted (squared) hinge losses + |w|^2/2 or |w|_1, the intercept penalised as one more weight.

    Of hinge losses the subgradient of a record on the margin is anything between 0 and 1: each is one more unknown.
    """
    codes = codes_of(model, y)
    weight = weights_of(model, codes)
    w = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    scale = float(model.intercept_scaling) if model.fit_intercept else 0.0
    absolute, squared = model.penalty == "l1", model.loss == "squared_hinge"
    pulls, pushes, loose = [], [], []
    for number, row in enumerate(w):
        bias = float(np.atleast_1d(model.intercept_)[number]) if model.fit_intercept else 0.0
        sign = np.where(codes == (number if len(w) > 1 else 1), 1.0, -1.0)
        slack = 1 - sign * (x @ row + bias)
        wide = np.column_stack([x, np.full(len(x), scale)]) if scale else x
        full = np.append(row, bias / scale) if scale else row
        near = np.zeros(len(x), dtype=bool) if squared else np.abs(slack) <= NEAR_MARGIN**0.5
        # Against the rest liblinear weighs the class alone; between two each has the weight of its own.
        counted = np.where(sign > 0, weight, 1.0) if len(w) > 1 else weight
        slope = 2 * np.maximum(slack, 0) if squared else 1.0 * ((slack > 0) & ~near)
        alive = full != 0 if absolute else np.ones_like(full, dtype=bool)
        pulls.append((np.sign(full) if absolute else full)[alive])
        pushes.append((-(counted * sign * slope) @ wide)[alive])
        loose.append((-sign[near, None] * wide[near])[:, alive])
    columns = np.concatenate(pushes)[:, None]
    unknown = np.zeros((len(columns), sum(len(part) for part in loose)))
    row_at, column_at = 0, 0
    for part in loose:
        unknown[row_at : row_at + part.shape[1], column_at : column_at + len(part)] = part.T
        row_at, column_at = row_at + part.shape[1], column_at + len(part)
    return {"C": strengths(np.concatenate(pulls), np.hstack([columns, unknown]))[0]}


def _svc(model: Any, x: Array, y: Array) -> Strengths:
    """The dual coefficient of a record inside the margin, or on its wrong side, is C times the weight of its class.

    Impossible where no record lies there, as then every larger C gives the same model, and where not all have one size.
    """
    dual = np.asarray(model.dual_coef_, dtype=np.float64)
    classes = np.repeat(np.arange(len(model.n_support_)), model.n_support_)
    sizes = np.abs(dual) / np.asarray(model.class_weight_, dtype=np.float64)[classes]
    pairs = copy(model)
    pairs.decision_function_shape = "ovo"
    between = np.asarray(pairs.decision_function(model.support_vectors_)).reshape(len(classes), -1)
    slack = np.zeros_like(dual)  # row r is of the pair of a record's class with the r-th of the others
    for number, (low, high) in enumerate(combinations(range(len(model.n_support_)), 2)):
        for own, row in ((low, high - 1), (high, low)) if len(dual) > 1 else ((low, 0), (high, 0)):
            of_own = classes == own
            slack[row, of_own] = 1 - np.sign(dual[row, of_own]) * between[of_own, number]
    return {"C": Strength.exactly(_bound(sizes[(dual != 0) & (slack > INSIDE + 2 * float(model.tol))]))}


def _svr(model: Any, x: Array, y: Array) -> Strengths:
    """A value that lies outside the tube has a dual coefficient of C; one on its edge is epsilon away."""
    sizes = np.abs(np.asarray(model.dual_coef_, dtype=np.float64)).ravel()
    place = ((np.asarray(model.support_vectors_)[:, None] - x[None]) ** 2).sum(axis=2).argmin(axis=1)
    away = np.abs(np.asarray(y, dtype=np.float64)[place] - model.predict(x[place]))
    # No support vector lies inside the tube, so that the least distance is its width, as well as the solver has it.
    bound = _bound(sizes[away > float(away.min()) + INSIDE * float(np.ptp(away)) + 2 * float(model.tol)])
    found = {"C": Strength.exactly(bound)}
    edge = sizes < bound * (1 - INSIDE)
    if edge.any():
        found["epsilon"] = Strength.exactly(float(np.median(away[edge])))
    return found


def _bound(sizes: Array) -> float:
    """The one size of all dual coefficients that have reached their bound."""
    if not len(sizes):
        raise Impossible(
            "no record lies inside the margin, or outside the tube, so every larger C gives the same model"
        )
    if float(np.ptp(sizes)) > 1e-6 * float(sizes.max()):
        raise Impossible(
            "dual coefficients that have reached their bound are of several sizes: records had weights of their own, "
            "or the data are others"
        )
    return float(sizes.max())
