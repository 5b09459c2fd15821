"""The property game: models are trained on sets in which a property has a known value; which value was it?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.errors import Impossible, InputError
from divulge.core.game import Arm, Round
from divulge.core.hashing import Array, derived_rng, derived_seed, digest
from divulge.core.property_expression import Property, dial_of, most_drawn, property_of, rows_with
from divulge.core.records import Records, concat
from divulge.core.results.evidence import Evidence, joined
from divulge.core.results.trials import Scored
from divulge.core.target import Oracle, Target
from divulge.core.threat import Family, Task
from divulge.core.views.membership import Poison
from divulge.core.views.property import Cohort, PropertyAuxiliary, PropertyGuess, PropertyQuestion, PropertyView
from divulge.games.judges.property import FactJudge, metrics_alone
from divulge.games.sides import Side

QUERIES = 1_000
SPARE = 0.9
FEWEST = 100
"""Records that a training set must have at least."""

USUAL: Mapping[str, tuple[float, ...]] = {
    "share": (0.2, 0.5, 0.8),
    "mean": (0.2, 0.5, 0.8),
    "correlation": (0.2, 0.5, 0.8),
    "duplicates": (0.0, 0.25, 0.5),
}
"""Dials of the victims, unless values are given."""

LIKE = 0.5
"""An estimate is made for the audited model where the others have at least this share of its records."""

BEYOND = 0.1
"""How far beyond those of the victims the dials of the adversary's own models go."""


@dataclass(frozen=True)
class PropertyPlan:
    """What the property game is played on.

    properties: expressions, see core.properties.  values: that victims have, the same for all properties; usual ones
    when None.  victims, shadows: models.  size: records of every training set; as many as the audited model learned
    from, or as there are enough for, when None.  queries: records that the adversary may ask about.  trials, batch:
    updates of a federated training, and records in each.
    """

    properties: tuple[str, ...] = ()
    values: tuple[float, ...] | None = None
    victims: int = 48
    shadows: int = 64
    size: int | None = None
    queries: int = QUERIES
    trials: int = 100
    batch: int = 32

    def fingerprint(self) -> str:
        """Content hash."""
        return digest(repr(self))


Raise = Callable[[Records, Array, Sequence[int]], Sequence[Target]]
"""Models of the recipe, one for each row of bool [models, records], with these seeds."""


@dataclass(eq=False)
class PropertyDesign:
    """One property with everything that is drawn for it.

    dials: of the victims.  reach: between which dials the adversary's own models are.  size: of the training sets.
    shared: whether all of the adversary's models draw from all of its records, which are too few for halves: what is
    learned from them is then judged by models that were trained on the same records in part, and seems better than it
    is, so that no intervals are told.
    """

    prop: Property
    dials: tuple[float, ...]
    reach: tuple[float, float]
    size: int
    shared: bool


@dataclass(eq=False)
class PropertyGame:
    """victims_from, adversary: disjoint records that the victims and the adversary's models are drawn from.

    actual: the audited model's training records with their columns; None where the audited model is not asked about.
    """

    target: Target
    victims_from: Side
    adversary: Side
    actual: Side | None
    raise_models: Raise | None
    seed: int
    plan: PropertyPlan
    _worlds: dict[tuple[str, Arm, str], World] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if not self.plan.properties:
            raise Impossible("no property is asked about: name some under `property.properties`")
        if self.raise_models is None:
            raise Impossible("no recipe is known, so no models with other training sets can be trained")
        shared = set(self.victims_from.records.row_keys()) & set(self.adversary.records.row_keys())
        if shared:
            raise InputError(f"{len(shared)} records are both the adversary's and the victims': they must be disjoint")
        rng = derived_rng(self.seed, "queries")
        order = rng.permutation(len(self.adversary))
        count = min(self.plan.queries, len(self.adversary) // 4)
        self.asked, self.own = self.adversary.take(order[:count]), self.adversary.take(order[count:])
        self.designs = [self._design(property_of(text)) for text in self.plan.properties]

    @property
    def family(self) -> Family:
        """See Game."""
        return Family.PROPERTY

    def _design(self, prop: Property) -> PropertyDesign:
        for side in (self.victims_from, self.own, self.asked):
            prop.check(side.columns)
        records = self.plan.size or (len(self.actual) if self.actual is not None else len(self.victims_from) // 2)
        flags = [_flags(prop, side.speaking_of(prop)) for side in (self.victims_from, self.own)]
        dials = self._dials(prop, flags[0], records)
        low, high = min(dials), max(dials)
        if prop.kind in USUAL:
            beyond = BEYOND if prop.kind != "duplicates" else 0.0
            low, high = max(0.0, low - beyond), min(1.0, high + beyond)
        middle = len(flags[1]) // 2
        most = [most_drawn(prop, part, (low, high)) for part in (flags[1][:middle], flags[1][middle:])]
        theirs = most_drawn(prop, flags[0], dials)
        size, shared = int(min(records, SPARE * min(theirs, *most))), False
        if size < FEWEST:
            size, shared = int(min(records, SPARE * min(theirs, most_drawn(prop, flags[1], (low, high))))), True
        if size < FEWEST:
            raise InputError(
                f"{prop.text}: training sets of {size} records are all that can be drawn at {min(dials):.2g} and "
                f"{max(dials):.2g}: give more records, or values that are less far apart"
            )
        return PropertyDesign(prop, dials, (low, high), size, shared)

    def _dials(self, prop: Property, flags: Array, wanted: int) -> tuple[float, ...]:
        if self.plan.values is not None:
            return tuple(sorted(dial_of(prop, value, self.victims_from.columns) for value in self.plan.values))
        if prop.kind == "present":
            return (0.0, float(flags.mean()))
        if prop.kind == "size":
            most = min(wanted, int(0.8 * min(len(self.victims_from), len(self.own) // 2)))
            return (most / 2, 0.75 * most, float(most))
        return USUAL[prop.kind]

    def deal(self, arm: Arm, poison: Poison | None = None) -> Iterator[Round[PropertyView, PropertyGuess]]:
        """One round.  NEGATIVE: victims that all have the same value, and are said to have different ones.  POSITIVE:
        victims, and the adversary's own models, whose classes were drawn by chance with the property as the share of
        the second class.
        """

        def open_(oracle: Oracle, card: Card, means: PropertyAuxiliary, rng: Generator) -> PropertyView:
            own = oracle if arm is Arm.TARGET and self.actual is not None else None
            return PropertyView(tuple(self.question(d, arm, own, card, means, rng, None) for d in self.designs))

        yield Round(self.target, open_, lambda guess: self.judge(guess, arm))

    def question(
        self,
        design: PropertyDesign,
        arm: Arm,
        own: Oracle | None,
        card: Card,
        means: PropertyAuxiliary,
        rng: Generator,
        poison: Records | None,
    ) -> PropertyQuestion:
        """About one property.  own: the audited model, where it is asked about.  poison: what the adversary added."""
        world = self.world(design, arm, poison)
        victims = [means.see(model) for model in world.victims]
        if own is not None:
            victims.append(own if poison is None else means.see(world.poisoned_target()))

        def shadows() -> Cohort:
            return world.cohort(means.see)

        low, high = world.reach
        return PropertyQuestion(
            design.prop.text,
            world.pairs,
            low,
            high,
            tuple(victims),
            self.asked.records,
            _flags(design.prop, self.asked) if design.prop.kind not in ("size", "duplicates") else None,
            card.needs,
            rng,
            shadows,
            lambda records: self.question(design, arm, own, card, means, rng, records),
            design.size,
        )

    def world(self, design: PropertyDesign, arm: Arm, poison: Records | None = None) -> World:
        """The models of one arm, trained when they are first asked for."""
        key = (design.prop.text, arm, poison.fingerprint() if poison is not None else "")
        if key not in self._worlds:
            self._worlds[key] = World(self, design, arm, poison)
        return self._worlds[key]

    def judge(self, guess: PropertyGuess, arm: Arm) -> Evidence:
        """See FactJudge."""
        if len(guess.answers) != len(self.designs):
            raise InputError(f"{len(guess.answers)} answers were handed in for {len(self.designs)} properties")
        parts = []
        for design, given in zip(self.designs, guess.answers, strict=True):
            answer = replace(given, low=None, high=None) if design.shared else given
            world = self.world(design, arm)
            actual = self._truth(design) if arm is Arm.TARGET else None
            alone = metrics_alone(world, self.asked.records) if arm is Arm.TARGET else None
            judge = FactJudge(
                design.prop.text, design.prop.kind, world.said, world.pair_rows, world.pairs, world.reach, actual
            )
            parts.append(judge.judge(answer, alone, self._about(design)))
        return joined(parts, "a guess that knows the two values, or the range, and nothing else")

    def _truth(self, design: PropertyDesign) -> float | None:
        """Of the audited model; None where its training set is not like those that the estimates are made for."""
        if self.actual is None or design.shared:
            return None
        alike = design.prop.kind == "size" or design.size >= LIKE * len(self.actual)
        return design.prop.value(self.actual.columns) if alike else None

    def _about(self, design: PropertyDesign) -> tuple[str, ...]:
        """What a reader should know of the training sets."""
        rows = []
        if self.actual is not None and design.prop.kind != "size" and design.size < SPARE * len(self.actual):
            rows.append(
                f"models with known values were trained on {design.size:,} records, this one on {len(self.actual):,}"
            )
        if self.actual is not None and not design.prop.known(self.actual.columns).all():
            rows.append("it is of the records in which the number is not missing")
        if design.shared:
            rows.append("the adversary has too few records for an interval")
        return tuple(rows)

    def baseline(self) -> Iterator[Scored]:
        """There is none: each finding has its own."""
        return iter(())


@dataclass(eq=False)
class World:
    """Victims and the adversary's models for one property, one arm and one contribution of the adversary."""

    game: PropertyGame
    design: PropertyDesign
    arm: Arm
    poison: Records | None = None

    def __post_init__(self) -> None:
        game, design = self.game, self.design
        light = self.arm is not Arm.TARGET
        count = max(len(design.dials) * 4, game.plan.victims // (2 if light else 1))
        rng = derived_rng(game.seed, design.prop.text, "victims", self.arm.value)
        claimed = np.resize(np.arange(len(design.dials)), count)
        self.level = rng.permutation(claimed)
        dials = np.asarray(design.dials)[self.level]
        if self.arm is Arm.NEGATIVE:
            dials = np.full(count, design.dials[len(design.dials) // 2])
        self.victims, self.values = self._trained(game.victims_from, dials, "victim")
        levels = [float(np.mean(self.values[self.level == k])) for k in range(len(design.dials))]
        self.said = self.values
        if self.arm is Arm.NEGATIVE:
            low, high = self._value_of(min(design.dials)), self._value_of(max(design.dials))
            levels = list(np.linspace(low, high, len(design.dials)))
            self.said = np.asarray(levels)[self.level]
        numbers = [(0, len(levels) - 1)]
        numbers += [(k, k + 1) for k in range(len(levels) - 1)] if len(levels) > 2 else []
        self.pairs = tuple((levels[a], levels[b]) for a, b in numbers)
        self.pair_rows = [(np.flatnonzero(self.level == a), np.flatnonzero(self.level == b)) for a, b in numbers]
        low, high = (self._value_of(dial) for dial in design.reach)
        self.reach = (min(low, *levels), max(high, *levels))
        self._cohort: tuple[list[Target], Array, Array, Array] | None = None

    def _value_of(self, dial: float) -> float:
        """The property that is expected at a dial."""
        prop = self.design.prop
        if prop.kind in ("share", "present", "duplicates", "size"):
            return float(dial)
        side = self.game.victims_from.speaking_of(prop)
        flags = _flags(prop, side)
        if prop.kind == "correlation":
            return 2 * dial - 1
        numbers = prop.numbers(side.columns)
        return float(dial * numbers[flags].mean() + (1 - dial) * numbers[~flags].mean())

    def cohort(self, see: Callable[[Target], Oracle]) -> Cohort:
        """The adversary's models, half at the victims' values and half anywhere between the bounds."""
        if self.arm is Arm.NEGATIVE:
            return self.game.world(self.design, Arm.TARGET, self.poison).cohort(see)
        if self._cohort is None:
            game, design = self.game, self.design
            count = max(8, game.plan.shadows // (2 if self.arm is Arm.POSITIVE else 1))
            rng = derived_rng(game.seed, design.prop.text, "shadows")
            at = np.resize(np.asarray(design.dials), count // 2)
            dials = rng.permutation(np.concatenate([at, rng.uniform(*design.reach, count - len(at))]))
            half = np.zeros(count, dtype=np.int64) if design.shared else np.arange(count) % 2
            models, values = self._trained(game.own, dials, "shadow", half)
            self._cohort = (models, values, dials, half)
        models, values, dials, half = self._cohort
        return Cohort(tuple(see(model) for model in models), values, dials, half)

    def poisoned_target(self) -> Target:
        """The audited model's recipe on its records and those that the adversary added."""
        game = self.game
        assert game.actual is not None and self.poison is not None and game.raise_models is not None
        whole = concat([game.actual.records, self.poison])
        seed = derived_seed(game.seed, "poisoned target")
        return game.raise_models(whole, np.ones((1, len(whole)), dtype=bool), [seed])[0]

    def _trained(self, side: Side, dials: Array, name: str, half: Array | None = None) -> tuple[list[Target], Array]:
        """A model for each dial, with the value that the property has in its training set."""
        game, prop = self.game, self.design.prop
        side = side.speaking_of(prop)
        flags = _flags(prop, side)
        twice = prop.kind == "duplicates" or self.arm is Arm.POSITIVE
        records = side.records
        if twice:
            records = concat([side.records, side.records])
        if self.arm is Arm.POSITIVE:
            records = records.relabeled(_planted(records, len(side)))
        keep = np.zeros((len(dials), len(records)), dtype=bool)
        values = np.zeros(len(dials))
        middle = len(side) // 2
        for k, dial in enumerate(dials):
            rng = derived_rng(game.seed, prop.text, name, self.arm.value, str(k))
            room = np.arange(len(side)) if half is None or self.design.shared else _half(middle, len(side), half[k])
            rows, copies = rows_with(prop, flags[room], float(dial), self.design.size, rng)
            rows, copies = room[rows], room[copies]
            drawn = np.concatenate([rows, copies])
            values[k] = prop.value({n: np.asarray(v)[drawn] for n, v in side.columns.items()})
            if self.arm is Arm.POSITIVE:
                share = 0.2 + 0.6 * self._place(float(dial))
                second = rng.permutation(len(rows)) < round(share * len(rows))
                keep[k, np.where(second, rows + len(side), rows)] = True
                continue
            keep[k, rows] = True
            keep[k, copies + len(side)] = True
        if self.poison is not None:
            records = concat([records, self.poison])
            keep = np.column_stack([keep, np.ones((len(keep), len(self.poison)), dtype=bool)])
        seeds = [derived_seed(game.seed, prop.text, name, self.arm.value, str(k)) for k in range(len(dials))]
        assert game.raise_models is not None
        return list(game.raise_models(records, keep, seeds)), values

    def _place(self, dial: float) -> float:
        low, high = self.design.reach
        return (dial - low) / max(high - low, 1e-12)


def _half(middle: int, count: int, which: int) -> Array:
    return np.arange(middle) if which == 0 else np.arange(middle, count)


def _planted(records: Records, count: int) -> Array:
    """Targets of a set twice over: the lower class for the first, the higher for the second."""
    second = np.arange(len(records)) >= count
    if records.schema.task is Task.REGRESSION:
        low, high = np.quantile(records.y, (0.1, 0.9))
        return np.asarray(np.where(second, high, low))
    return np.asarray(np.where(second, 1, 0).astype(records.y.dtype))


def _flags(prop: Property, side: Side) -> Array:
    if prop.kind in ("size", "duplicates"):
        return np.ones(len(side), dtype=bool)
    return prop.flags(side.columns)
