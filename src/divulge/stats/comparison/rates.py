"""Whether more members are named at the same false positive rate, when the thresholds are estimates themselves.

The threshold of one set is put so high that its false positive rate is at most x, and that of the other so low that it
is at least x, each but for a small probability (order statistics: the rate above the k-th highest of n is Beta
distributed).  If the first then names more members than the second, its true positive rate at x is the higher one.
Members are independent of thresholds that others have set, so the comparison of members is exact: McNemar's where they
are the same, Fisher's where they are not.  The small probabilities are part of the level.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from divulge.core.hashing import Array
from divulge.core.results.estimate import Rate
from divulge.core.results.trials import Scored
from divulge.stats.comparison.difference import Difference
from divulge.stats.comparison.linked import Linked
from divulge.stats.intervals import Interval, clopper_pearson, p_value
from divulge.stats.roc import at_fpr, roc

SPENT = 0.5
"""Share of an error rate that goes to the two thresholds; the members have the rest."""


def mcnemar(only_now: int, only_before: int) -> tuple[float, float]:
    """One-sided p-values of as many more or more by chance: exact (McNemar 1947), and mid-p, which counts half of what
    was seen itself (Fagerland, Lydersen and Laake 2013) and may err a little more often than it says.
    """
    from scipy import stats

    n = only_now + only_before
    exact = float(stats.binom.sf(only_now - 1, n, 0.5))
    return exact, exact - float(stats.binom.pmf(only_now, n, 0.5)) / 2


def fisher(now: Rate, before: Rate) -> float:
    """One-sided p-value of two independent rates, exact given their sum (Fisher 1935)."""
    from scipy import stats

    total = now.trials + before.trials
    named = now.successes + before.successes
    return float(stats.hypergeom.sf(now.successes - 1, total, named, now.trials))


@cache
def allowed_above(n: int, fpr: float, beta: float) -> int | None:
    """The most of n others that may lie above a threshold whose false positive rate is at most `fpr` with probability
    1 - beta; None where even none above says too little.
    """
    from scipy import special

    k = np.arange(int(np.ceil(fpr * n)) + 1)
    k = k[k < n]
    fine = np.flatnonzero(special.betainc(k + 1, n - k, fpr) >= 1 - beta)
    return int(k[fine[-1]]) if len(fine) else None


@cache
def needed_above(n: int, fpr: float, beta: float) -> int | None:
    """The fewest of n others at or above a threshold whose false positive rate is at least `fpr` with probability
    1 - beta; None where all are too few.
    """
    from scipy import special

    k = np.arange(max(1, int(np.floor(fpr * n))), n + 1)
    fine = np.flatnonzero(special.betainc(k, n - k + 1, fpr) <= beta)
    return int(k[fine[0]]) if len(fine) else None


def enough_others(fpr: float, beta: float) -> int:
    """How many others a threshold takes whose false positive rate is surely at most `fpr`."""
    return int(np.ceil(np.log(beta) / np.log1p(-fpr)))


def strictly_named(evidence: Scored, fpr: float, beta: float) -> Array | None:
    """Bool [trials], named at a rate of at most `fpr`; None where there are too few others for such a threshold."""
    ranks = evidence.ranks()
    k = allowed_above(evidence.n_control, fpr, beta)
    if k is None:
        return None
    return np.asarray(ranks > np.sort(ranks[~evidence.exposed])[::-1][k])


def leniently_named(evidence: Scored, fpr: float, beta: float) -> Array:
    """Bool [trials], named at a rate of at least `fpr`."""
    ranks = evidence.ranks()
    k = needed_above(evidence.n_control, fpr, beta)
    if k is None:
        return np.ones(len(ranks), dtype=bool)
    return np.asarray(ranks >= np.sort(ranks[~evidence.exposed])[::-1][k - 1])


def tpr_difference(pair: Linked, fpr: float) -> Difference:
    """Of the true positive rates at one false positive rate."""
    turned = pair.turned()
    p_more, p_less = (_p_value(side, fpr) for side in (pair, turned))
    before, now = (at_fpr(roc(side), fpr).tpr.value for side in (pair.before, pair.now))

    def bounds(alpha: float) -> Interval:
        return Interval(_grown_low(pair, fpr, alpha / 2), -_grown_low(turned, fpr, alpha / 2))

    both = _members_of_both(pair)[1]
    whole = len(both) == pair.now.n_exposed == pair.before.n_exposed
    method = "McNemar, exact" if whole else "Fisher, exact" if not len(both) else "McNemar and Fisher, exact"
    of = max(len(pair.now.score), len(pair.before.score))
    beside = (("mid_p_more_at_common_threshold", common_threshold(pair, fpr)[1]),) if len(both) else ()
    return Difference(before, now, bounds, p_more, p_less, f"{method}, thresholds estimated", pair.matched, of, beside)


def common_threshold(pair: Linked, fpr: float) -> tuple[float, float]:
    """McNemar's p-values, exact and mid-p, that more of the members of both are named at one threshold: the score above
    which the earlier set names others at this rate.  It is about who is named, not about equal false positive rates,
    and takes scores that mean the same in both sets.
    """
    others = np.sort(pair.before.score[~pair.before.exposed])[::-1]
    threshold = others[min(int(np.floor(fpr * len(others) + 1e-9)), len(others) - 1)]
    then, now = _members_of_both(pair)
    won, lost = (pair.now.score[now] > threshold), (pair.before.score[then] > threshold)
    return mcnemar(int((won & ~lost).sum()), int((lost & ~won).sum()))


def _members_of_both(pair: Linked) -> tuple[Array, Array]:
    """Places in both sets of those who are members in both."""
    now = np.flatnonzero(pair.partner >= 0)
    now = now[pair.now.exposed[now] & pair.before.exposed[pair.partner[now]]]
    return pair.partner[now], now


def _counts(pair: Linked, strict: Array, lenient: Array) -> tuple[int, int, Rate, Rate]:
    """Of members of both, how many are named only now, and only before; of all other members the two rates.  Members
    who helped to set the other set's threshold are left out.
    """
    then, now = _members_of_both(pair)
    won, lost = strict[now], lenient[then]
    rest_now, rest_before = pair.now.exposed & (pair.partner < 0), pair.before.exposed.copy()
    rest_before[pair.partner[pair.partner >= 0]] = False
    return (
        int((won & ~lost).sum()),
        int((lost & ~won).sum()),
        Rate(int(strict[rest_now].sum()), int(rest_now.sum())),
        Rate(int(lenient[rest_before].sum()), int(rest_before.sum())),
    )


def _p_value(pair: Linked, fpr: float) -> float:
    """The smallest level at which `now` is said to name more."""

    def passed(alpha: float) -> float:
        beta = alpha * SPENT / 2
        strict = strictly_named(pair.now, fpr, beta)
        if strict is None:
            return 0.0
        counts = _counts(pair, strict, leniently_named(pair.before, fpr, beta))
        return float(_members_p(*counts) <= alpha * (1 - SPENT))

    return p_value(passed, 0.5)


def _members_p(only_now: int, only_before: int, now: Rate, before: Rate) -> float:
    """Of members in both, and of members in one, together (Fisher's combination of two independent p-values)."""
    parts = []
    if only_now + only_before:
        parts.append(mcnemar(only_now, only_before)[0])
    if now.trials and before.trials:
        parts.append(fisher(now, before))
    if len(parts) < 2:
        return parts[0] if parts else 1.0
    product = max(parts[0] * parts[1], 1e-300)
    return float(product * (1 - np.log(product)))


def _grown_low(pair: Linked, fpr: float, alpha: float) -> float:
    """Lower bound of the growth at confidence 1 - alpha.  Exact bounds of two rates together by Bonferroni: of members
    won and lost where both sets have the same, else of those named in each.
    """
    beta, each = alpha * SPENT / 2, alpha * (1 - SPENT)
    strict = strictly_named(pair.now, fpr, beta)
    lenient = leniently_named(pair.before, fpr, beta)
    if strict is None:
        return -clopper_pearson(Rate(int(lenient[pair.before.exposed].sum()), pair.before.n_exposed), 2 * each).high
    then, members = _members_of_both(pair)
    if len(members) == pair.now.n_exposed == pair.before.n_exposed:
        won, lost = strict[members], lenient[then]
        gained, given = Rate(int((won & ~lost).sum()), len(members)), Rate(int((lost & ~won).sum()), len(members))
    else:
        gained = Rate(int(strict[pair.now.exposed].sum()), pair.now.n_exposed)
        given = Rate(int(lenient[pair.before.exposed].sum()), pair.before.n_exposed)
    return clopper_pearson(gained, each).low - clopper_pearson(given, each).high
