"""What an audit decides where nothing leaks and the split is fair: false leaks of one attack, the blind alarm."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from calibrated.worlds import World, binormal, held, rejected, seeded, two_valued
from divulge.auditing.run_attack import blind_reading
from divulge.core.records import Column, Records, Schema
from divulge.core.results.metric import BALANCED_ACCURACY, EPSILON
from divulge.core.results.policy import Policy
from divulge.games.blind import blind_guesses
from divulge.stats.many.multiplicity import holm
from divulge.stats.scored import weigh_scored
from harness import Row

NULLS = (binormal(0.5), two_valued(0.9, 0.9), two_valued(0.01, 0.01))


def leaks(world: World, arms: tuple[int, int], draws: int) -> Row:
    """Some metric of one attack is significant after Holm's correction, above 0 and not above what is tolerated."""
    rng, count = seeded("leaks", world.name, arms), 0
    policy = Policy(thresholds={})
    for _ in range(draws):
        found = [e.p_value for e in weigh_scored(world.drawn(rng, *arms), policy, 6) if e.p_value is not None]
        count += bool(found) and holm(found).min() <= 0.05
    return rejected(f"false leak of one attack, {arms[0]} v {arms[1]}, {world.name}", count, draws, 0.05)


def accuracy(world: World, arms: tuple[int, int], draws: int) -> Iterator[Row]:
    """Balanced accuracy of a two-valued score, whose best threshold is known."""
    rng, missed = seeded("accuracy", world.name, arms), 0
    for _ in range(draws):
        found = {e.metric: e for e in weigh_scored(world.drawn(rng, *arms), Policy(), 1)}[BALANCED_ACCURACY]
        missed += not (found.low or 0.0) <= world.area <= (found.high or 1.0)
    yield from held(f"balanced accuracy, {arms[0]} v {arms[1]}, {world.name}", missed, draws, 0.95, conservative=True)


def bounded(draws: int) -> Row:
    """Epsilon bounds above the truth: randomised response of epsilon 1."""
    rng, above, keep = seeded("epsilon"), 0, float(np.e / (1 + np.e))
    for _ in range(draws):
        found = {e.metric: e for e in weigh_scored(two_valued(keep, 1 - keep).drawn(rng, 500, 500), Policy(), 1)}
        above += (found[EPSILON].value or 0.0) > 1.0
    return rejected("epsilon bound above the truth, randomised response", above, draws, 0.05)


def alarms(arms: tuple[int, int], draws: int) -> Row:
    """The split is fair, and called unfair."""
    rng, count, total = seeded("alarm", arms), 0, sum(arms)
    for number in range(draws):
        x = rng.normal(size=(total, 8))
        y = (x[:, 0] + rng.normal(size=total) > 0).astype(np.int64)
        records = Records(x, y, Schema(tuple(Column(f"c{i}") for i in range(8)), classes=(0, 1)))
        member = np.isin(np.arange(total), rng.permutation(total)[: arms[0]])
        count += max(blind_reading(guess).low for guess in blind_guesses(records, member, number)) > 0.5
    return rejected(f"blind alarm at a fair split, {arms[0]} v {arms[1]}", count, draws, 0.02)


def rows(quick: bool) -> Iterator[Row]:
    draws = 60 if quick else 200
    for arms in ((5, 2000),) if quick else ((5, 5), (5, 2000), (12, 1000), (50, 50), (200, 200)):
        for world in NULLS[:2] if quick else NULLS:
            yield leaks(world, arms, draws)
    for arms in ((20, 1000),) if quick else ((5, 200), (20, 1000), (50, 50), (300, 300)):
        yield from accuracy(two_valued(0.9, 0.6), arms, draws)
    yield bounded(draws)
    for arms in ((12, 1000),) if quick else ((12, 12), (12, 1000), (1000, 12), (10, 200), (50, 1000), (200, 200)):
        yield alarms(arms, draws // 4 if quick else draws)
