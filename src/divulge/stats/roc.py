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
    """How many control trials a false positive rate allows; 0 means that the rate cannot be measured."""
    return int(np.floor(fpr * n_control + 1e-9))


def at_fpr(curve: Roc, fpr: float) -> OperatingPoint:
    """The lowest threshold whose false positive rate does not exceed `fpr`."""
    return _point(curve, int(np.searchsorted(curve.fp, allowed(curve.n_control, fpr), side="right")) - 1)


def at_fnr(curve: Roc, fnr: float) -> OperatingPoint:
    """The highest threshold whose false negative rate does not exceed `fnr`."""
    needed = curve.n_exposed - allowed(curve.n_exposed, fnr)
    return _point(curve, int(np.searchsorted(curve.tp, needed, side="left")))


def _point(curve: Roc, index: int) -> OperatingPoint:
    return OperatingPoint(Rate(int(curve.tp[index]), curve.n_exposed), Rate(int(curve.fp[index]), curve.n_control))
