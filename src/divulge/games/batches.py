"""The batch game: does a client's update come from records of a kind?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.capability.declared import able
from divulge.core.capability.targets import SendsUpdates
from divulge.core.errors import Impossible, TargetError
from divulge.core.game import Arm, Round
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.property_expression import Property, property_of
from divulge.core.records import Records
from divulge.core.results.evidence import Evidence, joined
from divulge.core.results.exhibits import Fact, Quality
from divulge.core.results.metric import BATCH_PROPERTY_TOLD
from divulge.core.results.trials import Paired, Scored
from divulge.core.target import Oracle, Target
from divulge.core.threat import Family
from divulge.core.views.membership import Poison
from divulge.core.views.property import BatchGuess, BatchQuestion, BatchView, PropertyAuxiliary
from divulge.games.properties import PropertyPlan
from divulge.games.sides import Side

ROUNDS = 5
STEPS_A_ROUND = 5
SHARE = 0.5
"""Of a batch that holds records of the kind."""

UpdateShield = Callable[[tuple[Array, ...], Generator], tuple[Array, ...]]


@dataclass(eq=False)
class BatchGame:
    """Clients send updates, half of them computed on batches of which half are of the kind, and half on batches
    without any; from several rounds of a federated training, the last of them that of the audited model.

    clients: records of the clients.  adversary: disjoint from these.  shield: what clients do to an update.
    """

    target: Target
    clients: Side
    adversary: Side
    seed: int
    plan: PropertyPlan
    shield: UpdateShield | None = None
    _models: list[Any] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if not able(self.target, SendsUpdates):
            raise Impossible("updates are computed with PyTorch, and this model is none of its modules")
        self.properties = [property_of(text) for text in self.plan.properties]
        self.properties = [p for p in self.properties if p.kind in ("share", "present")]
        if not self.properties:
            raise Impossible("a batch is asked about records of a kind: name a share under `property.properties`")
        for prop in self.properties:
            for side in (self.clients, self.adversary):
                prop.check(side.columns)
                if min(prop.flags(side.columns).sum(), (~prop.flags(side.columns)).sum()) < self.plan.batch:
                    raise Impossible(f"{prop.text}: there are too few records for a batch of {self.plan.batch}")

    @property
    def family(self) -> Family:
        """See Game."""
        return Family.PROPERTY

    def models(self) -> list[Any]:
        """Modules of the rounds, as targets: an untrained one, and what some rounds of averaged updates make of it; the
        audited model is the last.
        """
        if not self._models:
            from_new: Any = self.target.fresh(derived_seed(self.seed, "federated"))  # type: ignore[attr-defined]
            trained = [from_new]
            rng = derived_rng(self.seed, "federated rounds")
            for _ in range(ROUNDS - 2):
                trained.append(self._advanced(trained[-1], rng))
            self._models = [*trained, self.target]
        return self._models

    def _advanced(self, model: Any, rng: Generator) -> Any:
        """After a few steps with the mean update of ten clients."""
        import copy

        following = model.alike(copy.deepcopy(model.module))
        for _ in range(STEPS_A_ROUND):
            rows = rng.integers(0, len(self.clients), 10 * self.plan.batch)
            change = following.update(self.clients.records.take(rows), 1, 0.1)
            for parameter, part in zip(following.module.parameters(), change, strict=True):
                parameter.data -= 0.1 * parameter.data.new_tensor(part)
        return following

    def deal(self, arm: Arm, poison: Poison | None = None) -> Iterator[Round[BatchView, BatchGuess]]:
        """One round.  NEGATIVE: all batches are drawn alike, and half of them are said to be of the kind.  POSITIVE:
        the kind are the records of one class.
        """
        trials = self.plan.trials if arm is Arm.TARGET else max(20, self.plan.trials // 2)
        truth = derived_rng(self.seed, "batches", arm.value).permutation(np.arange(trials) % 2 == 1)

        def open_(oracle: Oracle, card: Card, means: PropertyAuxiliary, rng: Generator) -> BatchView:
            return BatchView(tuple(self._question(p, arm, truth, card, rng) for p in self.properties))

        yield Round(self.target, open_, lambda guess: self.judge(guess, truth))

    def _flags(self, prop: Property, side: Side, arm: Arm) -> Array:
        if arm is Arm.POSITIVE:
            y = side.records.y
            return np.asarray(y == np.bincount(y.astype(np.int64)).argmax())
        return prop.flags(side.columns)

    def _question(self, prop: Property, arm: Arm, truth: Array, card: Card, rng: Generator) -> BatchQuestion:
        flags = self._flags(prop, self.clients, arm)
        draw = derived_rng(self.seed, prop.text, arm.value)
        rows = [self._batch(flags, bool(held) and arm is not Arm.NEGATIVE, draw) for held in truth]
        rounds = np.arange(len(truth)) // 2 % ROUNDS

        def update(model: Any, records: Records, module: Any = None) -> tuple[Array, ...]:
            change: tuple[Array, ...] = model.update(records, 1, 0.1, module=module)
            return change if self.shield is None else self.shield(change, derived_rng(self.seed, records.fingerprint()))

        def ask(number: int, module: Any) -> list[tuple[Array, ...]]:
            here = np.flatnonzero(rounds == number)
            return [update(self.models()[number], self.clients.records.take(rows[k]), module) for k in here]

        return BatchQuestion(
            text=prop.text,
            changes=tuple(
                update(self.models()[number], self.clients.records.take(r))
                for r, number in zip(rows, rounds, strict=True)
            ),
            rounds=rounds,
            own=self.adversary.records,
            flags=self._flags(prop, self.adversary, arm),
            batch=self.plan.batch,
            share=SHARE,
            needs=card.needs,
            rng=rng,
            _update=lambda number, records, module: update(self.models()[number], records, module),
            _model=lambda number: self.models()[number].model,
            _ask=ask,
        )

    def _batch(self, flags: Array, held: bool, rng: Generator) -> Array:
        with_property = round(SHARE * self.plan.batch) if held else 0
        inside, outside = np.flatnonzero(flags), np.flatnonzero(~flags)
        return np.concatenate(
            [rng.choice(inside, with_property, False), rng.choice(outside, self.plan.batch - with_property, False)]
        ).astype(np.int64)

    def judge(self, guess: BatchGuess, truth: Array) -> Evidence:
        """Of pairs of batches, one with and one without the kind, in how many the one with it has the higher score: the
        area under the ROC curve, with every batch in one pair.
        """
        if len(guess.scores) != len(self.properties):
            raise TargetError(f"{len(guess.scores)} answers were handed in for {len(self.properties)} properties")
        parts = []
        for prop, scores in zip(self.properties, guess.scores, strict=True):
            if len(scores) != len(truth) or not np.isfinite(scores).all():
                raise TargetError("the attack gave no finite score for every update")
            parts.append(self._part(prop, np.asarray(scores), truth))
        return joined(parts, "drawing lots", guess.told)

    def _part(self, prop: Property, scores: Array, truth: Array) -> Evidence:
        rounds = np.arange(len(truth)) // 2 % ROUNDS
        hits: list[float] = []
        by_round = []
        for number in range(ROUNDS):
            inside = scores[truth & (rounds == number)]
            outside = scores[~truth & (rounds == number)]
            count = min(len(inside), len(outside))
            hits += list(0.5 * (1 + np.sign(inside[:count] - outside[:count])))
            if count:
                by_round.append(float(np.mean(0.5 * (1 + np.sign(inside[:, None] - outside[None, :])))))
        measure = Paired(
            BATCH_PROPERTY_TOLD,
            tuple(hits),
            tuple(np.full(len(hits), 0.5)),
            tuple(range(len(hits))),
            "of two batches the one with records of the kind",
            known=True,
            about=prop.text,
        )
        quality = Quality("AUC by round", tuple(by_round), about=prop.text)
        notes = ("AUC round by round: " + ", ".join(f"{area:.2f}" for area in by_round),)
        return Evidence((measure,), (quality, Fact(prop.text, kind="batch", notes=notes)))

    def baseline(self) -> Iterator[Scored]:
        """There is none: each finding has its own."""
        return iter(())
