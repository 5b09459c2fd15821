"""How often a copy agrees with its target becomes estimates: fidelity above the best guess without any query."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from divulge.core.results.estimate import Detail, Estimate, Rate
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import CopyQuality, Step
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Counted
from divulge.stats.attainable import smallest
from divulge.stats.intervals import clopper_pearson, p_value, upper_quantile


def resolved(agreement: Counted, alpha: float) -> float:
    """Lower bound, at confidence 1 - alpha, of (copy - baseline) / (1 - baseline): the share of the baseline's
    disagreements that the copy resolves, less those that it adds.

    Exact for each of two binomials given the rest, together by Bonferroni: copy_only among the points where the
    baseline disagrees, and baseline_only among those where one of the two disagrees.
    """
    wrong = agreement.copy_only + agreement.neither
    if wrong == 0:
        return 0.0
    gained = clopper_pearson(Rate(agreement.copy_only, wrong), alpha / 2).low
    among = wrong + agreement.baseline_only
    lost = clopper_pearson(Rate(agreement.baseline_only, among), alpha / 2).high
    return gained - lost / max(1 - lost, 1e-12)


def weigh_counted(agreement: Counted, quality: CopyQuality | None, policy: Policy, tests: int = 1) -> Estimate:
    """Fidelity with its uncertainty.  quality: told beside it.  tests: how many findings share the error rate."""
    metric, alpha = agreement.metric, 1 - policy.confidence
    threshold = policy.threshold(metric)
    wrong = agreement.copy_only + agreement.neither
    if wrong == 0:
        return Estimate(
            metric,
            None,
            None,
            None,
            policy.confidence,
            1.0,
            threshold=threshold,
            unmeasurable="a guess without any query agrees with the target on every point",
        )
    rate = Rate(agreement.both + agreement.copy_only, agreement.points)
    low, high = clopper_pearson(rate, alpha)
    advantage = (agreement.copy - agreement.baseline) / (1 - agreement.baseline)
    spread = 0.5 / np.sqrt(wrong)
    return Estimate(
        metric=metric,
        value=rate.value,
        low=low,
        high=high,
        confidence=policy.confidence,
        chance=agreement.baseline,
        advantage=advantage,
        advantage_low=resolved(agreement, alpha),
        advantage_corrected=resolved(agreement, alpha / tests),
        detectable=min(1.0, float(threshold + (upper_quantile(alpha / tests / 2) + 0.84) * spread)),
        p_value=p_value(lambda a: resolved(agreement, a), threshold),
        threshold=threshold,
        details=tuple(_details(quality, alpha)) if quality is not None else (),
        **_reach(agreement, threshold, alpha / tests),
    )


def _reach(agreement: Counted, threshold: float, level: float) -> dict[str, Any]:
    """What a copy that agrees everywhere would have had on as many points, and how many would do at this level."""

    def best(times: int) -> Counted:
        right, wrong = agreement.both + agreement.baseline_only, agreement.copy_only + agreement.neither
        return replace(agreement, both=times * right, copy_only=times * wrong, baseline_only=0, neither=0)

    reached = p_value(lambda a: resolved(best(1), a), threshold)
    if reached <= level:
        return {"attainable": reached}
    times = smallest(lambda t: resolved(best(t), level) > threshold)
    number = "" if times is None else f"{times * agreement.points} points instead of {agreement.points}"
    return {"attainable": reached, "enough": number}


def _details(quality: CopyQuality, alpha: float) -> list[Detail]:
    """Accuracy of copy and target, and the divergence of their scores."""
    found = []
    if quality.judged:
        for name, right in (("accuracy_of_copy", quality.right_copy), ("accuracy_of_target", quality.right_target)):
            found.append(Detail(name, right / quality.judged, *clopper_pearson(Rate(right, quality.judged), alpha)))
    if quality.divergence is not None and quality.divergence_error is not None:
        half = upper_quantile(alpha / 2) * quality.divergence_error
        found.append(
            Detail("kl_divergence", quality.divergence, max(quality.divergence - half, 0.0), quality.divergence + half)
        )
    return found


def with_intervals(evidence: Evidence, alpha: float = 0.05) -> Evidence:
    """The same, with exact intervals at the points of its curve over queries."""

    def bounded(step: Step) -> Step:
        agreement = step.agreement
        low, high = clopper_pearson(Rate(agreement.both + agreement.copy_only, agreement.points), alpha)
        return replace(step, low=low, high=high)

    return replace(evidence, exhibits=tuple(bounded(e) if isinstance(e, Step) else e for e in evidence.exhibits))
