"""How many guesses about canaries a private training lets be right, and what scores of canaries say beyond that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from divulge.claims.as_run import agreeing, bounded
from divulge.core.hashing import Array
from divulge.core.results.estimate import Detail, Estimate
from divulge.core.results.finding import Verdict
from divulge.core.results.metric import EPSILON_ONE_RUN
from divulge.core.results.trials import Scored
from divulge.stats.exchange import one_run_epsilon, one_run_tail
from divulge.stats.privacy.epsilon import epsilon_lower_bound
from divulge.stats.privacy.gaussian import epsilon_of, mu_lower_bound, one_run_mu
from divulge.stats.roc import roc

SHARES = (0.05, 0.2, 1.0)
"""Shares of the canaries about which guesses are made; Bonferroni pays for trying them all."""


@dataclass(frozen=True)
class OneRun:
    """epsilon: at least this, at `confidence` and `delta`, whatever the mechanism.  epsilon_if_gaussian, mu: the same
    for a mechanism with a Gaussian trade-off, as DP-SGD with many steps has nearly (Mahloujifar et al. 2024).
    epsilon_if_independent: at least this, whatever the mechanism, if scores of canaries do not depend on each other but
    through the coins, as they hardly do where canaries are few among many records or do not overlap; mu_if_independent,
    epsilon_if_both: the same for a Gaussian trade-off, where nothing is lost (Agrawal et al. 2026).
    guesses, right: of the best share.  ceiling: the largest epsilon that so many canaries could have shown.
    """

    verdict: str
    claimed: float | None
    epsilon: float
    epsilon_if_gaussian: float
    mu: float
    ceiling: float
    canaries: int
    guesses: int
    right: int
    delta: float
    confidence: float
    epsilon_if_independent: float = 0.0
    mu_if_independent: float = 0.0
    epsilon_if_both: float = 0.0
    runs: int = 1
    run: Path | None = field(default=None, compare=False, repr=False)


def apart(found: OneRun, score: Array, inside: Array) -> OneRun:
    """With the bounds from scores of canaries that are independent of each other: two arms, as the coins made them."""
    if inside.all() or not inside.any():
        return found
    places, alpha = np.arange(len(score)), 1 - found.confidence
    curve = roc(Scored(score, inside, places, places))
    mu = mu_lower_bound(curve, alpha)
    return replace(
        found,
        epsilon_if_independent=epsilon_lower_bound(curve, found.delta, alpha),
        mu_if_independent=mu,
        epsilon_if_both=bounded(epsilon_of(mu, found.delta)),
    )


def judged(
    score: Array,
    inside: Array,
    claimed: float | None,
    delta: float,
    confidence: float,
    rng: np.random.Generator,
) -> OneRun:
    """Bounds from scores of the canaries, higher for those believed to be in, and the truth: [canaries] each."""
    found = bounded_by(guessed(score, inside, rng), claimed, delta, confidence, len(score))
    return apart(found, score, inside)


def guessed(score: Array, inside: Array, rng: np.random.Generator) -> list[tuple[int, int]]:
    """For each of SHARES how many guesses were made, and how many were right."""
    order = np.lexsort((rng.random(len(score)), score))
    counts = []
    for share in SHARES:
        half = max(1, round(share * len(score) / 2))
        half = min(half, len(score) // 2)
        counts.append((2 * half, int(inside[order[-half:]].sum() + (~inside[order[:half]]).sum())))
    return counts


def bounded_by(
    counts: Sequence[tuple[int, int]], claimed: float | None, delta: float, confidence: float, canaries: int
) -> OneRun:
    """Bounds from how many guesses were right, of those that were made about so many canaries."""
    alpha = (1 - confidence) / len(SHARES)
    rows = []
    for guessed, right in counts:
        bound = one_run_epsilon(right, guessed, alpha, delta, canaries)
        mu = one_run_mu(right, guessed, alpha, canaries)
        top = one_run_epsilon(guessed, guessed, alpha, delta, canaries)
        rows.append((bound, mu, top, guessed, right))
    bound, _, _, guesses, right = max(rows)
    mu = max(row[1] for row in rows)
    leak = claimed is not None and bound > claimed
    return OneRun(
        verdict=(Verdict.LEAK if leak else Verdict.NOT_FOUND).value,
        claimed=claimed,
        epsilon=bound,
        epsilon_if_gaussian=epsilon_of(mu, delta),
        mu=mu,
        ceiling=max(row[2] for row in rows),
        canaries=canaries,
        guesses=guesses,
        right=right,
        delta=delta,
        confidence=confidence,
    )


def estimate_of(
    found: OneRun, counts: Sequence[tuple[int, int]], claimed: float | None, alpha: float, tests: int = 1
) -> Estimate:
    """The general bound as an estimate, with the p-value of the claim.  alpha: the error rate of the claim, of which
    the bound has spent one part of `tests`.
    """
    details = (
        Detail("epsilon_if_gaussian", bounded(found.epsilon_if_gaussian)),
        Detail("mu", found.mu),
        Detail("epsilon_if_independent", found.epsilon_if_independent),
        Detail("epsilon_if_both", bounded(found.epsilon_if_both)),
        Detail("ceiling", found.ceiling),
    )
    estimate = Estimate(
        metric=EPSILON_ONE_RUN,
        value=found.epsilon,
        low=found.epsilon,
        high=None,
        confidence=1 - alpha,
        chance=0.0,
        details=details,
    )
    if claimed is None:
        return replace(estimate, unmeasurable="no epsilon was claimed, so there is nothing to refute")

    def p_value(rows: Sequence[tuple[int, int]]) -> float:
        """Of guesses as right as these, if the claim holds."""
        tails = [one_run_tail(right, guessed, claimed, found.delta, found.canaries) for guessed, right in rows]
        return min(1.0, tests * len(SHARES) * min(tails))

    return replace(
        estimate,
        threshold=claimed,
        p_value=agreeing(p_value(counts), found.epsilon > claimed, alpha),
        attainable=agreeing(p_value([(guessed, guessed) for guessed, _ in counts]), found.ceiling > claimed, alpha),
    )
