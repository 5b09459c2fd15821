"""Models beside the audited one: one that never saw its records, and one that learned them by heart."""

from __future__ import annotations

from dataclasses import dataclass

from divulge.core.errors import Impossible
from divulge.core.game import Arm
from divulge.core.hashing import derived_rng, derived_seed
from divulge.core.recipe import Recipe
from divulge.core.records import Records
from divulge.core.target import Target

FEWEST = 50


@dataclass(frozen=True)
class ControlModels:
    """What control models of the reconstruction game are trained from.

    training: the audited model's records.  others: records that it never saw and that are not asked about.
    """

    recipe: Recipe | None
    training: Records
    others: Records | None
    seed: int

    def model(self, arm: Arm) -> Target:
        """NEGATIVE: trained on other records.  POSITIVE: on the same ones, without regularisation.

        Raises Impossible where that cannot be.
        """
        if self.recipe is None:
            raise Impossible("no recipe is known, so no control model can be trained")
        if arm is Arm.POSITIVE:
            return self.recipe.overfitted().train(self.training, derived_seed(self.seed, "positive control"))
        if self.others is None or len(self.others) < FEWEST:
            raise Impossible(f"the negative control needs at least {FEWEST} population records")
        rng = derived_rng(self.seed, "other records")
        size = min(len(self.training), len(self.others))
        return self.recipe.train(self.others.take(rng.permutation(len(self.others))[:size]), self.seed)
