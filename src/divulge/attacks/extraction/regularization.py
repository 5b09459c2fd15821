"""Stealing hyper-parameters (Wang and Gong 2018): where training ended, the gradient of its objective is zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.inside import prepared, taken_apart
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs, Task
from divulge.core.views.extraction import Claim, ExtractionGuess, ExtractionView

NEAR_MARGIN = 1e-6


@dataclass(frozen=True)
class Regularization:
    """For a learner that minimises loss + lambda x penalty, the parameters and the training data leave lambda as the
    only unknown of the equation "gradient = 0", which is solved by least squares over all coordinates (equation 5 of
    the paper); for hinge losses the subgradients at the margin are unknowns too, and left out.
    """

    card: ClassVar[Card] = Card(
        name="regularization",
        title="Regularisation strength",
        family=Family.EXTRACTION,
        asset=Asset.HYPERPARAMETERS,
        paper="wang2018",
        equations="sections 4.1 to 4.4",
        summary="solves for the regularisation strength of ridge, lasso, elastic net, logistic regression and SVMs",
        needs=Needs(
            Access.PARAMETERS,
            frozenset({Knowledge.TRAINING_DATA}),
            tasks=frozenset({Task.CLASSIFICATION, Task.REGRESSION}),
        ),
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack; no query."""
        view.numeric()
        model = view.target.parameters()
        data = view.training_data
        x = data.native()
        x = x.reshape(len(data), -1) if isinstance(x, np.ndarray) else x
        steps, last = taken_apart(model)
        x = np.asarray(prepared(steps, x), dtype=np.float64)
        found = solve(last, x, np.asarray(data.y))
        return ExtractionGuess(claims=tuple(Claim(name, value) for name, value in found.items()))


def solve(model: Any, x: Array, y: Array) -> dict[str, float]:
    """The regularisation strengths of a fitted estimator in scikit-learn's terms; y: class codes or values.

    Raises Impossible for estimators whose objective is not known here.
    """
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import ElasticNet, ElasticNetCV, Lasso, LassoCV, LogisticRegression, Ridge, RidgeCV
    from sklearn.svm import SVC, LinearSVC

    if isinstance(model, (Ridge, RidgeCV)):
        return {"alpha": _ridge(model, x, y)}
    if isinstance(model, (Lasso, ElasticNet, LassoCV, ElasticNetCV)):
        return _elastic_net(model, x, y)
    if isinstance(model, KernelRidge):
        return {"alpha": _kernel_ridge(model, x, y)}
    if isinstance(model, LogisticRegression):
        return {"C": _logistic(model, x, y)}
    if isinstance(model, LinearSVC):
        return {"C": _linear_svc(model, x, y)}
    if isinstance(model, SVC):
        return {"C": _svc(model)}
    raise Impossible(f"the objective of a {type(model).__name__} is not among those that it can solve for")


def _ratio(pull: Array, push: Array) -> float:
    """The lambda that makes pull + lambda push smallest."""
    size = float((push**2).sum())
    if size == 0:
        raise Impossible("all weights are zero, so every regularisation strength would do")
    return -float((pull * push).sum()) / size


def _ridge(model: Any, x: Array, y: Array) -> float:
    """|y - Xw - b|^2 + alpha |w|^2."""
    w = np.asarray(model.coef_, dtype=np.float64).ravel()
    return _ratio(x.T @ (x @ w + model.intercept_ - y), w)


def _elastic_net(model: Any, x: Array, y: Array) -> dict[str, float]:
    """1/(2n) |y - Xw - b|^2 + alpha r |w|_1 + alpha (1 - r)/2 |w|^2, on the coordinates that are not zero."""
    from sklearn.linear_model import Lasso, LassoCV

    w = np.asarray(model.coef_, dtype=np.float64).ravel()
    alive = w != 0
    if not alive.any():
        raise Impossible("all weights are zero, so every strong regularisation would do")
    pull = (x.T @ (x @ w + model.intercept_ - y))[alive] / len(x)
    if isinstance(model, (Lasso, LassoCV)):
        return {"alpha": _ratio(pull, np.sign(w[alive]))}
    push = np.column_stack([np.sign(w[alive]), w[alive]])
    l1, l2 = np.linalg.lstsq(push, -pull, rcond=None)[0]
    return {"alpha": float(l1 + l2), "l1_ratio": float(l1 / (l1 + l2))}


def _kernel_ridge(model: Any, x: Array, y: Array) -> float:
    """(K + alpha I) c = y."""
    c = np.asarray(model.dual_coef_, dtype=np.float64).ravel()
    # in the order of the fit: the training data may be known in another one
    place = ((np.asarray(model.X_fit_)[:, None, :] - x[None]) ** 2).sum(axis=2).argmin(axis=1)
    kernel = np.asarray(model._get_kernel(model.X_fit_, model.X_fit_))
    return -_ratio(y[place] - kernel @ c, c)


def _logistic(model: Any, x: Array, y: Array) -> float:
    """C sum log loss + 1/2 |w|^2; with no intercept in the penalty."""
    w = np.asarray(model.coef_, dtype=np.float64)
    logits = x @ w.T + model.intercept_
    if len(w) == 1:
        error = 1 / (1 + np.exp(-logits[:, 0])) - (y == y.max())
        return 1 / _ratio(x.T @ error, w.ravel())
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return 1 / _ratio((shares - np.eye(len(w))[y.astype(np.int64)]).T @ x, w)


def _linear_svc(model: Any, x: Array, y: Array) -> float:
    """C sum of (squared) hinge losses + 1/2 |w|^2, the intercept penalised as one more weight."""
    w = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    pulls, pushes = [], []
    for number, row in enumerate(w):
        sign = np.where(y == (number if len(w) > 1 else y.max()), 1.0, -1.0)
        slack = 1 - sign * (x @ row + np.atleast_1d(model.intercept_)[number])
        squared = model.loss == "squared_hinge"
        weight = -2 * sign * np.maximum(slack, 0) if squared else -sign * (slack > NEAR_MARGIN)
        pulls.append(row)
        pushes.append(x.T @ weight)
    return _ratio(np.concatenate(pulls), np.concatenate(pushes))


def _svc(model: Any) -> float:
    """Support vectors inside the margin have a dual coefficient of exactly C."""
    top = float(np.abs(model.dual_coef_).max())
    return top
