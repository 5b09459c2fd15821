"""Can the evidence be trusted?  Coverage of intervals, false leaks under the null, and what the statistics cost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats

from divulge.core.results.estimate import Estimate
from divulge.core.results.finding import Measurement, Verdict
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Scored
from divulge.stats.auc import auc
from divulge.stats.intervals import clopper_pearson
from divulge.stats.privacy.epsilon import epsilon_lower_bound
from divulge.stats.roc import at_fpr, roc
from divulge.stats.scored import weigh_scored
from divulge.stats.verdict import settle
from harness import Row, main, seconds


def drawn(rng: np.random.Generator, n: int, shift: float) -> Scored:
    """Normal scores; members lie `shift` deviations higher."""
    index = np.arange(2 * n)
    return Scored(rng.normal(size=2 * n) + shift * (index < n), index < n, index, index)


def coverage(draws: int) -> Iterator[Row]:
    """How often 95 % intervals hold the truth."""
    rng = np.random.default_rng(0)
    for shift in (0.0, 0.5, 2.0):
        truth = stats.norm.cdf(shift / np.sqrt(2))
        held = [
            low <= truth <= high for low, high in (auc(drawn(rng, 300, shift)).interval(0.05) for _ in range(draws))
        ]
        share = float(np.mean(held))
        yield Row(f"coverage of the AUC interval, true AUC {truth:.3f}", share, bar=0.93)
    covered = []
    for _ in range(draws):
        evidence = drawn(rng, 1000, 0.0)
        point = at_fpr(roc(evidence), 0.01)
        threshold = np.sort(evidence.score[~evidence.exposed])[-point.fpr.successes - 1]
        covered.append(stats.norm.sf(threshold) <= clopper_pearson(point.fpr, 0.05).high)
    yield Row("true FPR below its upper end (97.5 % promised)", float(np.mean(covered)), bar=0.965)


def finding(attack: str, estimate: Estimate) -> Measurement:
    """An estimate as an audit without baseline and controls would report it."""
    return Measurement(
        attack=attack,
        game="membership",
        asset="membership",
        access="scores",
        metric=estimate.metric,
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        confidence=estimate.confidence,
        chance=estimate.chance,
        baseline=None,
        control=None,
        positive_control=None,
        advantage=estimate.advantage,
        advantage_low=estimate.advantage_low,
        power=estimate.detectable,
        threshold=estimate.threshold,
        p_value=estimate.p_value,
        queries=0,
        models_trained=0,
        seconds=0.0,
        seed=0,
        paper="",
    )


def null(draws: int) -> Iterator[Row]:
    """Findings called leaks where nothing leaks, eight attacks a run, and epsilon bounds that are too high."""
    rng, policy, leaks, above = np.random.default_rng(1), Policy(), 0, 0
    keep = np.e / (1 + np.e)
    for _ in range(draws):
        findings = []
        for attack in range(8):
            for estimate in weigh_scored(drawn(rng, 200, 0.0), policy):
                findings.append(finding(str(attack), estimate))
        leaks += any(f.verdict is Verdict.LEAK for f in settle(findings, policy, None))
        index = np.arange(1000)
        member = index < 500
        score = np.where(rng.random(1000) < keep, member, ~member).astype(float)
        above += epsilon_lower_bound(roc(Scored(score, member, index, index)), 0.0, 0.05) > 1.0
    for name, count in (("runs with a false leak", leaks), ("epsilon bounds above the true epsilon", above)):
        low, high = stats.binomtest(count, draws).proportion_ci()
        yield Row(name, count / draws, low, high, bar=0.05, better="below")


def cost(quick: bool) -> Iterator[Row]:
    """Seconds to weigh one attack."""
    rng = np.random.default_rng(2)
    for n in (5_000, 50_000) if quick else (5_000, 50_000, 500_000):
        evidence = drawn(rng, n, 0.3)
        yield Row(f"seconds to weigh {2 * n:,} scores", seconds(lambda e=evidence: weigh_scored(e, Policy())))


def measure(quick: bool) -> Iterator[Row]:
    """All of it."""
    draws = 300 if quick else 2000
    yield from coverage(draws)
    yield from null(draws // 3)
    yield from cost(quick)


if __name__ == "__main__":
    main("Can the evidence be trusted?", measure)
