"""Whether the AUC, or the balanced accuracy, of one set of scores exceeds that of another.

Both are means over members and over others, so that a difference is a sum over persons, who are independent: what a
person adds in one set less what in the other.  Where nobody is in both this is the test of independent areas, where
everybody is that of DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44), and where some are, of Obuchowski 1997
(Biometrics 53) with persons as clusters, who may stand on different sides in the two sets.
"""

from __future__ import annotations

import numpy as np

from divulge.core.hashing import Array
from divulge.core.results.trials import Scored
from divulge.stats.comparison.difference import Difference, by_t
from divulge.stats.comparison.linked import Linked
from divulge.stats.intervals import Interval

Parts = tuple[float, Array]
"""A value, and what each trial adds to it beyond the mean: [trials]."""


def auc_difference(pair: Linked) -> Difference:
    """Of two areas under the ROC curve."""
    return _difference(pair, _area(pair.before), _area(pair.now), "DeLong 1988")


def balanced_accuracy_difference(pair: Linked) -> Difference:
    """Of the balanced accuracies at the best threshold of each set.

    The one that is said to be higher is cross-fitted (each half of the trials is judged at the best threshold of the
    other half), which is at most what its best threshold reaches; the other is taken at the threshold that is best on
    the same trials, which is at least that.  So an error in choosing thresholds makes no difference of none.
    """
    halves = _halves(pair)
    sides = (pair.before, pair.now)
    fitted = [_accuracy(side, half, ~half) for side, half in zip(sides, halves, strict=True)]
    best = [_accuracy(side, *2 * (np.ones(len(side.score), dtype=bool),)) for side in sides]
    grown = _difference(pair, best[0], fitted[1], "accuracy person by person")
    shrunk = _difference(pair, fitted[0], best[1], "accuracy person by person")
    return Difference(
        fitted[0][0],
        fitted[1][0],
        lambda alpha: Interval(grown.bounds(alpha).low, shrunk.bounds(alpha).high),
        grown.p_more,
        shrunk.p_less,
        grown.method,
        grown.matched,
        grown.of,
    )


def placements(evidence: Scored) -> Array:
    """Of every member the share of others that score lower, of every other the share of members that score higher,
    ties counting half: [trials].
    """
    from scipy import stats

    ranks, exposed = evidence.ranks(), evidence.exposed
    pooled = stats.rankdata(ranks)
    placed = np.empty(len(ranks))
    n1, n0 = evidence.n_exposed, evidence.n_control
    placed[exposed] = (pooled[exposed] - stats.rankdata(ranks[exposed])) / n0
    placed[~exposed] = 1 - (pooled[~exposed] - stats.rankdata(ranks[~exposed])) / n1
    return placed


def _area(evidence: Scored) -> Parts:
    placed = placements(evidence)
    value = float(placed[evidence.exposed].mean())
    return value, _centered(evidence, placed - value)


def _centered(evidence: Scored, away: Array) -> Array:
    """Divided by the size of each arm, and widened as an estimated mean demands (n / (n - 1))."""
    rates = np.empty(len(away))
    for side in (evidence.exposed, ~evidence.exposed):
        n = int(side.sum())
        rates[side] = away[side] / n * np.sqrt(n / max(n - 1, 1))
    return rates


def _difference(pair: Linked, before: Parts, now: Parts, method: str) -> Difference:
    """With the variance of the sum over persons, and as if one more trial in each arm of each set had fallen on the
    other side: variances that few trials, all alike, would estimate as nothing are not believed.
    """
    both = np.flatnonzero(pair.partner >= 0)
    theirs, ours = before[1].copy(), now[1].copy()
    change = ours[both] - theirs[pair.partner[both]]
    ours[both] = theirs[pair.partner[both]] = 0.0
    parts = []
    for side in (pair.now.exposed[both], ~pair.now.exposed[both]):
        parts.append((float((change[side] ** 2).sum()), max(int(side.sum()) - 1, 1)))
    for evidence, added, value in ((pair.now, ours, now[0]), (pair.before, theirs, before[0])):
        for side in (evidence.exposed, ~evidence.exposed):
            n = int(side.sum())
            unseen = (max(value, 1 - value) / n) ** 2
            parts.append((float((added[side] ** 2).sum()) + unseen, max(n - 1, 1)))
    variance = sum(part for part, _ in parts)
    freedom = variance**2 / sum(part**2 / n for part, n in parts)
    shared = "paired" if len(both) == len(ours) == len(theirs) else "partly paired" if len(both) else "independent"
    return by_t(
        (before[0], now[0]), variance**0.5, freedom, f"{method}, {shared}", len(both), max(len(ours), len(theirs))
    )


def _halves(pair: Linked) -> tuple[Array, Array]:
    """Bool [trials] of each set: every second trial of each arm; who is in both is in the same half of both."""
    first = _every_second(pair.before)
    second = _every_second(pair.now)
    both = pair.partner >= 0
    second[both] = first[pair.partner[both]]
    return first, second


def _every_second(evidence: Scored) -> Array:
    half = np.zeros(len(evidence.score), dtype=bool)
    for side in (evidence.exposed, ~evidence.exposed):
        half[np.flatnonzero(side)[::2]] = True
    return half


def _accuracy(evidence: Scored, half: Array, other: Array) -> Parts:
    """The share of right calls in each arm, and what each trial adds; each part of the trials is judged at the best
    threshold of the other.
    """
    ranks, exposed = evidence.ranks(), evidence.exposed
    right = np.full(len(ranks), 0.5)
    for chosen_on, judged_on in ((half, other), (other, half)):
        if (exposed & chosen_on).any() and (~exposed & chosen_on).any():
            called = ranks >= best_threshold(ranks[chosen_on], exposed[chosen_on])
            right[judged_on] = (called == exposed)[judged_on]
    value = float((right[exposed].mean() + right[~exposed].mean()) / 2)
    away = np.where(exposed, right - right[exposed].mean(), right - right[~exposed].mean())
    return value, _centered(evidence, away / 2)


def best_threshold(ranks: Array, exposed: Array) -> int:
    """The rank from which on calling "member" is most often right on these trials, both arms counting alike; of equally
    good ones the middle one.
    """
    levels = int(ranks.max()) + 1
    inside = np.bincount(ranks[exposed], minlength=levels)[::-1].cumsum()[::-1] / exposed.sum()
    outside = np.bincount(ranks[~exposed], minlength=levels)[::-1].cumsum()[::-1] / (~exposed).sum()
    gain = inside - outside
    return int(np.ceil(np.median(np.flatnonzero(gain >= gain.max() - 1e-12))))
