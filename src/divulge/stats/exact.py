"""Claims about secrets become estimates: which share of them is right, and how likely it is to guess as many."""

from __future__ import annotations

import numpy as np

from divulge.core.results.estimate import Detail, Estimate
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Exact

CERTAIN = 1e-300
"""p-value of a comparison without chance: every parameter was compared with the true one."""


def weigh_exact(recovery: Exact, policy: Policy) -> Estimate:
    """Share of the secrets that are right.  Where they could be guessed, the p-value is that of guessing as many
    (Poisson binomial); a parameter is a real number, which nobody guesses.
    """
    metric = recovery.metric
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
