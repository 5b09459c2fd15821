"""Evidence of the extraction game becomes estimates: fidelity above the baseline, and what was recovered exactly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from divulge.core.evidence import Detail, Estimate, Rate
from divulge.core.policy import Policy
from divulge.core.theft import Agreement, Recovery, Theft
from divulge.stats.attainable import smallest
from divulge.stats.intervals import clopper_pearson, p_value, upper_quantile

PLACES = {"data": "fidelity", "uniform": "fidelity_uniform", "boundary": "fidelity_boundary"}
CERTAIN = 1e-300
"""p-value of a comparison without chance: every parameter was compared with the true one."""


def weigh_theft(theft: Theft, policy: Policy, tests: int = 1) -> tuple[Estimate, ...]:
    """All metrics of one attack.  tests: how many findings share the error rate, for an honest power."""
    found = [_fidelity(a, theft, policy, tests) for a in theft.agreements]
    found += [_recovered(r, policy) for r in theft.recoveries]
    for metric, reason in theft.lacking:
        found.append(
            Estimate(
                metric,
                None,
                None,
                None,
                policy.confidence,
                0.0,
                threshold=policy.threshold(metric),
                unmeasurable=reason,
            )
        )
    return tuple(found)


def resolved(agreement: Agreement, alpha: float) -> float:
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


def _fidelity(agreement: Agreement, theft: Theft, policy: Policy, tests: int) -> Estimate:
    metric, alpha = PLACES[agreement.where], 1 - policy.confidence
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
        detectable=min(1.0, float(threshold + (upper_quantile(alpha / tests / 2) + 0.84) * spread)),
        p_value=p_value(lambda a: resolved(agreement, a), threshold),
        threshold=threshold,
        details=tuple(_details(theft, alpha)) if agreement.where == "data" else (),
        **_reach(agreement, threshold, alpha / tests),
    )


def _reach(agreement: Agreement, threshold: float, level: float) -> dict[str, Any]:
    """What a copy that agrees everywhere would have had on as many points, and how many would do at this level."""

    def best(times: int) -> Agreement:
        right, wrong = agreement.both + agreement.baseline_only, agreement.copy_only + agreement.neither
        return replace(agreement, both=times * right, copy_only=times * wrong, baseline_only=0, neither=0)

    reached = p_value(lambda a: resolved(best(1), a), threshold)
    if reached <= level:
        return {"attainable": reached}
    times = smallest(lambda t: resolved(best(t), level) > threshold)
    number = "" if times is None else f"{times * agreement.points} points instead of {agreement.points}"
    return {"attainable": reached, "enough": number}


def _details(theft: Theft, alpha: float) -> list[Detail]:
    """Accuracy of copy and target, and the divergence of their scores."""
    found = []
    if theft.judged:
        for name, right in (("accuracy_of_copy", theft.right_copy), ("accuracy_of_target", theft.right_target)):
            found.append(Detail(name, right / theft.judged, *clopper_pearson(Rate(right, theft.judged), alpha)))
    if theft.divergence is not None and theft.divergence_error is not None:
        half = upper_quantile(alpha / 2) * theft.divergence_error
        found.append(
            Detail("kl_divergence", theft.divergence, max(theft.divergence - half, 0.0), theft.divergence + half)
        )
    return found


def _recovered(recovery: Recovery, policy: Policy) -> Estimate:
    """Share of the secrets that are right.  Where they could be guessed, the p-value is that of guessing as many
    (Poisson binomial); a parameter is a real number, which nobody guesses.
    """
    metric = f"{recovery.what}_recovered"
    value, threshold = recovery.recovered / recovery.values, policy.threshold(metric)
    chance = float(np.mean(recovery.chance)) if recovery.chance else 0.0
    if recovery.chance and chance > 0:
        p = guessing(recovery.chance, recovery.recovered)
    else:
        p = CERTAIN if value > threshold else 1.0
    worst = () if recovery.worst is None else (Detail("worst_error", recovery.worst),)
    advantage = (value - chance) / (1 - chance) if chance < 1 else 0.0
    return Estimate(
        metric=metric,
        value=value,
        low=value,
        high=value,
        confidence=policy.confidence,
        chance=chance,
        advantage=advantage,
        advantage_low=advantage,
        p_value=p if advantage > threshold else 1.0,
        threshold=threshold,
        details=(Detail("values", recovery.values), *worst),
        attainable=guessing(recovery.chance, recovery.values) if recovery.chance and chance > 0 else CERTAIN,
    )


def guessing(chance: tuple[float, ...], right: int) -> float:
    """Probability of at least so many right guesses, each right with its own probability."""
    spread = np.ones(1)
    for probability in chance:
        spread = np.convolve(spread, [1 - probability, probability])
    return float(min(1.0, spread[right:].sum()))


def with_intervals(theft: Theft, alpha: float = 0.05) -> Theft:
    """The same, with exact intervals at the points of its curve."""
    steps = []
    for step in theft.curve:
        agreement = step.agreement
        low, high = clopper_pearson(Rate(agreement.both + agreement.copy_only, agreement.points), alpha)
        steps.append(replace(step, low=low, high=high))
    return replace(theft, curve=tuple(steps))
