"""A first answer without reference models: what the tail of the losses says (Dodd et al. 2025)."""

from __future__ import annotations

from divulge.core.results.estimate import Rate
from divulge.core.results.trials import Scored
from divulge.stats.roc import allowed, at_fnr, roc


def ruled_out(evidence: Scored, fnr: float) -> Rate | None:
    """The true negative rate of an attack at a low false negative rate: how many non-members lie where hardly any
    member does, below all but a share `fnr` of the members.  Of the loss attack these are the records of a high loss,
    whose absence among the members Dodd et al. 2025 read as a sign of memory (LOSS TNR).

    evidence: scores, higher for believed members; persons where they have several records.  None where there are too
    few members for the rate.
    """
    units = evidence.by_unit()
    curve = roc(units)
    if allowed(curve.n_exposed, fnr) < 0:
        return None
    point = at_fnr(curve, fnr)
    return Rate(point.fpr.trials - point.fpr.successes, point.fpr.trials)
