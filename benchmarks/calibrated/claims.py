"""How often claims accuse a model that saw nothing, and how often intervals of a share hold it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from divulge.claims.canaries import canaries_used
from divulge.claims.cardinality import used_share
from divulge.claims.dataset_use import was_used
from divulge.core.records import Records
from divulge.core.results.estimate import Rate
from divulge.data.arrays import from_arrays
from divulge.stats.intervals import clopper_pearson
from divulge.targets.function import FunctionTarget
from harness import Row

PERSONS = 60


def rows(quick: bool) -> Iterator[Row]:
    """Each with its 95 % interval over simulations; the bars are what is promised, less what chance may take."""
    for name, known, lot in (("3 of 9 labels", 9, 3), ("all of 2 labels", 2, 2), ("all of 5 labels", 5, 5)):
        p_values = _canaries(known, lot, 500 if quick else 5_000)
        yield _at_most(f"canaries, {name}: accused at 0.05", p_values, 0.05)
        yield _at_most(f"canaries, {name}: accused at 0.001", p_values, 0.001)
    for name, few in (("1 row", (1, 1)), ("5 rows", (5, 5)), ("1 to 50 rows", (1, 50))):
        used = _sets(few, 40 if quick else 1_000)
        yield _at_most(f"use of a set, {name} a person: accused at 0.05", used, 0.05)
        yield _at_most(f"use of a set, {name} a person: accused at 0.001", used, 0.001)
        for share in (0.0, 0.5):
            held = _shares(few, share, 20 if quick else 400)
            yield _at_least(f"share {share:g} of a set, {name} a person: interval holds it", held, 0.95)


def _at_most(name: str, p_values: list[float], level: float) -> Row:
    return _judged(name, [p <= level for p in p_values], level, "below")


def _at_least(name: str, held: list[bool], level: float) -> Row:
    return _judged(name, held, level, "above")


def _judged(name: str, events: list[bool], level: float, better: str) -> Row:
    """The bar is the level, give or take three deviations of so many simulations."""
    slack = 3 * (level * (1 - level) / len(events)) ** 0.5
    low, high = clopper_pearson(Rate(sum(events), len(events)), 0.05)
    bar = level + slack if better == "below" else level - slack
    return Row(name, sum(events) / len(events), low, high, bar, "below" if better == "below" else "above")


def _canaries(known: int, lot: int, simulations: int) -> list[float]:
    """p-values of a model that is surest of labels of the lot, and saw no canary."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(3, known)) + 4 * (np.arange(known) < lot)
    model = FunctionTarget(lambda x: x @ weight, "logits")
    found = []
    for _ in range(simulations):
        x, drawn = 1 + rng.normal(size=(50, 3)), rng.integers(0, lot, 50)
        (canaries,) = from_arrays([(x, drawn)], classes=list(range(known)))
        found.append(canaries_used(model, canaries, "", labels=list(range(lot))).p_value)
    return found


@dataclass(frozen=True, eq=False)
class _Memory:
    """Confidence in a record: how hard it is, luck with each person, and a gap where the person was seen."""

    seen: frozenset[int]
    luck: np.ndarray

    def target(self) -> FunctionTarget:
        return FunctionTarget(self._answer, "scores")

    def _answer(self, x: np.ndarray) -> np.ndarray:
        who = x[:, 1].astype(int)
        right = 1 / (1 + np.exp(-(x[:, 0] + self.luck[who] + 4.0 * np.isin(who, list(self.seen)))))
        return np.column_stack([right, 1 - right])


@dataclass(frozen=True, eq=False)
class _Training:
    """Whatever trains such models."""

    rng: np.random.Generator

    def model(self, seen: set[int]) -> FunctionTarget:
        return _Memory(frozenset(seen), self.rng.normal(size=2 * PERSONS)).target()

    def train_many(self, records: Records, rows: np.ndarray, seeds: list[int]) -> Iterator[tuple[int, FunctionTarget]]:
        for number, row in enumerate(rows):
            yield number, self.model(set(records.x[row, 1].astype(int)))


def _both(rng: np.random.Generator, few: tuple[int, int]) -> list[Records]:
    """Own and fresh records of as many persons, whose rows are alike."""
    made = []
    for start in (0, PERSONS):
        who = np.repeat(np.arange(PERSONS), rng.integers(few[0], few[1] + 1, PERSONS))
        x = np.column_stack([rng.normal(size=PERSONS)[who] + 0.3 * rng.normal(size=len(who)), who + start])
        (records,) = from_arrays([(x, np.arange(len(who)) % 2)])
        numbered = replace(records, groups=who + start, y=np.zeros(len(who), dtype=np.int64))
        made.append(numbered.as_given(records.given))
    return made


def _sets(few: tuple[int, int], simulations: int) -> list[float]:
    rng = np.random.default_rng(1)
    return [was_used(_Training(rng).model(set()), *_both(rng, few), seed).p_value for seed in range(simulations)]


def _shares(few: tuple[int, int], share: float, simulations: int) -> list[bool]:
    rng, held = np.random.default_rng(2), []
    for seed in range(simulations):
        own, fresh = _both(rng, few)
        training = _Training(rng)
        found = used_share(training.model(set(range(int(PERSONS * share)))), own, fresh, training, seed=seed)
        held.append(found.low <= share <= found.high)
    return held
