"""Scores whose true ROC curve is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy import special, stats

from divulge.core.hashing import derived_rng
from divulge.core.results.trials import Scored
from harness import Row

Draw = Callable[[Generator, int], np.ndarray]


@dataclass(frozen=True)
class World:
    """exposed, control: draw so many scores of one arm.  area: the true AUC.  tpr: the true ROC curve."""

    name: str
    exposed: Draw
    control: Draw
    area: float
    tpr: Callable[[np.ndarray], np.ndarray] | None = None

    def drawn(self, rng: Generator, n_exposed: int, n_control: int) -> Scored:
        """One audit's scores."""
        return scored(self.exposed(rng, n_exposed), self.control(rng, n_control))


def scored(exposed: np.ndarray, control: np.ndarray) -> Scored:
    """Scores of independent trials as evidence."""
    score = np.concatenate([exposed, control]).astype(float)
    index = np.arange(len(score))
    return Scored(score, index < len(exposed), index, index)


def normal(rng: Generator, n: int) -> np.ndarray:
    return rng.normal(size=n)


def binormal(area: float) -> World:
    """Two normal arms of equal spread."""
    shift = float(special.ndtri(area) * np.sqrt(2))
    return World(
        f"AUC {area:g}, normal",
        lambda rng, n: rng.normal(size=n) + shift,
        normal,
        area,
        lambda p: special.ndtr(special.ndtri(p) + shift),
    )


def told(share: float) -> World:
    """A share of the members lies above everybody, as attacks by likelihood ratios find them; the rest are hidden."""
    return World(
        f"{100 * share:g} % of members stand out",
        lambda rng, n: rng.normal(size=n) + 50 * (rng.random(n) < share),
        normal,
        0.5 + share / 2,
        lambda p: share + (1 - share) * p,
    )


def two_valued(members: float, others: float) -> World:
    """Right or wrong: nothing but ties."""
    return World(
        f"right on {100 * members:g} % and {100 * others:g} %",
        lambda rng, n: (rng.random(n) < members).astype(float),
        lambda rng, n: (rng.random(n) < others).astype(float),
        0.5 + (members - others) / 2,
    )


def spread(times: float) -> World:
    """Members' scores spread more widely: the ROC curve is not concave."""
    return World(f"AUC 0.5, members spread {times:g} times", lambda rng, n: times * rng.normal(size=n), normal, 0.5)


def seeded(*names: object) -> Generator:
    return derived_rng(0, *map(str, names))


def held(name: str, missed: int, draws: int, promised: float, conservative: bool = False) -> Iterator[Row]:
    """Whether an interval holds the truth as often as promised, give or take two points and what the number of draws
    allows; of one that is conservative only that it does so often enough, and its row says so.
    """
    share = 1 - missed / draws
    low, high = stats.binomtest(draws - missed, draws).proportion_ci(0.99)
    suffix = ", conservative" if conservative else ""
    yield Row(f"{name}{suffix}", share, low, high, None)
    yield Row("   high end of it, at least", high, bar=promised - 0.02)
    if not conservative:
        yield Row("   low end of it, at most", low, bar=promised + 0.02, better="below")


def rejected(name: str, count: int, draws: int, promised: float) -> Row:
    """How often a true hypothesis is rejected; the bar is for the low end, which allows for the draws."""
    low, high = stats.binomtest(count, draws).proportion_ci(0.99)
    return Row(f"{name} ({count} of {draws}, low end)", low, low, high, promised, "below")
