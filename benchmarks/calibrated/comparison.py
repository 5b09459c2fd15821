"""Is the comparison of two audits right?  False alarms and power of the gate, intervals of differences, and e-values.

Scores are binormal: members lie higher by d, and two audits of the same records correlate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy import stats

from divulge.core.results.estimate import Rate
from divulge.core.results.metric import AUC, BALANCED_ACCURACY, FALSE_POSITIVE_RATES, tpr_at
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Scored
from divulge.runs.regression import HAIR
from divulge.stats.comparison.areas import auc_difference, balanced_accuracy_difference
from divulge.stats.comparison.bands import roc_difference
from divulge.stats.comparison.difference import Difference
from divulge.stats.comparison.linked import Linked, linked
from divulge.stats.comparison.rates import tpr_difference
from divulge.stats.forecast.base_rates import BaseRate, ppv, predictive_value
from divulge.stats.intervals import clopper_pearson
from divulge.stats.many.e_values import Look, auc_e_value, e_process, over_time
from divulge.stats.many.multiplicity import holm
from harness import Row

ALPHA = 0.05


def scored(score: np.ndarray, exposed: np.ndarray) -> Scored:
    """One trial a record."""
    index = np.arange(len(score))
    return Scored(score, exposed, index, index)


def drawn(
    rng: np.random.Generator, sizes: tuple[int, int], shifts: tuple[float, float], correlation: float, share: float
) -> Linked:
    """Two audits; `share` of their records are the same, whose scores correlate, and the others are fresh."""
    exposed = np.arange(sum(sizes)) < sizes[0]
    common, own = rng.normal(size=len(exposed)), rng.normal(size=(2, len(exposed)))
    same = rng.random(len(exposed)) < share
    mixed = np.where(same, np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own, own)
    records = np.where(same, np.arange(len(exposed)), -1)
    first, second = (scored(s + shift * exposed, exposed) for s, shift in zip(mixed, shifts, strict=True))
    return linked(first, second, records)


def everything(pair: Linked) -> dict[str, Difference]:
    """All that a gate compares of one membership attack."""
    found = {AUC: auc_difference(pair), BALANCED_ACCURACY: balanced_accuracy_difference(pair)}
    return found | {tpr_at(rate): tpr_difference(pair, rate) for rate in FALSE_POSITIVE_RATES}


def alarms(pair: Linked) -> bool:
    """Whether the gate says that the later audit leaks more, by any metric."""
    found = everything(pair)
    adjusted = holm([d.p_more for d in found.values()])
    return any(
        p <= ALPHA and d.value > HAIR * Policy().threshold(metric)
        for (metric, d), p in zip(found.items(), adjusted, strict=True)
    )


def _share(name: str, hits: int, trials: int, bar: float, better: str) -> Row:
    """A share with its interval: an error is one where the interval lies above what is promised."""
    rate = Rate(hits, trials)
    low, high = clopper_pearson(rate, 0.05)
    if better == "below":
        return Row(f"{name} (low end)", low, low, high, bar, "below")
    return Row(name, rate.value, low, high, bar)


def _count(repeat: int, seed: int, work: Callable[[np.random.Generator], bool]) -> int:
    rng = np.random.default_rng(seed)
    return sum(bool(work(rng)) for _ in range(repeat))


def gates(quick: bool) -> Iterator[Row]:
    """False alarms and power of `divulge gate --before` over all metrics of one attack."""
    repeat = 200 if quick else 2000
    designs = [
        ("fresh, 200 v 200", (200, 200), 0.0, 0.0),
        ("fresh, 500 v 500", (500, 500), 0.0, 0.0),
        ("fresh, 2000 v 2000", (2000, 2000), 0.0, 0.0),
        ("fresh, 20 v 1000", (20, 1000), 0.0, 0.0),
        ("same, correlation 0.9, 500 v 500", (500, 500), 0.9, 1.0),
        ("same, correlation 0.99, 500 v 500", (500, 500), 0.99, 1.0),
        ("half the same, correlation 0.9, 500 v 500", (500, 500), 0.9, 0.5),
        ("same, correlation 0.9, 20 v 20", (20, 20), 0.9, 1.0),
    ]
    for seed, (name, sizes, correlation, share) in enumerate(designs[:2] + designs[4:5] if quick else designs):
        for shift in (1.0,) if quick else (0.0, 1.0, 2.5):
            args = sizes, (shift, shift), correlation, share
            hits = _count(repeat, seed, lambda rng, a=args: alarms(drawn(rng, *a)))
            yield _share(f"gate, false alarms: {name}, d = {shift:g}", hits, repeat, ALPHA, "below")
    repeat = 100 if quick else 1000
    hits = _count(repeat, 50, lambda rng: alarms(drawn(rng, (500, 500), (1.0, 1.235), 0.9, 1.0)))
    yield _share("gate, power: AUC .76 to .81, same, 500 v 500", hits, repeat, 0.95, "above")
    hits = _count(repeat, 51, lambda rng: alarms(drawn(rng, (500, 500), (1.0, 1.235), 0.0, 0.0)))
    yield Row("gate, power: AUC .76 to .81, fresh, 500 v 500", hits / repeat)


def intervals(quick: bool) -> Iterator[Row]:
    """How often 95 % intervals of a difference hold it; bars are on the high end of the interval of that share."""
    repeat = 200 if quick else 2000
    truth = {AUC: stats.norm.cdf(1.3 / 2**0.5) - stats.norm.cdf(1 / 2**0.5)}
    truth[BALANCED_ACCURACY] = stats.norm.cdf(0.65) - stats.norm.cdf(0.5)
    for rate in FALSE_POSITIVE_RATES:
        at = stats.norm.isf(rate)
        truth[tpr_at(rate)] = stats.norm.sf(at - 1.3) - stats.norm.sf(at - 1.0)
    for name, correlation, share in (("same", 0.9, 1.0), ("half the same", 0.9, 0.5), ("fresh", 0.0, 0.0)):
        rng, held = np.random.default_rng(60), dict.fromkeys(truth, 0)
        for _ in range(repeat):
            for metric, d in everything(drawn(rng, (500, 500), (1.0, 1.3), correlation, share)).items():
                low, high = d.bounds(ALPHA)
                held[metric] += low <= truth[metric] <= high
        for metric, hits in held.items():
            low, high = clopper_pearson(Rate(hits, repeat), 0.05)
            yield Row(f"interval of a difference holds: {metric}, {name} (high end)", high, low, high, 1 - ALPHA)
    repeat = 60 if quick else 400
    inside = _count(repeat, 61, _band_holds)
    low, high = clopper_pearson(Rate(inside, repeat), 0.05)
    yield Row("band of the difference of ROC curves holds everywhere (high end)", high, low, high, 1 - ALPHA)


def _band_holds(rng: np.random.Generator) -> bool:
    band = roc_difference(drawn(rng, (300, 300), (1.0, 1.5), 0.7, 1.0), 1 - ALPHA)
    at = stats.norm.isf(band.fpr)
    true = stats.norm.sf(at - 1.5) - stats.norm.sf(at - 1.0)
    return bool(((band.low <= true) & (true <= band.high)).all())


def evidence(quick: bool) -> Iterator[Row]:
    """How often e-values ever pass 20 where nothing leaks, and how soon where something does."""
    repeat = 400 if quick else 4000
    coins = _count(repeat, 70, lambda rng: e_process((rng.random(2000) < 0.5).astype(float), 0.5).max() >= 20)
    yield _share("e-process, ever above 20: 2000 fair pairs", coins, repeat, ALPHA, "below")
    exposed = np.arange(400) < 200
    single = _count(repeat, 71, lambda rng: auc_e_value(scored(rng.normal(size=400), exposed)) >= 20)
    yield _share("e-value of one audit above 20: nothing leaks", single, repeat, ALPHA, "below")
    repeat = 200 if quick else 1000
    rows = _count(repeat, 72, _row_of_audits)
    yield _share("e-values of 12 audits, 3 of each records, ever above 20", rows, repeat, ALPHA, "below")
    rng = np.random.default_rng(73)
    found = [auc_e_value(scored(rng.normal(size=400) + exposed, exposed), 0.05) for _ in range(50)]
    yield Row("e-value of one audit, AUC .76, 200 v 200 (lower tenth)", float(np.quantile(found, 0.1)), bar=20)


def _row_of_audits(rng: np.random.Generator) -> bool:
    exposed, looks = np.arange(100) < 50, []
    for block in range(4):
        common = rng.normal(size=100)
        looks += [Look(auc_e_value(scored(common + 0.3 * rng.normal(size=100), exposed)), block) for _ in range(3)]
    return max(over_time(looks)) >= 20


def base_rates(quick: bool) -> Iterator[Row]:
    """How often the interval of a predictive value holds it at every base rate of its range."""
    repeat = 500 if quick else 5000

    def held(rng: np.random.Generator) -> bool:
        rates = Rate(int(rng.binomial(300, 0.2)), 300), Rate(int(rng.binomial(1000, 0.01)), 1000)
        found = predictive_value(*rates, BaseRate(0.01, 0.1))
        return all(found.low <= ppv(share, 0.2, 0.01) <= found.high for share in (0.01, 0.03, 0.1))

    low, high = clopper_pearson(Rate(_count(repeat, 80, held), repeat), 0.05)
    yield Row("predictive value holds, base rates 1 to 10 % (high end)", high, low, high, 1 - ALPHA)


def rows(quick: bool) -> Iterator[Row]:
    """All of it."""
    for part in (gates, intervals, evidence, base_rates):
        yield from part(quick)
