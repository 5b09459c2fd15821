"""The strength of weight decay, where a network or a model of stochastic gradient descent has come to rest: there the
gradient of the mean loss and the decayed weights add up to nothing (Wang and Gong 2018, sections 4.2 to 4.4).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from divulge.attacks.extraction.objectives import codes_of, strengths, weights_of
from divulge.core.errors import Impossible
from divulge.core.hashing import Array

NEARLY = 0.01
"""Share of the gradient that may be left: with more, the strength would not be told to the hundredth part."""


def checked(pull: Array, pushes: Array) -> tuple[float, ...]:
    """See objectives.strengths, of what has come to rest only."""
    found = tuple(strength.value for strength in strengths(pull, pushes))
    left = np.linalg.norm(pull + pushes @ np.array(found)) / max(float(np.linalg.norm(pull)), 1e-300)
    if left > NEARLY:
        raise Impossible(f"training had not come to rest: {left:.1%} of the gradient is left at every strength")
    return found


def of_descent(model: Any, x: Array, y: Array) -> dict[str, float]:
    """SGDClassifier and SGDRegressor: mean loss + alpha (r |w|_1 + (1 - r)/2 |w|^2), on the weights that are not zero.

    Raises Impossible for losses with a kink, whose gradient there is anything.
    """
    w = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    margin = x @ w.T + model.intercept_
    if hasattr(model, "classes_"):
        codes = codes_of(model, y)
        sign = np.where(codes[:, None] == (np.arange(len(w)) if len(w) > 1 else [1]), 1.0, -1.0)
        weight = weights_of(model, codes)[:, None]
        error = weight * sign * _slope(model.loss, sign * margin)
    elif model.loss == "squared_error":
        error = margin - np.asarray(y, dtype=np.float64).reshape(len(x), 1)
    else:
        raise Impossible(f"the loss {model.loss} has kinks, where its gradient is not known")
    pull = error.T @ x / len(x)
    alive = w != 0
    absolute, square = np.sign(w[alive])[:, None], w[alive][:, None]
    if model.penalty == "elasticnet":
        l1, l2 = checked(pull[alive], np.hstack([absolute, square]))
        return {"alpha": l1 + l2, "l1_ratio": l1 / (l1 + l2)}
    if model.penalty not in ("l1", "l2"):
        raise Impossible("it was trained without a penalty")
    (alpha,) = checked(pull[alive], absolute if model.penalty == "l1" else square)
    return {"alpha": alpha}


def _slope(loss: str, z: Array) -> Array:
    """Derivative of a smooth loss of the margin."""
    if loss == "log_loss":
        return np.asarray(-1 / (1 + np.exp(np.clip(z, -500, 500))))
    if loss == "squared_hinge":
        return np.asarray(-2 * np.maximum(1 - z, 0))
    if loss == "modified_huber":
        return np.asarray(np.where(z < -1, -4.0, -2 * np.maximum(1 - z, 0)))
    if loss == "squared_error":
        return np.asarray(z - 1)
    raise Impossible(f"the loss {loss} has kinks, where its gradient is not known")


def of_perceptron(model: Any, x: Array, y: Array) -> dict[str, float]:
    """MLPClassifier and MLPRegressor: mean loss + alpha / (2 records) sum of squared weights, biases not decayed."""
    if getattr(model, "loss", "squared_error") not in ("log_loss", "squared_error"):
        raise Impossible(f"the loss {model.loss} is not among those whose gradient it knows")
    layers = [x]
    for number, (w, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        z = layers[-1] @ w + b
        layers.append(z if number == len(model.coefs_) - 1 else _active(model.activation, z))
    out = layers.pop()
    if hasattr(model, "classes_"):
        codes = codes_of(model, y)
        if out.shape[1] == 1:
            error = 1 / (1 + np.exp(-out)) - (codes == 1)[:, None]
        else:
            shares = np.exp(out - out.max(axis=1, keepdims=True))
            error = shares / shares.sum(axis=1, keepdims=True) - np.eye(out.shape[1])[codes]
    else:
        error = out - np.asarray(y, dtype=np.float64).reshape(len(x), -1)
    pulls = []
    for w, before in zip(reversed(model.coefs_), reversed(layers), strict=True):
        pulls.append((before.T @ error / len(x)).ravel())
        error = (error @ w.T) * _steep(model.activation, before)
    push = np.concatenate([w.ravel() for w in reversed(model.coefs_)]) / len(x)
    try:
        (alpha,) = checked(np.concatenate(pulls), push[:, None])
    except Impossible as error:
        if model.activation != "relu":
            raise
        raise Impossible(f"{error}; units of ReLU can also rest where a record lies on their kink") from error
    return {"alpha": alpha}


def _active(kind: str, z: Array) -> Array:
    if kind == "relu":
        return np.maximum(z, 0)
    if kind == "tanh":
        return np.asarray(np.tanh(z))
    return np.asarray(1 / (1 + np.exp(-z))) if kind == "logistic" else z


def _steep(kind: str, active: Array) -> Array:
    """Derivative of an activation by its own value."""
    if kind == "relu":
        return 1.0 * (active > 0)
    if kind == "tanh":
        return 1 - active**2
    return np.asarray(active * (1 - active)) if kind == "logistic" else np.ones_like(active)


def of_module(module: Any, x: Array, y: Array) -> dict[str, float]:
    """A PyTorch classifier: mean cross-entropy + decay / 2 sum of all squared weights of its matrices, which is what
    weight decay within the gradient amounts to.
    """
    import torch

    kind = next(module.parameters()).dtype
    training = module.training
    module.eval()
    try:
        weights = [p for p in module.parameters() if p.dim() > 1 and p.requires_grad]
        with torch.enable_grad():
            out = module(torch.as_tensor(x).to(kind))
            if not isinstance(out, torch.Tensor) or out.dim() != 2 or out.shape[1] < 2:
                raise Impossible("its outputs are not one logit for each class")
            loss = torch.nn.functional.cross_entropy(out, torch.as_tensor(np.asarray(y), dtype=torch.int64))
            slopes = torch.autograd.grad(loss, weights, allow_unused=True)
    finally:
        module.train(training)
    used = [(w, s) for w, s in zip(weights, slopes, strict=True) if s is not None]
    pull, push = (np.concatenate([p[k].detach().double().numpy().ravel() for p in used]) for k in (1, 0))
    (decay,) = checked(pull, push[:, None])
    return {"weight_decay": decay}
