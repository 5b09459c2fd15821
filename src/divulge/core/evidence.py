"""Guesses, and the evidence that a game makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from divulge.core.errors import TargetError
from divulge.core.hashing import Array
from divulge.core.persons import condensed, numbered


@dataclass(frozen=True, eq=False)
class MembershipGuess:
    """scores: [candidates], higher means more likely a member.  tie_break orders candidates with equal scores.

    about: bool [candidates], which of them the guess is about, chosen before anything was asked; None for all.
    """

    scores: Array
    tie_break: Array | None = None
    about: Array | None = None


@dataclass(frozen=True, eq=False)
class Evidence:
    """Scored trials in two arms.

    score: [trials], higher means that the adversary believes the secret to be in play.
    exposed: bool [trials], True where it was in play (a member), False in the control arm (a non-member).
    unit: int [trials], what was drawn independently (a person, a model): statistics resample units, never rows.
    trial: int [trials], which record of the audit each trial is about.
    tie_break: [trials], decides between equal scores.
    aggregate: how scores of one unit become one, see core.persons.
    """

    score: Array
    exposed: Array
    unit: Array
    trial: Array
    tie_break: Array | None = None
    aggregate: str = "mean"

    def __post_init__(self) -> None:
        if self.exposed.all() or not self.exposed.any():
            raise TargetError("evidence needs trials in both arms, exposed and control")
        for name, values in (("score", self.score), ("tie_break", self.tie_break)):
            if values is not None and not np.isfinite(values).all():
                raise TargetError(f"{int((~np.isfinite(values)).sum())} values of {name} are NaN or infinite")

    @cached_property
    def grouped(self) -> bool:
        """Whether several trials belong to one unit, so that they say less than as many independent ones."""
        return len(np.unique(self.unit)) < len(self.unit)

    def by_unit(self) -> Evidence:
        """One trial a unit, in the order of their first ones, so that trials are independent; the same evidence where
        they are already.  Raises TargetError where a unit stands in both arms.
        """
        if not self.grouped:
            return self
        first, place, rows = numbered(self.unit)
        if (np.bincount(place, self.exposed) % rows).any():
            raise TargetError("a person stands among members and non-members alike")
        ties = condensed(self.tie_break, place, self.aggregate) if self.tie_break is not None else None
        score = condensed(self.score, place, self.aggregate)
        return Evidence(score, self.exposed[first], self.unit[first], self.trial[first], ties, self.aggregate)

    @property
    def n_exposed(self) -> int:
        """Trials in the exposed arm."""
        return int(self.exposed.sum())

    @property
    def n_control(self) -> int:
        """Trials in the control arm."""
        return int((~self.exposed).sum())

    def ranks(self) -> Array:
        """Dense integer ranks [trials] of (score, tie_break): equal only where both are equal."""
        first = np.unique(self.score, return_inverse=True)[1]
        if self.tie_break is None:
            return np.asarray(first)
        second = np.unique(self.tie_break, return_inverse=True)[1]
        combined = first.astype(np.int64) * (int(second.max()) + 1) + second
        return np.asarray(np.unique(combined, return_inverse=True)[1])


@dataclass(frozen=True)
class Rate:
    """A rate keeps its counts, so that its uncertainty can always be computed."""

    successes: int
    trials: int

    @property
    def value(self) -> float:
        """The observed rate."""
        return self.successes / self.trials


@dataclass(frozen=True)
class Detail:
    """A supplementary number of an estimate: the false positive rate reached, a predictive value."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Estimate:
    """What statistics make of evidence: one metric with its uncertainty.

    advantage: the metric on one scale for all, 0 for a guess without the model and 1 for certainty.
    detectable: the smallest advantage that this many trials would have shown with probability 0.8.
    p_value: of the null hypothesis that the advantage is at most the policy's threshold.
    unmeasurable: why the evidence cannot carry this metric; the numbers are then None.
    attainable: the p-value that an attack which never errs would have had on as many trials; None where unknown.
    enough: what would do, in words, where even that is too high.
    p_below: of the hypothesis that the attack is right at least as often as chance; None where that says nothing.
    unit: what was counted, records or persons with all their rows.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    confidence: float
    chance: float
    advantage: float | None = None
    advantage_low: float | None = None
    detectable: float | None = None
    p_value: float | None = None
    threshold: float = 0.0
    unmeasurable: str | None = None
    details: tuple[Detail, ...] = ()
    attainable: float | None = None
    enough: str = ""
    p_below: float | None = None
    unit: str = "record"
