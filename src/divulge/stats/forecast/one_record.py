"""One record, many trainings: an attack that is learned on some of them, and exact bounds on what it does on others.

A trial is a training, with the record or without it.  Trials of one arm are independent of each other and of whatever
the attack was learned from, so that rates are binomial and their intervals exact (Clopper and Pearson 1934); a bound on
the difference spends half of its error on either rate, and so needs nothing of how the arms hang together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array
from divulge.core.results.estimate import Detail, Estimate, Rate
from divulge.core.results.metric import RECORD_NAMED
from divulge.stats.intervals import Interval, clopper_pearson, p_value

PRIOR = 2.0
"""Trainings that the variance over both arms counts as, when the variance of one arm is estimated."""

NARROWEST = 1e-4
"""Least variance of an arm, as a share of the variance over both."""

FOLDS = 4

BETTER = 0.05
"""By how much a cut on the signal must do better than the ratio: it is the noisier of the two where both are right."""

POWER = 0.8


@dataclass(frozen=True)
class RecordAttack:
    """What an adversary learned of one record: how models answer that saw it, and that did not.

    mean, variance: with the record, and without it.  by_ratio: whether models are judged by the likelihood ratio of two
    normal distributions (Carlini et al. 2022, for one record), or by the signal itself.  cut: above it the record is
    named.  strict: above it hardly any model lies that did not see the record.
    """

    mean: tuple[float, float]
    variance: tuple[float, float]
    by_ratio: bool
    cut: float = 0.0
    strict: float = float("inf")

    def score(self, signal: Array) -> Array:
        """[trainings], higher for those believed to hold the record."""
        if not self.by_ratio:
            return np.asarray(signal, dtype=np.float64)
        (mean_in, mean_out), (var_in, var_out) = self.mean, self.variance
        inside = np.log(var_in) + (signal - mean_in) ** 2 / var_in
        outside = np.log(var_out) + (signal - mean_out) ** 2 / var_out
        return np.asarray((outside - inside) / 2)


def learned(signal: Array, inside: Array) -> RecordAttack:
    """The likelihood ratio, or a cut on the signal where that does better on trainings that it was not learned from.

    signal: [trainings], what each model answers about the record.  inside: bool [trainings], whether it saw it.
    """
    ratio, cut = (_cross_fitted(signal, inside, by_ratio) for by_ratio in (True, False))
    return _fitted(signal, inside, by_ratio=ratio + BETTER >= cut)


def _fitted(signal: Array, inside: Array, by_ratio: bool) -> RecordAttack:
    arms = signal[inside], signal[~inside]
    total = float(np.mean([arm.var() for arm in arms]))
    whole = float(signal.var())
    spread = [
        max((float(((arm - arm.mean()) ** 2).sum()) + PRIOR * total) / (len(arm) + PRIOR), NARROWEST * whole, 1e-24)
        for arm in arms
    ]
    bare = RecordAttack((float(arms[0].mean()), float(arms[1].mean())), (spread[0], spread[1]), by_ratio)
    score = bare.score(signal)
    cut = 0.0 if by_ratio else _best_cut(score, inside)
    return RecordAttack(bare.mean, bare.variance, by_ratio, cut, _strict_cut(score, inside))


def _best_cut(score: Array, inside: Array) -> float:
    """Midway between two scores, where the rates above differ most; of several such places the middle one."""
    levels = np.unique(score)
    if len(levels) < 2:
        return float(levels[0])
    cuts = (levels[1:] + levels[:-1]) / 2
    gain = np.array([(score[inside] > cut).mean() - (score[~inside] > cut).mean() for cut in cuts])
    best = np.flatnonzero(gain >= gain.max() - 1e-12)
    return float(cuts[best[len(best) // 2]])


def _strict_cut(score: Array, inside: Array) -> float:
    """Above every model that did not see the record, midway to the next that did."""
    top = float(score[~inside].max())
    above = score[inside & (score > top)]
    return top if len(above) == 0 else (top + float(above.min())) / 2


def _cross_fitted(signal: Array, inside: Array, by_ratio: bool) -> float:
    """TPR - FPR on trainings that the judgement was not learned from."""
    fold = np.empty(len(signal), dtype=np.int64)
    for arm in (np.flatnonzero(inside), np.flatnonzero(~inside)):
        fold[arm] = np.arange(len(arm)) % FOLDS
    named = np.zeros(len(signal), dtype=bool)
    for number in range(FOLDS):
        attack = _fitted(signal[fold != number], inside[fold != number], by_ratio)
        named[fold == number] = attack.score(signal[fold == number]) > attack.cut
    return float(named[inside].mean() - named[~inside].mean())


@dataclass(frozen=True)
class Counts:
    """In how many trials with the record it was named, and in how many without it: at the cut, and the strict one."""

    tpr: Rate
    fpr: Rate
    strict_tpr: Rate
    strict_fpr: Rate


def counts(attack: RecordAttack, signal: Array, inside: Array) -> Counts:
    """What an attack does on trials that it was not learned from; [trials] each."""
    score = attack.score(signal)
    rates = [
        Rate(int((score[arm] > cut).sum()), int(arm.sum()))
        for cut in (attack.cut, attack.strict)
        for arm in (inside, ~inside)
    ]
    return Counts(*rates)


def gap(tpr: Rate, fpr: Rate, alpha: float) -> Interval:
    """Interval for TPR - FPR at confidence 1 - alpha, from exact ones for the two rates, which share alpha."""
    right, wrong = clopper_pearson(tpr, alpha / 2), clopper_pearson(fpr, alpha / 2)
    return Interval(right.low - wrong.high, right.high - wrong.low)


def epsilon_at_least(found: Counts, alpha: float) -> float:
    """No training with a smaller epsilon (delta 0) could name one record so well: TPR <= e^epsilon FPR, and the same
    of TNR and FNR (Kairouz et al. 2015, theorem 2.1), at either cut; the four share alpha.
    """
    bounds = [0.0]
    for tpr, fpr in ((found.tpr, found.fpr), (found.strict_tpr, found.strict_fpr)):
        mirrored = (Rate(fpr.trials - fpr.successes, fpr.trials), Rate(tpr.trials - tpr.successes, tpr.trials))
        for right, wrong in ((tpr, fpr), mirrored):
            low, high = clopper_pearson(right, alpha / 4).low, clopper_pearson(wrong, alpha / 4).high
            bounds.append(float(np.log(low / high)) if low > 0 else 0.0)
    return max(bounds)


def weigh_record(
    found: Counts, tolerated: float, confidence: float, records: int = 1, unit: str = "record"
) -> Estimate:
    """The advantage on one record, TPR - FPR.

    tolerated: the advantage that is no leak.  records: how many were looked at; intervals hold for all of them at once
    (Bonferroni), so that they hold for the worst as well.
    """
    alpha = 1 - confidence
    each = alpha / records
    ends = gap(found.tpr, found.fpr, each)
    perfect = Rate(found.tpr.trials, found.tpr.trials), Rate(0, found.fpr.trials)
    rates = ("tpr", found.tpr), ("fpr", found.fpr), ("strict_tpr", found.strict_tpr), ("strict_fpr", found.strict_fpr)
    return Estimate(
        metric=RECORD_NAMED,
        value=found.tpr.value - found.fpr.value,
        low=ends.low,
        high=ends.high,
        confidence=confidence,
        chance=0.0,
        advantage=found.tpr.value - found.fpr.value,
        advantage_low=ends.low,
        detectable=detectable(found.tpr.trials, found.fpr.trials, tolerated, each),
        p_value=p_value(lambda a: gap(found.tpr, found.fpr, a).low, tolerated),
        threshold=tolerated,
        details=(
            *(Detail(name, rate.value, *clopper_pearson(rate, each / 2)) for name, rate in rates),
            Detail("epsilon_at_least", epsilon_at_least(found, each)),
        ),
        attainable=p_value(lambda a: gap(*perfect, a).low, tolerated),
        enough="more trials",
        unit=unit,
    )


def detectable(with_it: int, without: int, tolerated: float, alpha: float) -> float | None:
    """The smallest advantage that so many trials show with probability 0.8, of an attack that errs as often on either
    side; None where not even one that never errs would show.
    """
    from scipy import stats

    named, wrongly = np.arange(with_it + 1), np.arange(without + 1)
    low = np.array([clopper_pearson(Rate(int(k), with_it), alpha / 2).low for k in named])
    high = np.array([clopper_pearson(Rate(int(k), without), alpha / 2).high for k in wrongly])
    shows = low[:, None] - high[None, :] > tolerated

    def power(advantage: float) -> float:
        right = stats.binom.pmf(named, with_it, (1 + advantage) / 2)
        wrong = stats.binom.pmf(wrongly, without, (1 - advantage) / 2)
        return float(right @ shows @ wrong)

    if power(1.0) < POWER:
        return None
    under, over = tolerated, 1.0
    while over - under > 1e-3:
        middle = (under + over) / 2
        under, over = (under, middle) if power(middle) >= POWER else (middle, over)
    return over
