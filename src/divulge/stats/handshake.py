"""Is this the model that its owner knows?  What answers [records], and the truth, say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from divulge.core.hashing import Array

CERTAIN = 1e-6
"""The probability of an accident below which a permutation of the labels is believed."""

FEWEST = 10
"""Records on a side below which nothing is concluded from how often answers are right."""

MODEST = 0.15
"""By how much answers must be more often right than they are sure to look like softmax of probabilities."""

BEND = 1e-4
"""Probabilities are compared as log(p + BEND): what is smaller is noise of single precision."""


@dataclass(frozen=True)
class Permutation:
    """means: for every output the class that it seems to stand for, [classes].  moved: the outputs concerned.
    right: accuracy under it.
    """

    means: tuple[int, ...]
    moved: tuple[int, ...]
    right: float


def permutation(codes: Array, y: Array, width: int) -> Permutation | None:
    """The reading of the outputs under which the answers are right far more often than as they stand; None where
    there is none.

    codes, y: answered and true class codes [records].  The assignment is the best one by mean recall, so that a model
    that calls everything by one name is not taken for a permuted one.  It must win on the records too, by a sign test
    over all permutations that move as many labels.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.stats import binom

    table = np.zeros((width, width))
    np.add.at(table, (codes.astype(np.int64), y.astype(np.int64)), 1)
    recall = table / np.maximum(table.sum(axis=0), 1)
    means = linear_sum_assignment(-(recall + 1e-9 * np.eye(width)))[1]
    moved = np.flatnonzero(means != np.arange(width))
    if not len(moved) or len(y) < FEWEST:
        return None
    gained, lost = table[moved, means[moved]].sum(), table[moved, moved].sum()
    log_p = binom.logsf(gained - 1, gained + lost, 0.5) + len(moved) * np.log(width)
    better = recall[moved, means[moved]].mean() - recall[moved, moved].mean()
    if log_p > np.log(CERTAIN) or better < 0.2:
        return None
    right = table[np.arange(width), means].sum() / len(y)
    return Permutation(tuple(map(int, means)), tuple(map(int, moved)), float(right))


def exchanged(log_scores: Array, y: Array) -> Permutation | None:
    """The same for two classes with scores: whether they rank the records the wrong way round, wherever the threshold
    lies.  log_scores: [records, 2].
    """
    inside = int((y == 1).sum())
    outside = len(y) - inside
    if min(inside, outside) < FEWEST:
        return None
    area = area_of(log_scores[:, 1] - log_scores[:, 0], y == 1)
    error = np.sqrt((inside + outside + 1) / (12 * inside * outside))
    right = float(np.mean(log_scores.argmin(axis=1) == y))
    if area > 0.5 - max(5 * error, 0.1) or right < 0.5:
        return None
    return Permutation((1, 0), (0, 1), right)


def area_of(score: Array, positive: Array) -> float:
    """AUC of a score for a class, ties counting half; 0.5 where one side is empty."""
    from scipy.stats import rankdata

    inside = int(positive.sum())
    outside = len(positive) - inside
    if not inside or not outside:
        return 0.5
    ranks = rankdata(score)[positive].sum()
    return float((ranks - inside * (inside + 1) / 2) / (inside * outside))


def kappa(codes: Array, y: Array, width: int) -> float:
    """Cohen's kappa: 0 for answers that have nothing to do with the truth, 1 for answers that are all right."""
    shares = np.bincount(codes.astype(np.int64), minlength=width) / len(y)
    true = np.bincount(y.astype(np.int64), minlength=width) / len(y)
    expected = float(shares @ true)
    return float((np.mean(codes == y) - expected) / (1 - expected)) if expected < 1 else 0.0


def gini(log_scores: Array, y: Array) -> float:
    """2 AUC - 1 of the classes' scores, one against the rest, weighted by their share: 0 for those that say nothing."""
    shares = np.bincount(y.astype(np.int64), minlength=log_scores.shape[1]) / len(y)
    areas = [area_of(log_scores[:, c], y == c) if share > 0 else 0.5 for c, share in enumerate(shares)]
    return float(2 * (shares @ np.array(areas)) - 1)


def second_softmax(log_scores: Array, right: float) -> bool:
    """Whether rows look like softmax of probabilities.

    log_scores: [records, classes].  right: accuracy.  Of k classes such a score lies between 1 / (e + k - 1) and
    e / (e + k - 1), and the probabilities behind it can be computed: they stay within 0 and 1 for every record, reach
    both ends, and are about as sure as the answers are right, where the scores are far less so.  A model that is sure
    of little by itself reaches no end, or is as far from being right as often as it would then be sure.
    """
    width = log_scores.shape[1]
    behind = log_scores + (1 - log_scores.sum(axis=1, keepdims=True)) / width
    if behind.min() < -1e-3 or behind.max() > 1 + 1e-3:
        return False
    sure = behind.max(axis=1)
    ends = float(np.quantile(sure, 0.95)) >= 0.95 and float(np.quantile(behind.min(axis=1), 0.05)) <= 0.05
    modest = right - float(np.exp(log_scores).max(axis=1).mean())
    return bool(ends and modest >= MODEST and float(sure.mean()) >= right - 2 * MODEST)


def answered_worse(inside: Array, outside: Array) -> float:
    """One-sided p-value (Mann-Whitney) of members' losses being no larger than those of non-members."""
    from scipy.stats import mannwhitneyu

    if min(len(inside), len(outside)) < FEWEST or np.ptp(np.concatenate([inside, outside])) == 0:
        return 1.0
    return float(mannwhitneyu(inside, outside, alternative="greater", method="asymptotic").pvalue)


def sign_test(wins: int, losses: int) -> float:
    """One-sided p-value of `wins` of all that differ being no more than half."""
    from scipy.stats import binom

    return float(binom.sf(wins - 1, wins + losses, 0.5)) if wins + losses else 1.0


def falls_short(value: float, others: Sequence[float]) -> bool:
    """Whether a value lies below the range in which another one like `others` is to be expected (99 %, one-sided)."""
    from scipy.stats import t

    if len(others) < 2:
        return bool(others) and value < others[0]
    spread = float(np.std(others, ddof=1)) * np.sqrt(1 + 1 / len(others))
    return bool(value < np.mean(others) - t.ppf(0.99, len(others) - 1) * spread)


def r_squared(values: Array, y: Array) -> float:
    """1 - squared error over variance; 0 where the truth does not vary and is not met, 1 where it is."""
    spread = float(np.var(y))
    error = float(np.mean((values - y) ** 2))
    return 1 - error / spread if spread > 0 else float(error == 0)


def line(values: Array, y: Array) -> tuple[float, float, float]:
    """Intercept and slope of the truth on the answers, and the R2 that this line would reach."""
    if np.ptp(values) == 0 or np.ptp(y) == 0:
        return float(np.mean(y)), 0.0, 0.0
    slope, intercept = np.polyfit(values, y, 1)
    return float(intercept), float(slope), r_squared(intercept + slope * values, y)


def distance(one: Array, other: Array, scale: float) -> Array:
    """How far two answers to the same record are apart, [records]: in log-probability for log-scores [records,
    classes], in units of `scale` for values, 1 for another label.
    """
    if one.ndim == 2:
        ends = [np.log(np.exp(np.minimum(part, 0.0)) + BEND) for part in (one, other)]
        return np.asarray(np.abs(ends[0] - ends[1]).max(axis=1))
    return np.asarray(np.abs(one - other) / scale if scale > 0 else one != other, dtype=np.float64)


FEW_VALUES, OFTEN, APART, UNKNOWN = 20, 0.2, 0.6, 0.5
"""Values that are compared at least; share from which the commonest one is left out; the distance of two distributions,
and the share of values that are not known, from which they are held to be in another form."""


def other_form(real: Array, made: Array, coded: bool) -> bool:
    """Whether a column of made records [rows] hardly can be what the real one [rows] is: other codes, another scale.

    Numbers are compared by Kolmogorov and Smirnov's distance, without the commonest real value where that is common: a
    column that is mostly zero looks alike under any scale.
    """
    from scipy import stats

    if abs(np.isnan(real).mean() - np.isnan(made).mean()) > UNKNOWN:
        return True
    real, made = real[~np.isnan(real)], made[~np.isnan(made)]
    if min(len(real), len(made)) < FEW_VALUES:
        return False
    if coded:
        return bool((~np.isin(made, real)).mean() > UNKNOWN)
    values, counts = np.unique(real, return_counts=True)
    if counts.max() > OFTEN * len(real):
        commonest = values[counts.argmax()]
        real, made = real[real != commonest], made[made != commonest]
    if min(len(real), len(made)) < FEW_VALUES:
        return False
    return bool(stats.ks_2samp(real, made).statistic > APART)
