"""The receiver operating characteristic as counts: no interpolation, ties kept together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array
from divulge.core.results.estimate import Rate
from divulge.core.results.trials import Scored


@dataclass(frozen=True, eq=False)
class Roc:
    """Every operating point that the scores allow, from naming nobody to naming everybody.

    tp, fp: int [points], exposed and control trials above each threshold.
    """

    tp: Array
    fp: Array
    n_exposed: int
    n_control: int


@dataclass(frozen=True)
class OperatingPoint:
    """One threshold: how many of each arm lie above it."""

    tpr: Rate
    fpr: Rate

    @property
    def names_nobody(self) -> bool:
        """Whether the threshold lies above every score."""
        return self.tpr.successes + self.fpr.successes == 0

    @property
    def mirrored(self) -> OperatingPoint:
        """The same threshold with the arms exchanged: control trials below it, and exposed ones."""
        return OperatingPoint(
            Rate(self.fpr.trials - self.fpr.successes, self.fpr.trials),
            Rate(self.tpr.trials - self.tpr.successes, self.tpr.trials),
        )


def roc(evidence: Scored) -> Roc:
    """All operating points of scored evidence; trials with equal score and tie-break share one."""
    ranks = evidence.ranks()
    levels = int(ranks.max()) + 1
    above_exposed = np.bincount(ranks[evidence.exposed], minlength=levels)[::-1].cumsum()
    above_control = np.bincount(ranks[~evidence.exposed], minlength=levels)[::-1].cumsum()
    return Roc(
        np.concatenate([[0], above_exposed]),
        np.concatenate([[0], above_control]),
        evidence.n_exposed,
        evidence.n_control,
    )


def allowed(n_control: int, fpr: float) -> int:
    """How many control trials may lie above a threshold whose false positive rate is to be `fpr`; -1 where it cannot be
    measured.

    A threshold just above the (k + 1)-th control trial has a false positive rate of (k + 1) / (n + 1) on average, so
    that k = floor(fpr (n + 1)) - 1 is not above `fpr` on average, and 1 % takes 99 trials.
    """
    return int(np.floor(fpr * (n_control + 1) + 1e-9)) - 1


def at_fpr(curve: Roc, fpr: float) -> OperatingPoint:
    """The lowest threshold whose false positive rate is on average not above `fpr`; with too few control trials for it,
    the one that none of them passes.
    """
    return at_most_fp(curve, max(allowed(curve.n_control, fpr), 0))


def at_fnr(curve: Roc, fnr: float) -> OperatingPoint:
    """The highest threshold whose false negative rate is on average not above `fnr`, in the same way."""
    return at_most_fn(curve, max(allowed(curve.n_exposed, fnr), 0))


def at_most_fp(curve: Roc, count: int) -> OperatingPoint:
    """The lowest threshold that at most so many control trials pass."""
    return _point(curve, int(np.searchsorted(curve.fp, count, side="right")) - 1)


def at_most_fn(curve: Roc, count: int) -> OperatingPoint:
    """The highest threshold that all exposed trials but at most so many pass."""
    return _point(curve, int(np.searchsorted(curve.tp, curve.n_exposed - count, side="left")))


def at_least_fp(curve: Roc, count: int) -> OperatingPoint:
    """The highest threshold that at least so many control trials pass."""
    return _point(curve, int(np.searchsorted(curve.fp, count, side="left")))


def _point(curve: Roc, index: int) -> OperatingPoint:
    return OperatingPoint(Rate(int(curve.tp[index]), curve.n_exposed), Rate(int(curve.fp[index]), curve.n_control))
