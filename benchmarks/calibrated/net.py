"""What an attack tells net of a guess without the model: how often the interval holds what membership itself adds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats

from calibrated.worlds import held, seeded
from divulge.core.hashing import Array
from divulge.core.results.trials import Scored
from divulge.stats.auc import auc
from divulge.stats.comparison.net import net_area
from harness import Row


def once(rng: np.random.Generator, arms: tuple[int, int], shift: float, gain: float) -> tuple[Scored, Scored]:
    """The scores of an attack and of a guesser.  A record's own level is shifted among members, and both see it; the
    attack sees `gain` besides, under noise of deviation 1.
    """
    member: Array = np.arange(sum(arms)) < arms[0]
    level, index = rng.normal(size=sum(arms)) + shift * member, np.arange(sum(arms))
    attack = level + gain * member + rng.normal(size=sum(arms))
    return Scored(attack, member, index, index), Scored(level, member, index, index)


def rows(quick: bool) -> Iterator[Row]:
    """The true area at a given level is Phi(gain / sqrt 2)."""
    draws = 200 if quick else 1000
    sizes = ((100, 100), (500, 500)) if quick else ((50, 50), (100, 100), (100, 1000), (500, 500), (2000, 2000))
    for arms in sizes:
        for shift, gain in ((0.5, 0.0), (0.5, 0.8)) if quick else ((0.0, 0.0), (0.5, 0.0), (0.5, 0.8), (1.0, 0.8)):
            rng, true = seeded("net", arms, shift, gain), float(stats.norm.cdf(gain / np.sqrt(2)))
            missed, raw, net, left = 0, 0.0, 0.0, 0.0
            for _ in range(draws):
                attack, guess = once(rng, arms, shift, gain)
                found = net_area("attack", attack, [guess], 0.05)
                if found is None:
                    continue
                missed += not found.area.low <= true <= found.area.high
                raw, net, left = raw + auc(attack).value, net + found.area.value, left + found.guesser.value
            name = f"net of the baseline, {arms[0]} v {arms[1]}, shift {shift:g}, gain {gain:g}"
            for what, value in (("true", true), ("raw", raw / draws), ("net", net / draws), ("guess", left / draws)):
                yield Row(f"{name}: {what}", value)
            yield from held(name, missed, draws, 0.95, conservative=True)
