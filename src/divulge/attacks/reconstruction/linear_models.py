"""What a linear model's file says of a record that it was trained with, or without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.threat import Task

BOTH = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
FAINT = 1e-12


@dataclass(frozen=True, eq=False)
class LinearModel:
    """weights: [outputs, inputs], bias: [outputs].  link: softmax, sigmoid or identity.  penalty: of half the squared
    weights, beside the sum of all records' losses.  steps: of a pipeline, before it.
    """

    weights: Array
    bias: Array
    link: str
    penalty: float
    steps: tuple[Any, ...]
    classes: tuple[Any, ...]

    def prepared(self, x: Array) -> Array:
        """What the model is given for records: [records, inputs]."""
        rows = np.asarray(x, dtype=np.float64).reshape(len(x), -1)
        for step in self.steps:
            rows = np.asarray(step.transform(rows), dtype=np.float64)
        return rows

    def plain(self, rows: Array) -> Array:
        """The way back."""
        for step in reversed(self.steps):
            rows = np.asarray(step.inverse_transform(rows), dtype=np.float64)
        return rows

    def errors(self, rows: Array, y: Array) -> Array:
        """Slope of each record's loss by each output: [records, outputs]."""
        out = rows @ self.weights.T + self.bias
        if self.link == "identity":
            return np.asarray(out - np.asarray(y, dtype=np.float64).reshape(len(y), -1))
        if self.link == "sigmoid":
            return np.asarray(1 / (1 + np.exp(-out)) - np.asarray(y, dtype=np.float64)[:, None])
        return np.asarray(_softmax(out) - np.eye(len(self.bias))[np.asarray(y, dtype=np.int64)])

    def curvature(self, rows: Array, size: int) -> Array:
        """Hessian of the sum of `size` losses, as it is on other records: [outputs, inputs + 1] both ways, flat."""
        wide = np.column_stack([rows, np.ones(len(rows))])
        outputs, inputs = len(self.bias), wide.shape[1]
        out = rows @ self.weights.T + self.bias
        if self.link == "softmax":
            scores = _softmax(out)
            bend = np.einsum("ni,ij->nij", scores, np.eye(outputs)) - np.einsum("ni,nj->nij", scores, scores)
        else:
            chance = 1 / (1 + np.exp(-out)) if self.link == "sigmoid" else None
            slope = chance * (1 - chance) if chance is not None else np.ones_like(out)
            bend = np.einsum("ni,ij->nij", slope, np.eye(outputs))
        blocks = [[(wide * bend[:, i, j, None]).T @ wide for j in range(outputs)] for i in range(outputs)]
        hessian = np.block(blocks) * (size / len(rows))
        held = np.ones((outputs, inputs)) * self.penalty
        held[:, -1] = 0.0
        return np.asarray(hessian + np.diag(held.ravel()))

    def record(self, slope: Array) -> Array:
        """The record behind its own slope [outputs, inputs + 1] = error (x, 1)': the row with the strongest error,
        over its last entry; in the records' own units.
        """
        row = slope[int(np.abs(slope[:, -1]).argmax())]
        if abs(row[-1]) < FAINT:
            raise Impossible("the model's error on the record is zero: it has left no trace")
        return np.asarray(self.plain((row[:-1] / row[-1])[None])[0])


def _softmax(out: Array) -> Array:
    scores = np.exp(out - out.max(axis=1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=1, keepdims=True))


def linear_model(model: Any) -> LinearModel:
    """A linear model of scikit-learn, alone or at the end of a pipeline; raises Impossible for any other."""
    steps = tuple(
        step for _, step in getattr(model, "steps", [])[:-1] if step is not None and not isinstance(step, str)
    )
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    kind = type(last).__name__
    weights, bias = (getattr(last, name, None) for name in ("coef_", "intercept_"))
    if weights is None or bias is None or kind not in ("LogisticRegression", "Ridge", "LinearRegression"):
        raise Impossible(f"it reads logistic, ridge and linear regression, and this model is a {kind}")
    if not getattr(last, "fit_intercept", True):
        raise Impossible("the model has no intercept, which tells how strongly the record counts")
    if not all(hasattr(step, "inverse_transform") for step in steps):
        raise Impossible("what the pipeline does before the model cannot be undone")
    weights = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    bias = np.atleast_1d(np.asarray(bias, dtype=np.float64))
    link = "identity" if kind != "LogisticRegression" else "sigmoid" if len(bias) == 1 else "softmax"
    penalty = {"Ridge": getattr(last, "alpha", 0.0), "LinearRegression": 0.0}.get(kind, 1 / getattr(last, "C", 1.0))
    return LinearModel(weights, bias, link, float(penalty), steps, tuple(getattr(last, "classes_", ())))


def codes_for(model: LinearModel, records: Records) -> Array:
    """Class codes in the order of the model's outputs, or values."""
    if model.link == "identity" or not records.schema.classes:
        return records.y
    place = {label: code for code, label in enumerate(model.classes)}
    return np.array([place.get(records.schema.classes[code], place.get(code, code)) for code in records.y])
