"""What two error rates say together of a mechanism's trade-off between them: an exact test, a curve, a posterior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from divulge.core.hashing import Array
from divulge.stats.intervals import clopper_pearson
from divulge.stats.roc import OperatingPoint, Roc, at_fnr, at_fpr
from divulge.stats.thresholds import REMEMBERED, Curve, at_least, passes

RATES = (0.0, 0.001, 0.01, 0.1, 0.45)
"""Error rates at which bounds are tried, on either side; Bonferroni pays for trying."""

LARGEST, FINE = 60.0, 1e-4


@lru_cache(maxsize=REMEMBERED)
def private(epsilon: float, delta: float) -> Curve:
    """Of an (epsilon, delta)-private mechanism: 1 - f_(epsilon, delta) (Dong, Roth and Su 2022, proposition 3)."""
    up, down = np.exp(min(epsilon, 700.0)), np.exp(-epsilon)

    def most(fpr: Array) -> Array:
        return np.asarray(np.clip(np.minimum(up * fpr + delta, 1 - down * (1 - delta - fpr)), 0.0, 1.0))

    return most


@lru_cache(maxsize=REMEMBERED)
def gaussian(mu: float) -> Curve:
    """Of a mechanism with mu-GDP: 1 - G_mu (Dong et al. 2022, equation 6)."""
    from scipy import special

    return lambda fpr: np.asarray(special.ndtr(special.ndtri(fpr) + mu))


def points(curve: Roc) -> list[tuple[bool, OperatingPoint]]:
    """The operating points that are tried: members named (True), or others ruled out with the arms exchanged."""
    named = [(True, at_fpr(curve, rate)) for rate in RATES]
    return named + [(False, at_fnr(curve, rate).mirrored) for rate in RATES]


def credible_share(point: OperatingPoint, region: Curve) -> float:
    """Posterior probability of the hypothesis under Jeffreys' prior for both rates, at a threshold that was chosen on
    other trials (Zanella-Beguelin et al. 2023, section 4): no bound on how often it errs.
    """
    return passes(point, region, (0.5, 0.5), (0.5, 0.5))


def refuted_below(point: OperatingPoint, family: Callable[[float], Curve], level: float, start: float = 0.0) -> float:
    """The largest parameter of a growing family of regions that the point refutes at this level; `start` where it
    refutes no larger one.
    """
    low, high = start, start + 1.0
    if at_least(point, family(low)) > level:
        return start
    while high < LARGEST and at_least(point, family(high)) <= level:
        low, high = high, high + 2.0
    while high - low > FINE:
        middle = (low + high) / 2
        low, high = (middle, high) if at_least(point, family(middle)) <= level else (low, middle)
    return low


def credible_epsilon(point: OperatingPoint, delta: float, alpha: float) -> float:
    """The epsilon that the mechanism's own exceeds with posterior probability 1 - alpha: a credible bound, from one
    operating point and its mirror image (the same two rates), see `credible_share`.
    """
    low, high = 0.0, LARGEST
    if credible_share(point, private(0.0, delta)) > alpha:
        return 0.0
    while high - low > FINE:
        middle = (low + high) / 2
        low, high = (middle, high) if credible_share(point, private(middle, delta)) <= alpha else (low, middle)
    return low


@dataclass(frozen=True)
class TradeOff:
    """Errors that an adversary reaches, all of them at once with the confidence asked for: the mechanism's trade-off
    lies below them.  fpr, fnr: at most, by rising false positive rate; the ends (0, 1) and (1, 0) are among them.
    """

    fpr: tuple[float, ...]
    fnr: tuple[float, ...]

    def epsilon(self, delta: float) -> float:
        """At least, at any delta: the evidence need not be asked anew (Kairouz, Oh and Viswanath 2015)."""
        pairs = [*zip(self.fpr, self.fnr, strict=True), *zip(self.fnr, self.fpr, strict=True)]
        return max(float(np.log((1 - delta - b) / a)) if 1 - delta - b > a > 0 else 0.0 for a, b in pairs)

    @property
    def mu(self) -> float:
        """At least, if the trade-off is that of a Gaussian."""
        from scipy import special

        inner = [(a, b) for a, b in zip(self.fpr, self.fnr, strict=True) if 0 < a < 1 and 0 < b < 1]
        return max([0.0, *(float(-special.ndtri(b) - special.ndtri(a)) for a, b in inner)])


def trade_off(curve: Roc, alpha: float) -> TradeOff:
    """The lower convex hull of exact bounds at RATES, each end of which gets its share of alpha (Dong et al. 2022:
    a trade-off function is convex, and below the line between (0, 1) and (1, 0)).
    """
    each = alpha / (2 * len(RATES))
    found = {(0.0, 1.0), (1.0, 0.0)}
    for rate in RATES:
        for point in (at_fpr(curve, rate), at_fnr(curve, rate)):
            found.add((clopper_pearson(point.fpr, each).high, 1 - clopper_pearson(point.tpr, each).low))
    hull: list[tuple[float, float]] = []
    for x, y in sorted(found):
        while len(hull) > 1 and _turns_up(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    return TradeOff(tuple(x for x, _ in hull), tuple(y for _, y in hull))


def _turns_up(first: tuple[float, float], second: tuple[float, float], third: tuple[float, float]) -> bool:
    """Whether the middle one lies on or above the line between its neighbours."""
    rise = (third[1] - first[1]) * (second[0] - first[0])
    return (second[1] - first[1]) * (third[0] - first[0]) >= rise
