"""Copies that are written down instead of taught: linear models and networks from their parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.signals import log_softmax
from divulge.core.views.extraction import LINEAR, NETWORK, Parameters


@dataclass(frozen=True, eq=False)
class WrittenNetwork:
    """Fully connected layers with ReLU between them, in float64; with one layer a linear model.

    arrays: weights [out, in] and biases [out] in turn.  regression: its output is the answer itself.
    """

    arrays: tuple[Array, ...]
    regression: bool = False

    def logits(self, x: Array) -> Array:
        """Outputs [records, outputs] for inputs [records, features]; of one output and classes the pair (0, logit)."""
        last = len(self.arrays) // 2 - 1
        for layer in range(last + 1):
            x = x @ self.arrays[2 * layer].T + self.arrays[2 * layer + 1]
            x = np.maximum(x, 0) if layer < last else x
        if x.shape[1] == 1 and not self.regression:
            x = np.column_stack([np.zeros(len(x)), x[:, 0]])
        return np.asarray(x)

    def log_scores(self, records: Records) -> Array:
        """See Surrogate."""
        out = self.logits(records.flat())
        return out[:, 0] if self.regression else log_softmax(out)

    def claimed(self, up_to_scale: bool = False) -> Parameters:
        """What the attack says the target's parameters are."""
        return Parameters(LINEAR if len(self.arrays) == 2 else NETWORK, self.arrays, up_to_scale)
