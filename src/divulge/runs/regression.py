"""Whether a model leaks more than the one before it, by more than chance and by more than a hair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from divulge.core.errors import InputError
from divulge.core.results.finding import Finding
from divulge.core.results.metric import AUC, Trials
from divulge.core.results.policy import Policy
from divulge.core.threat import ThreatModel
from divulge.runs.differences.changes import ComparedMetric, differences
from divulge.runs.differences.matching import matching
from divulge.runs.folder import RunFolder
from divulge.stats.many.multiplicity import holm

HAIR = 0.5
"""Share of what the policy, or the usual one, tolerates by which a metric must have grown before it counts."""

Judged = tuple[RunFolder, Sequence[Finding]]
"""A run, and its findings under the policy."""


@dataclass(frozen=True)
class Worse:
    """A metric of an attack that has grown.  growth: of the value beyond guessing, with its bounds; p_adjusted: of
    the hypothesis that it has not, corrected for all that was compared.  method: how it was compared, in words.
    values: before, and now.
    """

    finding: Finding
    before: Finding
    growth: float
    low: float
    high: float
    p_adjusted: float
    method: str = ""
    values: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Progressed:
    """The comparison of two runs.  compared: how many metrics both have measured.  records: what is known of the
    records of both, in words.  headline: growth of the AUC that grew most, with its bounds, None where none was
    compared; attack: whose.
    """

    compared: int
    worse: tuple[Worse, ...]
    records: str = ""
    headline: tuple[float, float, float] | None = None
    attack: str = ""


def compared_with(
    now: Judged, before: Judged, policy: Policy, threats: tuple[ThreatModel, ThreatModel], same: bool | None = None
) -> Progressed:
    """What leaks more than before.

    Each metric is compared from the stored evidence: paired where both runs are about the same records (see
    runs.differences.matching), with the uncertainty of both sides and of their thresholds elsewhere.  Metrics share the
    error rate of the policy (Holm).  same: what is stated of the records where their contents are not known.
    Raises InputError where the two runs assumed adversaries with different access, or have nothing in common.
    """
    new, old = threats
    if new.access != old.access or new.knowledge != old.knowledge:
        raise InputError(
            f"the runs cannot be compared: one assumes the {new.name} adversary, the other the {old.name} one; audit "
            "both models under the same threat model"
        )
    compared = differences(before, now, same)
    words = matching(before[0], now[0], same).words
    most = max((e for e in compared if e.now.key == AUC), key=lambda e: e.difference.value, default=None)
    headline = None
    if most is not None:
        low, high = most.difference.bounds((1 - policy.confidence) / len(compared))
        headline = (most.difference.value, low, high)
    attack = most.now.attack if most is not None else ""
    return Progressed(len(compared), grown(compared, policy), words, headline, attack)


def grown(compared: Sequence[ComparedMetric], policy: Policy) -> tuple[Worse, ...]:
    """Of what was compared that which has grown, the surest first."""
    adjusted = holm([each.difference.p_more for each in compared])
    worse = [
        _worse(each, float(p), policy)
        for each, p in zip(compared, adjusted, strict=True)
        if p <= 1 - policy.confidence and each.difference.value > HAIR * _tolerated(each.now, policy)
    ]
    return tuple(sorted(worse, key=lambda w: w.p_adjusted))


def _worse(each: ComparedMetric, p_adjusted: float, policy: Policy) -> Worse:
    low, high = each.difference.bounds(1 - policy.confidence)
    d = each.difference
    values = (d.before, d.now)
    if each.now.kind.trials is not Trials.SCORED:  # differences are of what is gained beyond a guess
        values = (each.before.value or 0.0, each.now.value or 0.0)
    return Worse(each.now, each.before, d.value, low, high, p_adjusted, d.method, values)


def _tolerated(finding: Finding, policy: Policy) -> float:
    return min(each.threshold(finding.key, finding.about) for each in (policy, Policy()))
