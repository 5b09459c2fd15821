"""The true positive rate at a false positive rate: value, interval, test and its power; the band around the curve."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats

from calibrated.worlds import World, binormal, held, rejected, seeded, told
from divulge.core.results.estimate import Rate
from divulge.stats.curves import roc_band
from divulge.stats.intervals import clopper_pearson
from divulge.stats.roc import at_fpr, roc
from divulge.stats.thresholds import at_least, tpr_interval
from harness import Row

WORLDS = (binormal(0.5), binormal(0.76), binormal(0.92), told(0.1))


def coverage(world: World, arms: tuple[int, int], fpr: float, draws: int) -> Iterator[Row]:
    """Of the interval, and how far the mean value lies from the truth."""
    rng, missed, truth = seeded("rate", world.name, arms, fpr), 0, float(world.tpr(np.array([fpr]))[0])
    values = []
    for _ in range(draws):
        curve = roc(world.drawn(rng, *arms))
        low, high = tpr_interval(curve, fpr, 0.05)
        missed += not low <= truth <= high
        values.append(at_fpr(curve, fpr).tpr.value)
    name = f"TPR at {100 * fpr:g} % FPR, {arms[0]} v {arms[1]}, {world.name}"
    yield from held(name, missed, draws, 0.95, conservative=True)
    yield Row("   mean of the value less the truth", float(np.mean(values)) - truth)


def power(draws: int) -> Iterator[Row]:
    """The exact test of TPR > FPR, 1000 v 1000 at 1 %: 1.5 % more members are named, and none; beside it the test by
    two intervals, each with half of the error.
    """
    for extra in (0.0, 0.015):
        rng, exact, split = seeded("power", extra), 0, 0
        for _ in range(draws):
            point = at_fpr(roc(told(extra).drawn(rng, 1000, 1000)), 0.01)
            exact += 2 * at_least(point, lambda p: p) <= 0.05
            split += clopper_pearson(point.tpr, 0.05).low > clopper_pearson(point.fpr, 0.05).high
        if extra:
            yield Row("power of the exact test, 1.5 % more at 1 % FPR", exact / draws, bar=0.7)
            yield Row("   of two intervals", split / draws)
        else:
            yield rejected("exact test, nothing leaks", exact, draws, 0.025)


def band(world: World, arms: tuple[int, int], draws: int) -> Iterator[Row]:
    """How often the whole true curve lies within, at the points that are drawn."""
    rng, missed = seeded("band", world.name, arms), 0
    for _ in range(draws):
        fpr, _, low, high = (np.array(v) for v in roc_band(world.drawn(rng, *arms), 0.95))
        truth = world.tpr(np.minimum(fpr, 1 - 1e-12))
        missed += bool(((truth < low) | (truth > high)).any())
    yield from held(f"band, {arms[0]} v {arms[1]}, {world.name}", missed, draws, 0.95, conservative=True)


def counted(draws: int) -> Iterator[Row]:
    """Clopper and Pearson's interval of a counted proportion."""
    rng = seeded("counted")
    for n, p in ((10, 0.3), (100, 0.02), (1000, 0.5), (10_000, 0.001)):
        counts, times = np.unique(rng.binomial(n, p, draws), return_counts=True)
        ends = [clopper_pearson(Rate(int(k), n), 0.05) for k in counts]
        missed = sum(int(t) for (low, high), t in zip(ends, times, strict=True) if not low <= p <= high)
        yield from held(f"proportion {p:g} of {n}", missed, draws, 0.95, conservative=True)


def same_as_fisher() -> Row:
    """Largest difference between the test's p-values and Fisher's, where it is the same test."""
    from divulge.stats.roc import OperatingPoint

    apart = 0.0
    for k, m in ((0, 3), (9, 25), (99, 130), (400, 410)):
        table = [[m, 1000 - m], [k, 1000 - k]]
        ours = at_least(OperatingPoint(Rate(m, 1000), Rate(k, 1000)), lambda p: p)
        apart = max(apart, abs(ours - stats.fisher_exact(table, "greater").pvalue))
    return Row("largest difference from Fisher's test", apart, bar=1e-6, better="below")


def rows(quick: bool) -> Iterator[Row]:
    draws = 100 if quick else 500
    sizes = ((1000, 1000, 0.01),) if quick else (
        (50, 100, 0.1),
        (200, 200, 0.01),
        (1000, 1000, 0.01),
        (1000, 999, 0.001),
        (300, 10_000, 0.001),
    )  # fmt: skip
    for *arms, fpr in sizes:
        for world in WORLDS[1:4:2] if quick else WORLDS:
            yield from coverage(world, tuple(arms), fpr, draws)
    yield from power(2 * draws)
    for world in WORLDS[1:3] if quick else WORLDS:
        for arms in ((150, 300),) if quick else ((30, 30), (150, 300), (1000, 1000), (25, 10_000)):
            yield from band(world, arms, draws)
    yield from counted(20_000)
    yield same_as_fisher()
