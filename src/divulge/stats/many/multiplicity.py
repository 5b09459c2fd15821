"""Correction for looking many times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from divulge.core.hashing import Array


def holm(p_values: Sequence[float]) -> Array:
    """Holm's adjusted p-values (1979), in the order given: any of them at most alpha keeps the family-wise error at
    alpha, whatever the dependence between the tests.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not len(p):
        return p
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
