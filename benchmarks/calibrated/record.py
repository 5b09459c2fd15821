"""The record that stands out: do its intervals hold the truth although it was looked for, is a record that leaves no
trace left alone, and is one that does found?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

import divulge
from divulge.claims.record_trainings import Answered
from divulge.claims.worst_record import moved
from divulge.core.hashing import Array
from divulge.core.results.estimate import Rate
from divulge.stats.forecast.one_record import RecordAttack, counts, learned, weigh_record
from divulge.stats.intervals import clopper_pearson
from harness import Row

RECORDS = 40
CHOSEN = 3
REFERENCES = 32
TRIALS = 64
MANY = 20_000
"""Trainings from which the truth about one attack is taken."""

WORLDS: dict[str, tuple[float, ...]] = {
    "no record leaves a trace": (0.0,) * RECORDS,
    "every record leaves a small one": (0.5,) * RECORDS,
    "three stand out": (2.0,) * 3 + (0.2,) * (RECORDS - 3),
}
"""By how many deviations the presence of each record moves what a model answers about it."""


def drawn(weights: tuple[float, ...], trainings: int, rng: np.random.Generator) -> Answered:
    """Trainings in pairs, each with a random half of the records; answers are normal."""
    inside = np.zeros((trainings, len(weights)), dtype=bool)
    for pair in range(trainings // 2):
        inside[2 * pair, rng.permutation(len(weights))[: len(weights) // 2]] = True
        inside[2 * pair + 1] = ~inside[2 * pair]
    signal = np.where(inside, np.array(weights), 0.0) + rng.normal(size=inside.shape)
    return Answered(signal, inside, len(weights) / 2)


def truth_of(attack: RecordAttack, weight: float, rng: np.random.Generator) -> float:
    """The advantage of one attack over more trainings than anybody has."""
    arms = [attack.score(mean + rng.normal(size=MANY)) > attack.cut for mean in (weight, 0.0)]
    return float(arms[0].mean() - arms[1].mean())


def looked_at(weights: tuple[float, ...], seed: int, separate: bool) -> tuple[bool, bool]:
    """Whether all intervals of the chosen records hold, and whether a leak is found.  separate: whether records are
    chosen, and attacks learned, on trainings of their own.
    """
    rng = np.random.default_rng(seed)
    trials = drawn(weights, TRIALS, rng)
    taught = drawn(weights, REFERENCES, rng) if separate else trials
    chosen = np.argsort(-moved(taught), kind="stable")[:CHOSEN]
    held, found = True, False
    for place in chosen:
        attack = learned(taught.signal[:, place], taught.inside[:, place])
        told = weigh_record(counts(attack, trials.signal[:, place], trials.inside[:, place]), 0.0, 0.95, CHOSEN)
        assert told.low is not None and told.high is not None
        held &= told.low <= truth_of(attack, weights[place], rng) <= told.high
        found |= told.low > 0
    return held, found


def share(name: str, happened: Array, bar: float | None = None, above: bool = True) -> Row:
    """How often something happened, with its exact interval."""
    rate = Rate(int(happened.sum()), len(happened))
    return Row(name, rate.value, *clopper_pearson(rate, 0.05), bar, "above" if above else "below")


def rows(quick: bool) -> Iterator[Row]:
    """Coverage and leaks, of records that were looked for; then whole runs."""
    repetitions = 150 if quick else 1000
    for name, weights in WORLDS.items():
        told = np.array([looked_at(weights, seed, separate=True) for seed in range(repetitions)])
        yield share(f"worst record, {name}: all {CHOSEN} intervals hold", told[:, 0], 0.95 if not quick else 0.93)
        nothing = not any(weights)
        yield share(f"worst record, {name}: leak", told[:, 1], 0.05 if nothing else None, above=False)
    told = np.array(
        [looked_at(WORLDS["no record leaves a trace"], seed, separate=False) for seed in range(repetitions)]
    )
    yield share("the same, chosen and learned on the trials themselves: leak, no record leaves a trace", told[:, 1])
    whole = 20 if quick else 200
    for weight, above in ((0.0, False), (3.0, True)):
        verdicts = np.array([run(weight, seed) == "leak" for seed in range(whole)])
        name = f"whole runs, a noisy sum that the record moves by {weight:g} deviations: leak"
        yield share(name, verdicts, (0.9 if above else 0.05), above=above)


def run(weight: float, seed: int) -> str:
    """The verdict on a model that releases the sum of its records under standard normal noise."""
    x = np.zeros((RECORDS, 1))
    x[0] = weight
    y = np.r_[1, np.arange(RECORDS - 1) % 2]
    found = divulge.worst_record(
        noisy_sum, (x, y), references=REFERENCES, trials=TRIALS, candidates=1, tolerated=0.0, seed=seed
    )
    return found.verdict


def noisy_sum(x: Array, y: Array, seed: int) -> Callable[[Array], Array]:
    """Answers the noisy sum as a logit, whatever is asked."""
    total = x[:, 0].sum() + np.random.default_rng(seed).normal()
    one = 1 / (1 + np.exp(-total))
    return lambda asked: np.tile([1 - one, one], (len(asked), 1))
