"""The input game: which attributes of an input can be told from what a model makes of it?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.capability.declared import able
from divulge.core.capability.targets import SplitModel
from divulge.core.errors import Impossible, TargetError
from divulge.core.game import Arm, Round
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.property_expression import property_of
from divulge.core.records import Kind, Records
from divulge.core.results.evidence import Evidence, joined
from divulge.core.results.exhibits import Fact, Quality
from divulge.core.results.metric import INPUT_ATTRIBUTE_TOLD
from divulge.core.results.trials import Paired, Scored
from divulge.core.target import Oracle, Target
from divulge.core.threat import Access, Family, Task
from divulge.core.views.membership import Poison
from divulge.core.views.property import InputGuess, InputQuestion, InputView, PropertyAuxiliary
from divulge.games.properties import PropertyPlan
from divulge.games.sides import Side

MOST = 2_000
KINDS_OF_INPUT = 50
"""Kinds into which inputs are put for the control task."""

MINE = "what the model passes on"


@dataclass(eq=False)
class InputGame:
    """records, adversary: whose inputs are asked about, and those of the adversary, disjoint.

    An attribute is a sensitive column with categories, or the share that a property is about.
    """

    target: Target
    records: Side
    adversary: Side
    seed: int
    plan: PropertyPlan
    layer: str | None = None

    def __post_init__(self) -> None:
        if not able(self.target, SplitModel):
            raise Impossible("what a model passes on is seen with PyTorch, and this model is none of its modules")
        self.records = self.records.take(np.arange(min(MOST, len(self.records))))
        self.adversary = self.adversary.take(np.arange(min(MOST, len(self.adversary))))
        self.attributes = self._attributes()
        if not self.attributes:
            raise Impossible("no attribute is asked about: mark one as `sensitive`, or name a share under `property`")
        self._kinds = self._of_kinds()

    def _attributes(self) -> dict[str, tuple[Array, Array]]:
        """By name the codes of the records asked about, and of the adversary's."""
        found: dict[str, tuple[Array, Array]] = {}
        sides = (self.records, self.adversary)
        for place, column in enumerate(self.records.records.schema.columns):
            if column.sensitive and column.kind is Kind.CATEGORICAL:
                codes = [side.records.x[:, place].astype(np.int64) for side in sides]
                found[column.name] = (codes[0], codes[1])
        for text in self.plan.properties:
            prop = property_of(text)
            if prop.kind == "share":
                flags = [prop.flags(side.columns).astype(np.int64) for side in sides]
                found[prop.parts[0]] = (flags[0], flags[1])
        return found

    @property
    def family(self) -> Family:
        """See Game."""
        return Family.PROPERTY

    def deal(self, arm: Arm, poison: Poison | None = None) -> Iterator[Round[InputView, InputGuess]]:
        """One round.  NEGATIVE: the attribute of another record.  POSITIVE: whether the number that varies most among
        those that are passed on is above its median.
        """
        truth = {name: self._truth(name, arm) for name in self.attributes}

        def open_(oracle: Oracle, card: Card, means: PropertyAuxiliary, rng: Generator) -> InputView:
            return InputView(tuple(self._question(n, t, card, rng) for n, t in truth.items()))

        yield Round(self.target, open_, lambda guess: self.judge(guess, truth))

    def _truth(self, name: str, arm: Arm) -> tuple[Array, Array]:
        own, other = self.attributes[name]
        if arm is Arm.POSITIVE:
            passed = [self._features(side.records)[MINE] for side in (self.records, self.adversary)]
            loudest = int(passed[1].std(axis=0).argmax())
            middle = np.median(passed[1][:, loudest])
            return tuple((part[:, loudest] > middle).astype(np.int64) for part in passed)
        if arm is Arm.NEGATIVE:
            rng = derived_rng(self.seed, "other records", name)
            return rng.permutation(own), rng.permutation(other)
        return own, other

    def _features(self, records: Records) -> dict[str, Array]:
        """What is passed on, the scores alone, and what an untrained network of the form passes on."""
        model: Any = self.target
        front = model.front(self.layer)
        passed = model.through(front, records.x)
        other = model.fresh(derived_seed(self.seed, "untrained"))
        untrained = other.through(other.front(self.layer), records.x)
        port = Access.LABEL if self.target.task is Task.REGRESSION else Access.SCORES
        features = np.asarray(self.target.answer(port, records)).reshape(len(records), -1)
        seen_by = {MINE: passed, "the scores alone": features, "what an untrained one passes on": untrained}
        return {name: np.asarray(part, dtype=np.float64).reshape(len(records), -1) for name, part in seen_by.items()}

    def _question(self, name: str, truth: tuple[Array, Array], card: Card, rng: Generator) -> InputQuestion:
        return InputQuestion(
            name=name,
            features=self._features(self.records.records),
            known=self._features(self.adversary.records),
            values=truth[1],
            count=_values(truth),
            control_values=self._lots(name, truth)[self._kinds[1]],
            needs=card.needs,
            rng=rng,
        )

    def _lots(self, name: str, truth: tuple[Array, Array]) -> Array:
        """An attribute by lot for every kind of input."""
        return derived_rng(self.seed, "control task", name).integers(0, _values(truth), KINDS_OF_INPUT)

    def _of_kinds(self) -> tuple[Array, Array]:
        """Which of some kinds each input is of: those asked about, and the adversary's."""
        from sklearn.cluster import KMeans

        flat = [side.records.flat() for side in (self.records, self.adversary)]
        spread = np.maximum(flat[1].std(axis=0), 1e-9)
        clusters = KMeans(min(KINDS_OF_INPUT, len(flat[1])), n_init=1, random_state=self.seed % 2**31).fit(
            flat[1] / spread
        )
        return clusters.predict(flat[0] / spread), clusters.labels_

    def judge(self, guess: InputGuess, truth: dict[str, tuple[Array, Array]]) -> Evidence:
        """How often an attribute is told from what is passed on, against its commonest value; beside it the same from
        the scores alone and from an untrained network, and of the control task: what the probe learns by itself.
        """
        if len(guess.answers) != len(truth):
            raise TargetError(f"{len(guess.answers)} answers were handed in for {len(truth)} attributes")
        parts = []
        for (name, (own, other)), answer in zip(truth.items(), guess.answers, strict=True):
            commonest = int(np.bincount(other).argmax())
            hits = {where: (choice == own).astype(float) for where, choice in answer.choices.items()}
            if any(len(h) != len(own) for h in hits.values()) or MINE not in hits:
                raise TargetError("the attack gave no attribute for every record")
            control = self._lots(name, (own, other))[self._kinds[0]]
            usual = float(np.bincount(control).max() / len(control))
            selective = {w: float(np.mean(c == control)) - usual for w, c in answer.controls.items()}
            paired = Paired(
                INPUT_ATTRIBUTE_TOLD,
                tuple(hits[MINE]),
                tuple((own == commonest).astype(float)),
                tuple(range(len(own))),
                "the attribute of an input",
                about=name,
            )
            qualities = [Quality(f"from {where}", tuple(h), about=name) for where, h in hits.items() if where != MINE]
            notes = tuple(
                f"from {where} {np.mean(h):.0%} (control task {selective[where]:+.0%} over its commonest value)"
                for where, h in hits.items()
            )
            parts.append(Evidence((paired,), (*qualities, Fact(name, kind="input", notes=notes))))
        return joined(parts, "the commonest value")

    def baseline(self) -> Iterator[Scored]:
        """There is none: each finding has its own."""
        return iter(())


def _values(truth: tuple[Array, Array]) -> int:
    """How many values an attribute has."""
    return int(np.concatenate(truth).max()) + 1
