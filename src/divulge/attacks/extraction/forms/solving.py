"""Answers under one form, solved for its unknowns."""

from __future__ import annotations

import numpy as np

from divulge.attacks.extraction.forms.written import (
    LINKS,
    GeneralizedLinear,
    OneAgainstRest,
    Quadratic,
    linked,
    shares_against_rest,
    squares,
)
from divulge.core.hashing import Array

MOST_UNKNOWNS = 600
"""Of an optimisation over dense derivatives."""

PAINS = 200
"""Evaluations of its derivatives."""


def behind_link(x: Array, values: Array) -> list[GeneralizedLinear]:
    """Planes through values [records] at as many inputs [records, inputs] as there are unknowns or more, one for each
    link that the values can have.
    """
    found = []
    wide = np.column_stack([x, np.ones(len(x))])
    for link in LINKS[1:]:
        linear = linked(values, link)
        if linear is not None:
            solved = np.linalg.lstsq(wide, linear, rcond=None)[0]
            found.append(GeneralizedLinear(solved[:-1], float(solved[-1]), link))
    return found


def quadratic(
    x: Array, log_scores: Array, crossed: bool, middle: Array, size: Array, faintest: float
) -> Quadratic | None:
    """Least squares over the log-odds of every class against the commonest, where both are not too faint; None where
    a class has fewer such answers than unknowns.
    """
    wide = squares((x - middle) / size, crossed)
    base = int((log_scores > faintest).sum(axis=0).argmax())
    terms = np.zeros((log_scores.shape[1], wide.shape[1]))
    if (log_scores > faintest).all():  # one decomposition for all classes
        terms, _, rank, _ = np.linalg.lstsq(wide, log_scores - log_scores[:, [base]], rcond=None)
        return Quadratic(terms.T, crossed, middle, size) if rank == wide.shape[1] else None
    for label in range(len(terms)):
        if label == base:
            continue
        seen = (log_scores[:, [base, label]] > faintest).all(axis=1)
        if seen.sum() < wide.shape[1]:
            return None
        odds = log_scores[seen, label] - log_scores[seen, base]
        terms[label], _, rank, _ = np.linalg.lstsq(wide[seen], odds, rcond=None)
        if rank < wide.shape[1]:
            return None
    return Quadratic(terms, crossed, middle, size)


def against_rest(x: Array, log_scores: Array, middle: Array, size: Array) -> OneAgainstRest | None:
    """Planes whose sigmoids, brought to a sum of one, are the shares (Tramèr et al. 2016, section 4.1.2: equations
    that are not linear, solved by optimisation).  None where there are too many unknowns.
    """
    from scipy.optimize import least_squares

    classes = log_scores.shape[1]
    wide = np.column_stack([(x - middle) / size, np.ones(len(x))])
    if classes * wide.shape[1] > MOST_UNKNOWNS or len(x) * (classes - 1) < classes * wide.shape[1]:
        return None
    wanted = log_scores - log_scores.mean(axis=1, keepdims=True)

    def residual(flat: Array) -> Array:
        logs = shares_against_rest(wide @ flat.reshape(classes, -1).T)
        return np.asarray((logs - logs.mean(axis=1, keepdims=True) - wanted).ravel())

    def slope(flat: Array) -> Array:
        margins = wide @ flat.reshape(classes, -1).T
        steep = 1 / (1 + np.exp(np.clip(margins, -500, 500)))
        centered = np.eye(classes)[None] - 1 / classes
        each = centered * steep[:, None, :]
        return np.asarray((each[:, :, :, None] * wide[:, None, None, :]).reshape(len(x) * classes, -1))

    start = np.linalg.lstsq(wide, np.log(np.expm1(-np.minimum(log_scores, -1e-12))) * -1, rcond=None)[0].T
    solved = least_squares(residual, start.ravel(), slope, xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=PAINS)
    planes = solved.x.reshape(classes, -1)
    weights = planes[:, :-1] / size
    return OneAgainstRest(weights, planes[:, -1] - weights @ middle)
