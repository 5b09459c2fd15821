"""An adversary updates models of its own, to learn what an update does to answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, cast

import numpy as np

from divulge.core.errors import Impossible
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.recipe import Recipe
from divulge.core.reconstruction import Rehearsal
from divulge.core.records import Records
from divulge.core.target import Surface, Target

REHEARSED_ON = 4
"""Models of the adversary's own: what is learned on one alone does not carry over as well to the audited one."""

FEWEST = 100


class Updatable(Target, Protocol):
    """A target that can be trained further."""

    def updated(self, records: Records, steps: int, rate: float, epochs: int) -> Target:
        """The next version."""
        ...


@dataclass(eq=False)
class Rehearsing:
    """how: local steps, their rate, and epochs of every update.  own: the one model to rehearse on, where it is not to
    be trained by the recipe.
    """

    recipe: Recipe | None
    population: Records
    see: Callable[[Target], Surface]
    batch: int
    how: tuple[int, float, int]
    seed: int
    own: Updatable | None = None
    _models: list[tuple[Updatable, Records]] = field(default_factory=list, init=False)

    def __call__(self, times: int, probes: Records) -> Rehearsal:
        """See UpdatedScene.rehearse; raises Impossible for few records and for models that cannot be trained on."""
        models = self._trained()
        rng = derived_rng(self.seed, "rehearsed updates")
        batches, before, after = [], [], []
        was = [self.see(model).log_scores(probes) for model, _ in models]
        for number in range(times):
            model, others = models[number % len(models)]
            batch = others.take(rng.choice(len(others), self.batch, replace=False))
            batches.append(batch)
            before.append(was[number % len(models)])
            after.append(self.see(model.updated(batch, *self.how)).log_scores(probes))
        return Rehearsal(tuple(batches), np.stack(before), np.stack(after))

    def _trained(self) -> list[tuple[Updatable, Records]]:
        """Each with the population records that it did not learn from."""
        if len(self.population) < FEWEST:
            raise Impossible(f"updates are rehearsed with at least {FEWEST} population records")
        if self.own is not None:
            return [(self.own, self.population)]
        if not self._models:
            assert self.recipe is not None
            keep = np.stack([self._half(number) for number in range(REHEARSED_ON)])
            seeds = [derived_seed(self.seed, "rehearsed on", str(number)) for number in range(REHEARSED_ON)]
            trained = dict(self.recipe.train_many(self.population, keep, seeds))
            if not all(hasattr(model, "updated") for model in trained.values()):
                raise Impossible("the recipe's models cannot be trained further: give a TorchRecipe")
            self._models = [(cast(Updatable, trained[n]), self.population.take(~keep[n])) for n in range(REHEARSED_ON)]
        return self._models

    def _half(self, number: int) -> Array:
        order = derived_rng(self.seed, "rehearsal halves", str(number // 2)).permutation(len(self.population))
        first = np.zeros(len(order), dtype=bool)
        first[order[: len(order) // 2]] = True
        return first if number % 2 == 0 else ~first
