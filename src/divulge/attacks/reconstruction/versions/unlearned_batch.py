"""The records behind the sum of their slopes, in softmax regression."""

from __future__ import annotations

import numpy as np

from divulge.attacks.reconstruction.linear_models import LinearModel
from divulge.core.errors import Impossible
from divulge.core.hashing import Array

STEPS = 400


def batch_behind(model: LinearModel, slope: Array, count: int, known: Array) -> Array:
    """Records [count, inputs] in their own units whose slopes error(x) (x, 1)' add up to `slope` [outputs, inputs + 1].

    Their classes are those whose biases were pulled hardest; each starts as the class's row over its last entry and all
    are then moved together, to the least squares with a pull towards what public records are like.
    known: public records as the model is given them.
    Raises Impossible for fewer outputs than records: one output tells a weighted sum of them and no more.
    """
    from scipy.optimize import minimize

    if model.link != "softmax" or len(model.bias) < count:
        raise Impossible(
            f"{len(model.bias)} outputs tell no more than as many sums over the records: a batch of {count} has no "
            "unique answer"
        )
    classes = np.argsort(slope[:, -1])[:count]
    low, high = known.min(axis=0), known.max(axis=0)
    spread = np.maximum(known.std(axis=0), 1e-9)
    middle = known.mean(axis=0)
    begun = np.stack([_begun(slope[c], middle) for c in classes]).clip(low, high)
    marks = np.eye(len(model.bias))[classes]
    held = 1e-4 * float((slope**2).sum())

    def misfit(flat: Array) -> tuple[float, Array]:
        x = flat.reshape(count, -1)
        wide = np.column_stack([x, np.ones(count)])
        out = x @ model.weights.T + model.bias
        scores = np.exp(out - out.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        errors = scores - marks
        gap = errors.T @ wide - slope
        # d/dx of |gap|^2: through the record itself, and through what the model makes of it
        direct = errors @ gap[:, :-1]
        through = wide @ gap.T
        bend = scores * (through - (scores * through).sum(axis=1, keepdims=True))
        away = (x - middle) / spread
        value = float((gap**2).sum()) + held / len(flat) * float((away**2).sum())
        return value, (2 * (direct + bend @ model.weights) + 2 * held / len(flat) * away / spread).ravel()

    bounds = list(zip(np.tile(low, count), np.tile(high, count), strict=True))
    found = minimize(misfit, begun.ravel(), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS})
    return model.plain(found.x.reshape(count, -1))


def _begun(row: Array, middle: Array) -> Array:
    return row[:-1] / row[-1] if abs(row[-1]) > 1e-9 else middle
