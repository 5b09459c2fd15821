"""A small model as matrices and activations: what encrypted computation can carry out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.polynomial.polynomial import polyfit, polyval
from scipy.special import expit

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.records import Records

DEGREE = 3
"""Of the polynomial that stands for an activation."""


@dataclass(frozen=True, eq=False)
class Layered:
    """weights: [inputs, outputs] each, and bias.  activations: between two layers, one fewer, by name.

    classes: how many; a single output is the logit of the second of two.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    activations: tuple[str, ...]
    classes: int

    def ranges(self, rows: Array) -> tuple[float, ...]:
        """How far from 0 what goes into each activation is, on these records."""
        reach, x = [], np.asarray(rows, dtype=np.float64)
        for number, name in enumerate(self.activations):
            x = x @ self.weights[number] + self.biases[number]
            reach.append(float(np.abs(x).max()) or 1.0)
            x = _EXACT[name](x)
        return tuple(reach)

    def around(self, middle: Array, spread: Array) -> Layered:
        """The same model for inputs less `middle`, divided by `spread`: [inputs] each."""
        first = self.weights[0] * spread[:, None]
        bias = self.biases[0] + middle @ self.weights[0]
        return replace(self, weights=(first, *self.weights[1:]), biases=(bias, *self.biases[1:]))

    def shrunk(self, reach: tuple[float, ...]) -> tuple[Layered, list[Array]]:
        """The same model with what goes into each activation divided by its reach, so that nothing grows too large to
        be carried out, and for each activation the coefficients of 1, u, u^2, ...: least squares on [-1, 1].
        """
        by = (*reach, 1.0)
        weights = tuple(w / far for w, far in zip(self.weights, by, strict=True))
        biases = tuple(b / far for b, far in zip(self.biases, by, strict=True))
        at = np.linspace(-1, 1, 400)
        layers = [
            np.asarray(polyfit(at, _EXACT[name](at * far), DEGREE))
            for name, far in zip(self.activations, reach, strict=True)
        ]
        return replace(self, weights=weights, biases=biases), layers

    def logits(self, rows: Array, polynomials: list[Array] | None = None) -> Array:
        """In the clear: [records, outputs].  polynomials: instead of the activations."""
        x = np.asarray(rows, dtype=np.float64)
        for number, (weights, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ weights + bias
            if number < len(self.activations):
                name = self.activations[number]
                x = np.asarray(polyval(x, polynomials[number]) if polynomials else _EXACT[name](x))
        return np.asarray(x)

    def log_scores(self, logits: Array) -> Array:
        """[records, classes], from outputs."""
        wide = np.concatenate([np.zeros_like(logits), logits], axis=1) if logits.shape[1] == 1 else logits
        top = wide.max(axis=1, keepdims=True)
        return np.asarray(wide - top - np.log(np.exp(wide - top).sum(axis=1, keepdims=True)))


_EXACT: dict[str, Any] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "tanh": np.tanh,
    "logistic": expit,
}


def layered(model: Any, records: Records) -> Layered:
    """A linear classifier or small network of scikit-learn, alone or behind steps that scale, or a sequence of linear
    layers of PyTorch; raises InputError for any other, with what it could be.
    """
    if hasattr(model, "state_dict"):
        return _of_module(model)
    steps = [step for _, step in getattr(model, "steps", [])[:-1] if step is not None and not isinstance(step, str)]
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    if hasattr(last, "coefs_"):
        weights, biases = [np.asarray(w) for w in last.coefs_], [np.asarray(b) for b in last.intercepts_]
        names = [last.activation] * (len(weights) - 1)
        if any(name not in _EXACT for name in names):
            raise InputError(f"encrypted: activation {names[0]!r} is unknown: relu, tanh and logistic are carried out")
    elif hasattr(last, "coef_") and hasattr(last, "classes_"):
        weights, biases = [np.atleast_2d(last.coef_).T], [np.atleast_1d(np.asarray(last.intercept_))]
        names = []
    else:
        raise InputError(
            f"encrypted: a {type(last).__name__} cannot be carried out: give a linear classifier, an MLPClassifier, or "
            "a torch.nn.Sequential of linear layers"
        )
    if steps:
        scale, shift = _affine(steps, records)
        weights[0], biases[0] = scale @ weights[0], shift @ weights[0] + biases[0]
    return Layered(tuple(weights), tuple(biases), tuple(names), len(last.classes_))


def _affine(steps: list[Any], records: Records) -> tuple[Array, Array]:
    """Steps that scale as a matrix [inputs, outputs] and a shift; raises InputError for steps that do more."""

    def through(rows: Array) -> Array:
        frame: Any = pd.DataFrame(rows, columns=list(records.schema.names)) if records.schema.framed else rows
        for step in steps:
            frame = step.transform(frame)
        return np.asarray(frame.toarray() if hasattr(frame, "toarray") else frame, dtype=np.float64)

    try:
        flat = np.asarray(records.x.reshape(len(records), -1), dtype=np.float64)
        shift = through(np.zeros((1, flat.shape[1])))
        scale = through(np.eye(flat.shape[1])) - shift
        true = through(flat[:50])
    except (ValueError, TypeError) as error:
        raise InputError("encrypted: what the pipeline does before the model is more than scaling") from error
    if not np.allclose(flat[:50] @ scale + shift, true, atol=1e-6 * max(1.0, float(np.abs(true).max()))):
        raise InputError("encrypted: what the pipeline does before the model is more than scaling")
    return scale, shift[0]


def _of_module(module: Any) -> Layered:
    from torch import nn

    kinds = {nn.ReLU: "relu", nn.Tanh: "tanh", nn.Sigmoid: "logistic"}
    weights: list[Array] = []
    biases: list[Array] = []
    names: list[str] = []
    parts = [m for m in module.modules() if not list(m.children()) and not isinstance(m, nn.Flatten | nn.Dropout)]
    for part in parts:
        if isinstance(part, nn.Linear):
            weights.append(part.weight.detach().double().cpu().numpy().T)
            biases.append(part.bias.detach().double().cpu().numpy() if part.bias is not None else np.zeros(1))
        elif type(part) in kinds and len(names) + 1 == len(weights):
            names.append(kinds[type(part)])
        else:
            raise InputError(f"encrypted: a layer of kind {type(part).__name__} cannot be carried out where it stands")
    if not weights or len(names) != len(weights) - 1:
        raise InputError("encrypted: it takes linear layers with an activation between each two of them")
    return Layered(tuple(weights), tuple(biases), tuple(names), max(weights[-1].shape[1], 2))
