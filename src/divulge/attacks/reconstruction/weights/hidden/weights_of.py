"""The weights of a model, in the order in which whoever hides data in them goes through them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from divulge.core.hashing import Array

LEARNED = ("coefs_", "intercepts_", "coef_", "intercept_")
"""What estimators learn by going downhill.  Thresholds, centres and kept records have the digits of the data."""

PARTS = ("steps", "estimators_", "estimator_", "calibrated_classifiers_", "estimator", "best_estimator_", "regressor_")
DEEPEST = 6


def weights_of(model: Any) -> list[Array]:
    """Float arrays of a network's parameters or an estimator's coefficients, as they lie in the file."""
    if hasattr(model, "named_parameters"):
        return [_plain(p) for _, p in model.named_parameters() if p.is_floating_point()]
    return list(_learned(model, DEEPEST, set()))


def _plain(parameter: Any) -> Array:
    held = parameter.detach().cpu()
    if str(held.dtype) == "torch.bfloat16":
        held = held.float()
    return np.asarray(held.numpy())


def _learned(thing: Any, depth: int, seen: set[int]) -> Iterator[Array]:
    if depth < 0 or id(thing) in seen or isinstance(thing, str | bytes | int | float | type(None)):
        return
    seen.add(id(thing))
    if isinstance(thing, list | tuple):
        for part in thing:
            yield from _learned(part, depth - 1, seen)
        return
    held = getattr(thing, "__dict__", {})
    for name in LEARNED:
        parts = held.get(name)
        for part in parts if isinstance(parts, list) else [parts]:
            if isinstance(part, np.ndarray) and part.dtype.kind == "f":
                yield part
    for name in PARTS:
        if name in held:
            yield from _learned(held[name], depth - 1, seen)


def in_a_row(arrays: list[Array], matrices: bool = False) -> Array:
    """All weights [n], of one type; those of matrices alone, as the authors of sign encoding have it."""
    chosen = [part.ravel() for part in arrays if part.ndim > 1 or not matrices]
    return np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.float32)
