"""What every comparison comes to: a difference with its bounds, and how probable it is by chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from divulge.stats.intervals import Interval


@dataclass(frozen=True)
class Difference:
    """before, now: the two values.  bounds: of now - before at confidence 1 - alpha.  p_more, p_less: of the hypotheses
    that it has not grown, and not shrunk.  method: how, in words.  matched, of: trials that both have, and that one of
    them has.  beside: further figures by name, mid-p values say.
    """

    before: float
    now: float
    bounds: Callable[[float], Interval]
    p_more: float
    p_less: float
    method: str
    matched: int = 0
    of: int = 0
    beside: tuple[tuple[str, float], ...] = ()

    @property
    def value(self) -> float:
        """By how much it has grown."""
        return self.now - self.before

    @property
    def p_value(self) -> float:
        """Two-sided."""
        return min(1.0, 2 * min(self.p_more, self.p_less))


def by_t(
    values: tuple[float, float], error: float, freedom: float, method: str, matched: int = 0, of: int = 0
) -> Difference:
    """From a standard error with its degrees of freedom.  values: before, now."""
    from scipy import stats

    value = values[1] - values[0]

    def bounds(alpha: float) -> Interval:
        half = float(stats.t.isf(alpha / 2, freedom)) * error
        return Interval(value - half, value + half)

    more = float(stats.t.sf(value / error, freedom)) if error > 0 else float(value <= 0)
    less = float(stats.t.cdf(value / error, freedom)) if error > 0 else float(value >= 0)
    return Difference(*values, bounds, more, less, method, matched, of)
