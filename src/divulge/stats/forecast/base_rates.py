"""How likely a named record is a member, when it is not known how many of those asked about are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import derived_rng
from divulge.core.results.estimate import Rate
from divulge.core.wording import percent
from divulge.stats.intervals import Interval, clopper_pearson

DRAWS = 20_000

USUAL = "0.01:0.5"
"""Share of members among those asked about, where nobody states another: from 1 to 50 %."""


@dataclass(frozen=True)
class BaseRate:
    """The share of members among those asked about, which lies between low and high, or is Beta(a, b) distributed.

    low, high: in (0, 1]; a, b: positive, both or neither.  Raises InputError for others.
    """

    low: float = 0.0
    high: float = 1.0
    a: float | None = None
    b: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1:
            raise InputError(f"a prior from {self.low:g} to {self.high:g}: give shares between 0 and 1, 0.01:0.1 say")
        if (self.a is None) != (self.b is None) or any(v is not None and not v > 0 for v in (self.a, self.b)):
            raise InputError("a Beta prior takes two positive numbers, beta:2,50 say")

    @classmethod
    def of(cls, text: str) -> BaseRate:
        """From "0.1", "0.01:0.1" or "beta:2,50"; raises InputError, with the forms, for other texts."""
        kind, _, rest = text.partition(":")
        try:
            if kind.strip().lower() == "beta":
                a, b = (float(part) for part in rest.split(","))
                return cls(a=a, b=b)
            return cls(float(kind), float(rest or kind))
        except ValueError as error:
            raise InputError(f"prior {text!r}: give a share (0.1), a range (0.01:0.1) or beta:2,50") from error

    def __str__(self) -> str:
        if self.a is not None:
            return f"Beta({self.a:g}, {self.b:g})"
        return f"{self.low:g}" if self.low == self.high else f"{self.low:g} to {self.high:g}"

    @property
    def in_words(self) -> str:
        """As the head of a column: which share of those asked about are members."""
        if self.a is not None:
            return f"share of members: {self}"
        shares = percent(self.low) if self.low == self.high else f"{percent(self.low)} to {percent(self.high)}"
        return f"{shares} are members"


@dataclass(frozen=True)
class PredictiveValue:
    """How likely a named record is a member.  value: at the middle of a range (its geometric mean), or the median over
    a Beta prior.  low, high: see `predictive_value`.
    """

    prior: BaseRate
    value: float
    low: float
    high: float


def ppv(prior: float, tpr: float, fpr: float) -> float:
    """Bayes' rule: the share of members among those named; 0 where nobody is."""
    named = prior * tpr + (1 - prior) * fpr
    return prior * tpr / named if named > 0 else 0.0


def predictive_value(tpr: Rate, fpr: Rate, prior: BaseRate, confidence: float = 0.95, seed: int = 0) -> PredictiveValue:
    """With the uncertainty of both rates and of the prior.

    A range of priors: from the lowest prior with the worst rates to the highest with the best, each rate exact at half
    of the error (Bonferroni), so that the interval holds whatever prior in the range is true, at a threshold put on
    these very non-members too.  A Beta prior: quantiles of the posterior, with Jeffreys' prior of the true positive
    rate (Brown, Cai and DasGupta 2001) and the false positive rate as above an order statistic, Beta(k + 1, n - k);
    this is Bayes' interval and holds on average over the prior.
    """
    alpha = 1 - confidence
    if prior.a is None or prior.b is None:
        rightly, wrongly = clopper_pearson(tpr, alpha / 2), clopper_pearson(fpr, alpha / 2)
        middle = float(np.sqrt(prior.low * prior.high))
        bounds = Interval(ppv(prior.low, rightly.low, wrongly.high), ppv(prior.high, rightly.high, wrongly.low))
        return PredictiveValue(prior, ppv(middle, tpr.value, fpr.value), *bounds)
    rng = derived_rng(seed, "predictive value")
    share = rng.beta(prior.a, prior.b, DRAWS)
    true = rng.beta(tpr.successes + 0.5, tpr.trials - tpr.successes + 0.5, DRAWS)
    false = rng.beta(fpr.successes + 1, max(fpr.trials - fpr.successes, 1), DRAWS)
    named = share * true + (1 - share) * false
    drawn = np.divide(share * true, named, out=np.zeros(DRAWS), where=named > 0)
    low, value, high = np.quantile(drawn, (alpha / 2, 0.5, 1 - alpha / 2))
    return PredictiveValue(prior, float(value), float(low), float(high))
