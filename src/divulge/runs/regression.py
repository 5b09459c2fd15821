"""Whether a model leaks more than the one before it, by more than chance and by more than a hair."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from divulge.core.errors import InputError
from divulge.core.results.finding import Finding
from divulge.core.results.policy import Policy
from divulge.core.threat import ThreatModel
from divulge.stats.multiplicity import holm

HAIR = 0.5
"""Share of what the policy, or the usual one, tolerates by which a metric must have grown before it counts."""


@dataclass(frozen=True)
class Worse:
    """A metric of an attack that has grown.  growth: of the value beyond guessing, with its lower bound; p_adjusted: of
    the hypothesis that it has not, corrected for all that was compared.
    """

    finding: Finding
    before: Finding
    growth: float
    low: float
    p_adjusted: float


@dataclass(frozen=True)
class Progressed:
    """The comparison of two runs.  compared: how many metrics both have measured."""

    compared: int
    worse: tuple[Worse, ...]


def compared_with(
    findings: tuple[Finding, ...],
    before: tuple[Finding, ...],
    policy: Policy,
    threats: tuple[ThreatModel, ThreatModel],
) -> Progressed:
    """What leaks more than before.

    The difference of two estimates with intervals [l1, u1], [l2, u2] is bounded below by
    d - sqrt((v1 - l1)^2 + (u2 - v2)^2) (Zou and Donner 2008, Statistics in Medicine 27); for the p-value
    the same distances are taken as quantiles of normal errors.  Metrics share the error rate of the policy (Holm).
    Raises InputError where the two runs assumed adversaries with different access, or have nothing in common.
    """
    from scipy import stats

    new, old = threats
    if new.access != old.access or new.knowledge != old.knowledge:
        raise InputError(
            f"the runs cannot be compared: one assumes the {new.name} adversary, the other the {old.name} one; audit "
            "both models under the same threat model"
        )
    known = {_key(f): f for f in before if _measured(f)}
    pairs = [(f, known[_key(f)]) for f in findings if _measured(f) and _key(f) in known]
    if not pairs:
        raise InputError("the runs have no measured metric in common: audit both models with the same attacks")
    quantile = float(stats.norm.ppf((1 + policy.confidence) / 2))
    growths, p_values, lows = [], [], []
    for now, then in pairs:
        assert now.value is not None and then.value is not None and now.low is not None and then.high is not None
        growth = (now.value - now.chance) - (then.value - then.chance)
        spread = sqrt((now.value - now.low) ** 2 + (then.high - then.value) ** 2)
        growths.append(growth)
        lows.append(growth - spread)
        p_values.append(float(stats.norm.sf(growth * quantile / spread)) if spread > 0 else float(growth <= 0))
    adjusted = np.asarray(holm(p_values))
    worse = [
        Worse(now, then, growth, low, float(p))
        for (now, then), growth, low, p in zip(pairs, growths, lows, adjusted, strict=True)
        if p <= 1 - policy.confidence and growth > HAIR * _tolerated(now, policy)
    ]
    return Progressed(len(pairs), tuple(sorted(worse, key=lambda w: w.p_adjusted)))


def _key(finding: Finding) -> tuple[str, str]:
    return finding.attack, finding.metric


def _tolerated(finding: Finding, policy: Policy) -> float:
    return min(each.threshold(finding.key, finding.about) for each in (policy, Policy()))


def _measured(finding: Finding) -> bool:
    return finding.value is not None and finding.low is not None and finding.high is not None
