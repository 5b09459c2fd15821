"""The AUC: intervals, their far tails, persons with several rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from calibrated.worlds import World, binormal, held, rejected, seeded, spread, told, two_valued
from divulge.core.results.trials import Scored
from divulge.stats.auc import auc
from harness import Row

FAR = 0.05 / 180
"""An error rate as Holm's correction leaves to one of many findings."""

ARMS = ((5, 5), (10, 10), (5, 200), (200, 5), (20, 1000), (25, 10_000), (50, 50), (200, 200), (1000, 1000))
WORLDS = (
    binormal(0.5),
    binormal(0.76),
    binormal(0.92),
    binormal(0.98),
    told(0.1),
    told(0.9),
    two_valued(0.9, 0.9),
    two_valued(0.9, 0.6),
    spread(2.0),
)


def independent(world: World, arms: tuple[int, int], draws: int) -> Iterator[Row]:
    """Coverage at 95 %, and how often the lower end is too high in the far tail."""
    rng, missed, far = seeded("area", world.name, arms), 0, 0
    for _ in range(draws):
        area = auc(world.drawn(rng, *arms))
        low, high = area.interval(0.05)
        missed += not low - 1e-9 <= world.area <= high + 1e-9
        far += area.interval(FAR).low > world.area + 1e-9
    few, tied = min(arms) < 100 or max(arms) > 4 * min(arms), world.tpr is None
    wide = few or tied or world.area > 0.9
    name = f"AUC, {arms[0]} v {arms[1]}, {world.name}"
    yield from held(name, missed, draws, 0.95, conservative=wide)
    yield rejected("   too high at 0.05 / 180", far, draws, FAR / 2)


def persons(rows: int, draws: int) -> Iterator[Row]:
    """Rows of a person correlate by 0.8; 1 to `rows` of each of 25 persons a side."""
    rng, missed, many = seeded("persons", rows), 0, 50
    for _ in range(draws):
        unit = np.repeat(np.arange(many), rng.integers(1, rows + 1, many))
        score = np.sqrt(0.8) * rng.normal(size=many)[unit] + np.sqrt(0.2) * rng.normal(size=len(unit))
        low, high = auc(Scored(score, unit < many // 2, unit, np.arange(len(unit)))).interval(0.05)
        missed += not low <= 0.5 <= high
    yield from held(f"AUC of rows, 25 v 25 persons of 1 to {rows} rows", missed, draws, 0.95, conservative=True)


def rows(quick: bool) -> Iterator[Row]:
    draws = 300 if quick else 1000
    for arms in ARMS[2:8:2] if quick else ARMS:
        for world in (WORLDS[0], WORLDS[2], WORLDS[6]) if quick else WORLDS:
            yield from independent(world, arms, draws)
    for number in (5,) if quick else (1, 2, 5, 20, 50):
        yield from persons(number, draws // 2)
