"""Students of values that are smooth in their inputs: ridge regression under a Gaussian kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.training.surrogates.encoding import encoded

NARROW = (0.05, 0.2, 0.8, 3.2)
"""Of the kernel, over the number of inputs, which are of unit variance."""

PENALTIES = 10.0 ** np.arange(-8, 1)
CHOOSING, MOST = 600, 4_000
"""Records by which width and penalty are chosen; and by which it learns: the work grows with their cube."""


@dataclass(frozen=True, eq=False)
class KernelStudent:
    """Kernel ridge regression of values: machines, Gaussian processes and networks are smooth, trees are not.

    scaler, model: fitted.  middle, spread: of the answers that were taught.
    """

    scaler: Any
    model: Any
    middle: float
    spread: float

    @classmethod
    def taught(cls, records: Records, wanted: Array, seed: int) -> KernelStudent:
        """See Students.teach.  Width and penalty are those of the smallest leave-one-out error, which is that of each
        answer over its place on the diagonal of the inverse (Rasmussen and Williams 2006, section 5.4.2).
        """
        from sklearn.kernel_ridge import KernelRidge
        from sklearn.preprocessing import StandardScaler

        order = np.random.default_rng(seed).permutation(len(records))[:MOST]
        x, y = encoded(records)[order], np.asarray(wanted, dtype=np.float64)[order]
        scaler = StandardScaler().fit(x)
        middle, spread = float(y.mean()), float(y.std()) or 1.0
        z, t = np.nan_to_num(scaler.transform(x)), (y - middle) / spread
        part = slice(min(len(z), CHOOSING))
        gamma, penalty = _chosen(z[part], t[part])
        return cls(scaler, KernelRidge(kernel="rbf", gamma=gamma, alpha=penalty).fit(z, t), middle, spread)

    @property
    def module(self) -> Any:
        """See Student."""
        return self.model

    def log_scores(self, records: Records) -> Array:
        """See Surrogate."""
        z = np.nan_to_num(self.scaler.transform(encoded(records)))
        parts = [self.model.predict(z[start : start + 4096]) for start in range(0, len(z), 4096)]
        return np.concatenate([np.zeros(0), *parts]) * self.spread + self.middle


def _chosen(z: Array, t: Array) -> tuple[float, float]:
    """The kernel's gamma and the penalty."""
    from sklearn.metrics.pairwise import rbf_kernel

    errors = {}
    for narrow in NARROW:
        gamma = narrow / max(z.shape[1], 1)
        values, vectors = np.linalg.eigh(rbf_kernel(z, gamma=gamma))
        turned = vectors.T @ t
        for penalty in PENALTIES:
            inverse = 1 / (np.maximum(values, 0) + penalty)
            left = (vectors @ (inverse * turned)) / ((vectors**2) @ inverse)
            errors[gamma, float(penalty)] = float(np.mean(left**2))
    return min(errors, key=lambda setting: errors[setting])
