"""Trials that are compared with the best guess without the model, one by one, become estimates of what is gained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from divulge.core.results.estimate import Detail, Estimate, Rate
from divulge.core.results.exhibits import Quality
from divulge.core.results.metric import metric
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Paired
from divulge.core.wording import counted
from divulge.stats.intervals import Interval, p_value, upper_quantile
from divulge.stats.power import HARDLY_A_LOOK, POWER

MORE = (2, 3, 4, 6, 8, 12, 16, 32)
"""Times as many units as there were: what is tried to say how many would do."""


def mean_bounds(values: np.ndarray, alpha: float) -> Interval:
    """Interval at confidence 1 - alpha for the mean of independent values in [0, 1].

    Clopper and Pearson where all are 0 or 1; otherwise by betting, which holds for every distribution on [0, 1] and is
    narrow where values vary little (Waudby-Smith and Ramdas 2024, theorem 3).
    """
    from scipy import special

    n, total = len(values), float(values.sum())
    if np.isin(values, (0.0, 1.0)).all():
        low = float(special.betaincinv(total, n - total + 1, alpha / 2)) if total > 0 else 0.0
        high = float(special.betaincinv(total + 1, n - total, 1 - alpha / 2)) if total < n else 1.0
        return Interval(low, high)
    return Interval(_bet_low(values, alpha / 2), 1 - _bet_low(1 - values, alpha / 2))


def _bet_low(values: np.ndarray, alpha: float) -> float:
    """The lowest mean that a gambler who bets on higher values has not refuted: at confidence 1 - alpha the true one is
    above it.

    Stakes follow from the values before each bet alone: sqrt(2 log(1 / alpha) / (n variance)), at most 3/4 of what
    would ruin the gambler at once.
    """
    from scipy import optimize

    n = len(values)
    before = np.concatenate([[0.5], (0.5 + np.cumsum(values)) / (np.arange(n) + 2)])[:n]
    apart = np.concatenate([[0.25], (0.25 + np.cumsum((values - before) ** 2)) / (np.arange(n) + 2)])[:n]
    stakes = np.sqrt(2 * np.log(1 / alpha) / (n * np.maximum(apart, 1e-6)))

    def excess(mean: float) -> float:
        bets = np.minimum(stakes, 0.75 / mean)
        return float(np.log1p(bets * (values - mean)).sum() - np.log(1 / alpha))

    tiny = 1e-9
    if excess(tiny) <= 0:
        return 0.0
    top = float(values.mean())
    return float(optimize.brentq(excess, tiny, top)) if excess(top) < 0 else top


def by_unit(measure: Paired) -> tuple[np.ndarray, np.ndarray]:
    """Means of what the attack and the blind guess reached, unit by unit: [units] each."""
    _, place = np.unique(measure.units, return_inverse=True)
    size = np.bincount(place)
    return tuple(np.bincount(place, weights=part) / size for part in (measure.hits, measure.baseline))  # type: ignore[return-value]


def gain_low(measure: Paired, alpha: float) -> float:
    """Lower bound, at confidence 1 - alpha, of what the attack reaches beyond the blind guess.

    In the metric's own measure.  Trial by trial only the difference counts.  Where a unit is one yes or no, what was
    gained and what was lost are bounded each for itself, together by Bonferroni; otherwise the mean difference is
    bounded by betting.
    """
    hits, blind = by_unit(measure)
    gain = measure.span if measure.gain is None else measure.gain
    if measure.known:
        return gain * (mean_bounds(hits, alpha).low - float(blind.mean()))
    if np.isin(np.concatenate([hits, blind]), (0.0, 1.0)).all():
        won, given = np.maximum(hits - blind, 0), np.maximum(blind - hits, 0)
        return gain * (mean_bounds(won, alpha).low - mean_bounds(given, alpha).high)
    return gain * (2 * _bet_low((hits - blind + 1) / 2, alpha / 2) - 1)


def sign_p_value(measure: Paired) -> float | None:
    """Exact p-value of the attack being right no more often than the blind guess, from the units on which one of them
    was right and the other was not (McNemar 1947, by the binomial); None where units are no plain yes or no, or where
    the blind guess is known.
    """
    from scipy import special

    hits, blind = by_unit(measure)
    if measure.known or not np.isin(np.concatenate([hits, blind]), (0.0, 1.0)).all():
        return None
    won, lost = int((hits > blind).sum()), int((hits < blind).sum())
    return float(special.bdtrc(won - 1, won + lost, 0.5)) if won else 1.0


def weigh_paired(measure: Paired, qualities: Sequence[Quality], policy: Policy, tests: int = 1) -> Estimate:
    """One metric with its uncertainty.  tests: how many findings share the error rate, for an honest power."""
    alpha, threshold = 1 - policy.confidence, policy.threshold(measure.metric, measure.about)
    hits, blind = by_unit(measure)
    low, high = mean_bounds(hits, alpha)
    differ = float(np.mean(np.abs(hits - blind)))
    gain = measure.span if measure.gain is None else measure.gain
    spread = gain * np.sqrt(max(differ, 1 / len(hits)) / len(hits))
    advantage = gain * float(hits.mean() - blind.mean())

    def measured(mean: float) -> float:
        return 1 - measure.span * (1 - mean)

    return Estimate(
        metric=measure.metric,
        about=measure.about,
        unit=measure.unit or "record",
        value=measured(float(hits.mean())),
        low=measured(low),
        high=measured(high),
        confidence=policy.confidence,
        chance=measured(float(blind.mean())),
        advantage=advantage,
        advantage_low=gain_low(measure, alpha),
        advantage_corrected=gain_low(measure, alpha / tests),
        detectable=_visible(measure, blind, spread, threshold, alpha / tests),
        p_value=_p_value(measure, threshold),
        p_below=_p_below(measure),
        threshold=threshold,
        details=(
            *_residual(measure, hits, blind, alpha),
            *(d for q in _about(measure, qualities) for d in _details(q, alpha)),
        ),
        **_reach(measure, threshold, alpha / tests),
    )


def _visible(measure: Paired, blind: np.ndarray, spread: float, threshold: float, level: float) -> float:
    """The smallest advantage that would be found with probability POWER at this level; 1 where none would be for sure.

    Of units that are one yes or no each, by the very bound that decides: the fewest units that must be right.
    Otherwise by the normal approximation.
    """
    counts = by_unit(measure)[0] if measure.known else np.concatenate([by_unit(measure)[0], blind])
    if not np.isin(counts, (0.0, 1.0)).all():
        return min(1.0, float(threshold + (upper_quantile(level / 2) + 0.84) * spread))
    gain = measure.span if measure.gain is None else measure.gain
    chance = float(blind.mean())
    least = seen_from(len(blind), chance if measure.known else None, threshold / gain, level)
    return 1.0 if least is None else min(1.0, max(0.0, gain * (least - (chance if measure.known else 0.0))))


@cache
def seen_from(units: int, chance: float | None, threshold: float, level: float) -> float | None:
    """The share of units on which an attack must be right, or right where the blind guess is wrong, to be found with
    probability POWER; None where not even all would do.  chance: what the blind guess reaches, where that is known.
    """
    from scipy import special

    lost = float(special.betaincinv(1, units, 1 - level / 2)) if chance is None else chance
    needed = next(
        (k for k in range(1, units + 1) if special.betaincinv(k, units - k + 1, level / 2) - lost > threshold), None
    )
    return None if needed is None else float(special.betaincinv(needed, units - needed + 1, POWER))


def _p_value(measure: Paired, threshold: float) -> float:
    """Exact where nothing is tolerated and units are yes or no; by the bounds elsewhere."""
    exact = sign_p_value(measure) if threshold == 0 else None
    return p_value(lambda a: gain_low(measure, a), threshold) if exact is None else exact


def _p_below(measure: Paired) -> float | None:
    """Of doing at least as well on members as on others, where the baseline is the same attack on others: whoever is
    deduced less well than those who were not there stands on the wrong side.  None for copies, which a generator may
    weed out.
    """
    if not metric(measure.metric).residual:
        return None
    return sign_p_value(replace(measure, hits=measure.baseline, baseline=measure.hits))


def _reach(measure: Paired, threshold: float, level: float) -> dict[str, Any]:
    """What an attack that is always right would have had on as many units, and how many would do at this level."""

    def best(times: int) -> Paired:
        units = len(measure.units)
        placed = tuple(u + (max(measure.units) + 1) * t for t in range(times) for u in measure.units)
        return replace(measure, hits=(1.0,) * (units * times), baseline=measure.baseline * times, units=placed)

    reached = _p_value(best(1), threshold)
    there, kind = len(set(measure.units)), metric(measure.metric)
    if reached <= level:
        wanted = HARDLY_A_LOOK["property"] * (1 - measure.chance)
        enough = _enough(measure, wanted, threshold, level) if kind.needs_power else None
    else:
        enough = next((t * there for t in MORE if gain_low(best(t), level) > threshold), None)
    words = "" if enough is None else f"{counted(enough, measure.unit or kind.unit)} instead of {there}"
    return {"attainable": reached, "enough": words}


def _enough(measure: Paired, wanted: float, threshold: float, level: float) -> int | None:
    """How many units would do to see an advantage below `wanted`, if blind guesses go on as they do; None where as many
    as there are do, or no number that is tried.
    """
    hits, blind = by_unit(measure)
    there, gain = len(blind), measure.span if measure.gain is None else measure.gain
    differ = max(float(np.mean(np.abs(hits - blind))), 1 / there)

    def seen(units: int) -> float:
        spread = gain * np.sqrt(differ / units)
        more = replace(measure, hits=(1.0,) * units, baseline=_as_often(blind, units), units=tuple(range(units)))
        return _visible(more, np.asarray(more.baseline), spread, threshold, level)

    if seen(there) < wanted:
        return None
    return next((n for n in (round(there * t) for t in (1.25, 1.5, *MORE)) if seen(n) < wanted), None)


def _as_often(blind: np.ndarray, units: int) -> tuple[float, ...]:
    """So many blind guesses that reach as much as these."""
    return tuple(map(float, np.resize(blind, units)))


def residual_risk(main: Rate, control: Rate, confidence: float = 0.95) -> Detail:
    """What an attack reaches on people of the training set beyond what it reaches on others, as a share of what is left
    to reach: (main - control) / (1 - control), with rates drawn towards a half as Wilson's interval does, and its
    interval by propagation of error (Giomi et al. 2023, eq. 6 to 9), cut at 0 and 1.
    """
    z = upper_quantile((1 - confidence) / 2)

    def wilson(rate: Rate) -> tuple[float, float]:
        size = rate.trials + z**2
        spread = rate.successes * (rate.trials - rate.successes) / rate.trials + z**2 / 4
        return (rate.successes + z**2 / 2) / size, z / size * float(np.sqrt(spread))

    (reached, error), (usual, other) = wilson(main), wilson(control)
    risk = (reached - usual) / (1 - usual)
    half = float(np.hypot(error / (1 - usual), other * (reached - 1) / (1 - usual) ** 2))
    return Detail("residual risk", *(float(np.clip(v, 0, 1)) for v in (risk, risk - half, risk + half)))


def _residual(measure: Paired, hits: np.ndarray, blind: np.ndarray, alpha: float) -> tuple[Detail, ...]:
    """The residual risk, where the baseline is the same attack on others and each unit is one yes or no."""
    if not metric(measure.metric).residual or not np.isin(np.concatenate([hits, blind]), (0.0, 1.0)).all():
        return ()
    return (residual_risk(Rate(int(hits.sum()), len(hits)), Rate(int(blind.sum()), len(blind)), 1 - alpha),)


def _about(measure: Paired, qualities: Sequence[Quality]) -> list[Quality]:
    """Qualities that belong to a metric: those of all, and of what it is about."""
    return [q for q in qualities if q.about in ("", measure.about)]


def _details(quality: Quality, alpha: float) -> list[Detail]:
    """Medians with exact intervals from order statistics; means of what is only yes or no."""
    details = []
    for name, values in ((quality.name, quality.values), (f"{quality.name}, without the model", quality.baseline)):
        if values:
            each = np.asarray(values, dtype=float)
            if len(each) > 1 and np.isin(each, (0.0, 1.0)).all():
                details.append(Detail(name, float(each.mean()), *mean_bounds(each, alpha)))
            else:
                details.append(Detail(name, *median_with_interval(each, alpha)))
    return details


def median_with_interval(values: np.ndarray, alpha: float) -> tuple[float, float | None, float | None]:
    """The median and an exact interval between two order statistics; none where there are too few values."""
    from scipy import stats

    each = np.sort(values)
    n = len(each)
    below = int(stats.binom.ppf(alpha / 2, n, 0.5))
    if n < 6 or below < 1:
        return float(np.median(each)), None, None
    return float(np.median(each)), float(each[below - 1]), float(each[n - below])
