"""The easiest case of an adversary who rehearses updates on models of its own: it has the very model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from divulge.core.capability.targets import Updatable
from divulge.core.hashing import Array
from divulge.core.language.token_scores import TokenScores
from divulge.core.records import Records
from divulge.core.target import Oracle, Target


@dataclass(frozen=True, eq=False)
class TheModelItself:
    """See core.view.Shadows: one model, the target, which learned from none of these records."""

    target: Updatable
    records: Records
    see: Callable[[Target], Oracle]

    @property
    def keep(self) -> Array:
        """See Shadows."""
        return np.zeros((1, len(self.records)), dtype=bool)

    def __len__(self) -> int:
        return 1

    def trained_on(self, records: Records) -> Array:
        """See Shadows."""
        return np.zeros((1, len(records)), dtype=bool)

    def oracle(self, model: int) -> Oracle:
        """See Shadows."""
        return self.see(self.target)

    def updated(self, model: int, records: Records, how: tuple[int, float, int]) -> Oracle:
        """See Shadows."""
        return self.see(self.target.updated(records, *how))

    def signals(self, records: Records, signal_of: Callable[[Array, Array], Array]) -> Array:
        """See Shadows."""
        return signal_of(self.oracle(0).log_scores(records), records.y)[None]

    def token_signals(self, records: Records, signal_of: Callable[[TokenScores], Array]) -> Array:
        """See Shadows."""
        return signal_of(self.oracle(0).token_logprobs(records))[None]
