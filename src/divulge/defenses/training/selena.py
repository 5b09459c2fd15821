"""SELENA: for every training record only models speak that have not seen it, and one model learns what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.records import Records
from divulge.defenses.training.altered_loss import for_classes
from divulge.defenses.training.teaching import log_scores_of


@dataclass(frozen=True)
class Selena:
    """Tang et al. 2022: Split-AI (algorithm 1) trains `models` of which each record is unknown to `unseen`; a model is
    distilled from the mean of what these say of it (section 4.2).
    """

    models: int = 25
    unseen: int = 10

    card: ClassVar[DefenseCard] = DefenseCard(
        name="selena",
        title="SELENA",
        paper="tang2022",
        summary="learns of each record only what models say that have not seen it",
        stage=Stage.TRAINING,
        wants="distil",
        extra="torch",
        breaks_bound="trains on every record several times without counting it",
    )

    def __post_init__(self) -> None:
        if not 0 < self.unseen < self.models:
            raise InputError("selena: unseen must be above 0 and below models")

    def kept(self, records: int, seed: int) -> Array:
        """Which model is trained with which record: bool [models, records]; every record is left out of `unseen`."""
        lots = derived_rng(seed, "split").random((self.models, records))
        return np.asarray(lots.argsort(axis=0).argsort(axis=0) >= self.unseen)

    def fit(self, recipe: Any, records: Records, seed: int) -> Any:
        """See TrainingDefense."""
        classes = for_classes(self.card.name, records)
        keep = self.kept(len(records), seed)
        seeds = [derived_seed(seed, "part", str(n)) for n in range(self.models)]
        soft = np.zeros((len(records), classes))
        for row, own in zip(keep, seeds, strict=True):
            model = recipe.fit(records.take(row), own)
            soft[~row] += np.exp(log_scores_of(model, records.take(~row)))
        return recipe.distil(records, np.log(np.maximum(soft / self.unseen, 1e-12)), seed)[-1]
