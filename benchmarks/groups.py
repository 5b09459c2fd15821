"""Persons with several records: is a fair split by person called fair, a model that gives nothing away not leaky, and a
planted leak found?  Whole audits, with whose records they are, and without.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import divulge
from divulge.core.results.estimate import Rate
from divulge.core.results.finding import Verdict
from divulge.stats.intervals import clopper_pearson
from harness import Row, main

WITHIN = 0.1
"""Standard deviation of a person's records around the person, who are one apart."""


@dataclass(frozen=True)
class World:
    """persons: of either side.  rows: of each person, from and to.  told: whose records they are is said.  leak: share
    of the members whose records the model answers more surely.  drift: of the members' features, in deviations.
    """

    name: str
    persons: int
    rows: tuple[int, int]
    told: bool = True
    leak: float = 0.0
    drift: float = 0.0
    aggregate: str = "mean"


WORLDS = (
    World("fair, 5 records each", 20, (5, 5)),
    World("fair, 5 records each", 60, (5, 5)),
    World("fair, 20 records each", 40, (20, 20)),
    World("fair, 2 records each", 200, (2, 2)),
    World("fair, 1 to 20 records", 60, (1, 20)),
    World("fair, 1 to 20 records, maximum", 60, (1, 20), aggregate="max"),
    World("fair, 1 to 20 records, sum", 60, (1, 20), aggregate="sum"),
    World("fair, 5 records each, persons not told", 60, (5, 5), told=False),
    World("half of the members leak", 60, (5, 5), leak=0.5),
    World("all members leak", 20, (5, 5), leak=1.0),
    World("all members leak, 1 to 20 records", 60, (1, 20), leak=1.0),
    World("members drawn otherwise", 60, (5, 5), drift=1.0),
)


def drawn(world: World, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Records, classes, persons, and who is a member: persons are drawn at random, records lie near their person."""
    rng = np.random.default_rng(seed)
    count = 2 * world.persons
    persons = np.repeat(np.arange(count), rng.integers(world.rows[0], world.rows[1] + 1, count))
    middle = rng.normal(size=(count, 5))
    x = middle[persons] + WITHIN * rng.normal(size=(len(persons), 5))
    y = (x[:, 0] + 0.3 * rng.normal(size=len(x)) > 0).astype(int)
    inside = np.isin(persons, rng.permutation(count)[: world.persons])
    x[inside, 1] += world.drift
    return x, y, persons, inside


def model_of(world: World, x: np.ndarray, y: np.ndarray, known: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A fixed function of the first feature that is surer of the records it knows."""
    memory = {row.tobytes(): label for row, label in zip(x[known], y[known], strict=True)}

    def model(asked: np.ndarray) -> np.ndarray:
        logit = 2 * asked[:, 0]
        for place, row in enumerate(np.ascontiguousarray(asked)):
            label = memory.get(row.tobytes())
            if label is not None:
                logit[place] += 4 if label else -4
        one = 1 / (1 + np.exp(-logit))
        return np.column_stack([1 - one, one])

    return model


def verdict_of(world: World, seed: int, folder: str) -> Verdict:
    """Of one audit."""
    x, y, persons, inside = drawn(world, seed)
    leaking = np.unique(persons[inside])[: round(world.leak * world.persons)]
    run = divulge.audit(
        model_of(world, x, y, np.isin(persons, leaking)),
        (x[inside], y[inside]),
        (x[~inside], y[~inside]),
        groups=(persons[inside], persons[~inside]) if world.told else None,
        aggregate=world.aggregate,
        attacks=["loss", "correctness", "ml_leaks_unsupervised"],
        recipe=None,
        seed=seed,
        cache=False,
        out=Path(folder) / str(seed),
    )
    return run.verdict


def measure(quick: bool) -> Iterator[Row]:
    """Shares of audits by verdict.  Bars: leaks and alarms of fair worlds with persons told are errors, of which the
    interval must hold the rate that is promised; planted faults must be found.
    """
    audits = 40 if quick else 200
    for world in WORLDS[:1] + WORLDS[9:10] if quick else WORLDS:
        with tempfile.TemporaryDirectory() as folder:
            found = [verdict_of(world, seed, folder) for seed in range(audits)]
        fair = world.told and not world.leak and not world.drift
        for verdict, promised, planted in ((Verdict.LEAK, 0.05, world.leak), (Verdict.INVALID, 0.02, world.drift)):
            rate = Rate(sum(v is verdict for v in found), audits)
            low, high = clopper_pearson(rate, 0.05)
            name = f"{verdict.value}: {world.persons} persons a side, {world.name}"
            if fair:
                yield Row(f"{name} (low end)", low, low, high, promised, "below")
            else:
                yield Row(name, rate.value, low, high, 0.8 if planted else None)


if __name__ == "__main__":
    main(__doc__ or "", measure)
