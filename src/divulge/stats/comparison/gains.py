"""Whether more is gained beyond the best guess without the model: for what is rebuilt, inferred or copied."""

from __future__ import annotations

import numpy as np

from divulge.core.results.estimate import Rate
from divulge.core.results.finding import Finding
from divulge.core.results.trials import Counted, Exact, Paired
from divulge.stats.comparison.difference import Difference, by_t
from divulge.stats.comparison.rates import fisher
from divulge.stats.intervals import Interval, clopper_pearson, upper_quantile
from divulge.stats.paired import by_unit


def paired_difference(before: Paired, now: Paired) -> Difference:
    """Of what was gained unit by unit, hits less those of the blind guess.

    Unit by unit where both asked the same: the same units, of which the blind guess was right about the same ones.
    A variance that few units, all alike, would estimate as nothing is not believed: as if one more had gone the other
    way.
    """
    gains = [hits - blind for hits, blind in (by_unit(before), by_unit(now))]
    same = before.units == now.units and before.baseline == now.baseline
    if same:
        change = gains[1] - gains[0]
        n = len(change)
        error = (change.var(ddof=1) / n if n > 1 else 1.0) + (1 / n) ** 2
        return by_t(_means(gains), float(error) ** 0.5, max(n - 1, 1), "t, unit by unit", n, n)
    return _welch([(g.mean(), g.var(ddof=1) if len(g) > 1 else 1.0, len(g)) for g in gains])


def counted_difference(before: Counted, now: Counted) -> Difference:
    """Of the agreement of copies with their targets, beyond that of a copy made without any query; points are not known
    to be the same.
    """
    parts = []
    for each in (before, now):
        mean = (each.copy_only - each.baseline_only) / each.points
        square = (each.copy_only + each.baseline_only) / each.points
        parts.append((mean, (square - mean**2) * each.points / max(each.points - 1, 1), each.points))
    return _welch(parts)


def exact_difference(before: Exact, now: Exact) -> Difference:
    """Of the shares of secrets that are right.  Where they could be guessed, by Fisher's exact test; a parameter is not
    guessed, so that any growth is one.
    """
    rates = [Rate(each.recovered, each.values) for each in (before, now)]
    values = rates[0].value, rates[1].value
    if not before.chance and not now.chance:
        change = values[1] - values[0]
        point = Interval(change, change)
        return Difference(*values, lambda alpha: point, float(change <= 0), float(change >= 0), "compared one by one")

    def bounds(alpha: float) -> Interval:
        ends = [clopper_pearson(rate, alpha / 2) for rate in rates]
        return Interval(ends[1].low - ends[0].high, ends[1].high - ends[0].low)

    more, less = fisher(rates[1], rates[0]), fisher(rates[0], rates[1])
    return Difference(*values, bounds, more, less, "Fisher, exact")


def finding_difference(before: Finding, now: Finding, confidence: float) -> Difference:
    """Of two estimates of which intervals are all that is known (Zou and Donner 2008, Statistics in Medicine 27); for
    p-values and other levels their distances are taken as quantiles of normal errors.
    """
    first, second = ((f.value or 0.0, f.low or 0.0, f.high or 0.0) for f in (before, now))
    values = first[0] - before.chance, second[0] - now.chance
    change = values[1] - values[0]
    quantile = upper_quantile((1 - confidence) / 2)
    down = float(np.hypot(second[0] - second[1], first[2] - first[0])) / quantile
    up = float(np.hypot(second[2] - second[0], first[0] - first[1])) / quantile

    def tail(distance: float, error: float) -> float:
        from scipy import stats

        return float(stats.norm.sf(distance / error)) if error > 0 else float(distance <= 0)

    def bounds(alpha: float) -> Interval:
        z = upper_quantile(alpha / 2)
        return Interval(change - z * down, change + z * up)

    return Difference(*values, bounds, tail(change, down), tail(-change, up), "two intervals, independent")


def _means(gains: list[np.ndarray]) -> tuple[float, float]:
    return float(gains[0].mean()), float(gains[1].mean())


def _welch(parts: list[tuple[float, float, int]]) -> Difference:
    """Two independent means of gains in [-1, 1] (Welch 1947).  parts: mean, variance, and number of units, of each."""
    errors = [float(variance) / n + ((1 + abs(float(mean))) / n) ** 2 for mean, variance, n in parts]
    freedom = sum(errors) ** 2 / sum(e**2 / max(n - 1, 1) for e, (_, _, n) in zip(errors, parts, strict=True))
    of = max(n for _, _, n in parts)
    return by_t((float(parts[0][0]), float(parts[1][0])), sum(errors) ** 0.5, freedom, "Welch, independent", 0, of)
