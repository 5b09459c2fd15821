"""Trials: the four ways in which the guess of an attack is compared with the truth.  Each is weighed in one way."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from divulge.core.errors import TargetError
from divulge.core.hashing import Array
from divulge.core.persons import condensed, numbered


@dataclass(frozen=True, eq=False)
class Scored:
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

    def by_unit(self) -> Scored:
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
        return Scored(score, self.exposed[first], self.unit[first], self.trial[first], ties, self.aggregate)

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
class Paired:
    """One metric, trial by trial: what the attack achieved beside what the best guess without the model did."""

    metric: str
    hits: tuple[float, ...]
    """[trials] in [0, 1], what the attack achieved on each thing that was asked about."""
    baseline: tuple[float, ...]
    """[trials], the same of the best guess without the model."""
    units: tuple[int, ...]
    """[trials], what was drawn independently of each other (a person, an update)."""
    note: str = ""
    """What counts as a hit, in words."""
    known: bool = False
    """Whether what the baseline reaches is known rather than measured, as of one image for all classes."""
    span: float = 1.0
    """What lies between a hit of 0 and one of 1 in the metric, which is 1 at its best: 1 for shares.  Of R2, where an
    error may be worse than no guess at all, it is more."""
    gain: float | None = None
    """The same of the advantage, where that is a share of what the baseline leaves; `span` when None."""
    about: str = field(default="", kw_only=True)
    """The attribute or property that it is about."""
    unit: str = field(default="", kw_only=True)
    """What each unit is, in a word, where the metric does not say it: an update behind which records stand."""
    type: Literal["paired"] = field(default="paired", kw_only=True)

    @property
    def value(self) -> float:
        """Mean over the units of what the attack achieved, in the metric's own measure."""
        return 1 - self.span * (1 - _mean_of_units(self.hits, self.units))

    @property
    def chance(self) -> float:
        """The same of the best guess without the model."""
        return 1 - self.span * (1 - _mean_of_units(self.baseline, self.units))


def _mean_of_units(values: tuple[float, ...], units: tuple[int, ...]) -> float:
    by: dict[int, list[float]] = {}
    for value, unit in zip(values, units, strict=True):
        by.setdefault(unit, []).append(value)
    return sum(sum(part) / len(part) for part in by.values()) / len(by) if by else 0.0


@dataclass(frozen=True)
class Counted:
    """On so many points the copy and the baseline, the best guess without any query, gave the target's answer: both,
    one of them, or neither.
    """

    metric: str
    both: int
    copy_only: int
    baseline_only: int
    neither: int
    about: str = field(default="", kw_only=True)
    type: Literal["counted"] = field(default="counted", kw_only=True)

    @property
    def points(self) -> int:
        """How many points were compared."""
        return self.both + self.copy_only + self.baseline_only + self.neither

    @property
    def copy(self) -> float:
        """Share of the points on which the copy answers as the target does: its fidelity."""
        return (self.both + self.copy_only) / self.points

    @property
    def baseline(self) -> float:
        """The same of the baseline."""
        return (self.both + self.baseline_only) / self.points


@dataclass(frozen=True)
class Exact:
    """Claims about secrets, against the truth."""

    metric: str
    values: int
    recovered: int
    """How many of the values are right."""
    tolerance: float
    """Relative error within which a number counts as right."""
    chance: tuple[float, ...] = ()
    """Probability of guessing each, one a value; empty where nobody guesses it."""
    worst: float | None = None
    """Largest error, relative to the size of what was claimed."""
    notes: tuple[str, ...] = ()
    """The claims in words."""
    about: str = field(default="", kw_only=True)
    type: Literal["exact"] = field(default="exact", kw_only=True)


Trial = Scored | Paired | Counted | Exact
