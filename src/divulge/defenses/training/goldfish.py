"""Goldfish loss: some tokens of a text, the same ones whenever it is read, are never learned."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar

import numpy as np

from divulge.core.capability.declared import able
from divulge.core.capability.recipes import FitsTexts
from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.records import Records


@dataclass(frozen=True)
class Goldfish:
    """Hans et al. 2024, with their hashed mask: a token is left out of the loss where a hash of the `context` tokens
    before it says so, so that copies of a passage in other texts leave out the same ones.

    every: one token in so many is left out.  context: tokens that are hashed; those with fewer before them count.
    """

    every: int = 4
    context: int = 13

    card: ClassVar[DefenseCard] = DefenseCard(
        name="goldfish",
        title="Goldfish loss",
        paper="hans2024",
        summary="leaves some tokens of every text out of the loss",
        stage=Stage.TRAINING,
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        if self.every < 2 or self.context < 1:
            raise InputError("goldfish: every must be at least 2, so that something is learned, and context at least 1")

    def passed(self, text: Any) -> list[int]:
        """Places of the tokens of a text (its `ids`) that are left out."""
        ids = np.asarray(text.ids, dtype=np.int64)
        return [place for place in range(self.context, len(ids)) if self._hit(ids[place - self.context : place])]

    def _hit(self, before: Any) -> bool:
        return int.from_bytes(blake2b(before.tobytes(), digest_size=8).digest(), "little") % self.every == 0

    def fit(self, recipe: Any, records: Records, seed: int) -> Any:
        """See TrainingDefense; raises InputError for a recipe of another kind than a FineTune."""
        if not able(recipe, FitsTexts):
            raise InputError("defenses: 'goldfish' trains language models: give the recipe as a FineTune")

        def loss_of(model: Any, texts: list[Any]) -> Any:
            return recipe.loss_of(model, texts, self.passed)

        return recipe.fit_with(records, seed, lambda model, texts: recipe.optimize(model, texts, seed, loss_of))
