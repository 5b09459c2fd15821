"""Shadow models: trained with the recipe on random halves of records that the adversary holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from divulge.core.errors import Impossible
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.recipe import Recipe
from divulge.core.records import Records
from divulge.core.target import Surface, Target

FEWEST_RECORDS = 20


@dataclass(frozen=True, eq=False)
class ShadowSet:
    """See core.scene.Shadows.  see: shows a model through the adversary's access."""

    records: Records
    keep: Array
    targets: tuple[Target, ...]
    see: Callable[[Target], Surface]

    def __len__(self) -> int:
        return len(self.targets)

    def trained_on(self, records: Records) -> Array:
        """See Shadows."""
        place = {key: i for i, key in enumerate(self.records.row_keys())}
        places = np.array([place.get(key, -1) for key in records.row_keys()])
        return np.where(places >= 0, self.keep[:, places], False)

    def surface(self, model: int) -> Surface:
        """See Shadows."""
        return self.see(self.targets[model])


@dataclass
class ShadowTrainer:
    """Trains shadow models when first asked and remembers them: one pool serves every attack of a run."""

    recipe: Recipe
    records: Records
    seed: int
    _targets: list[Target] = field(default_factory=list)
    _keep: list[Array] = field(default_factory=list)

    @property
    def trained(self) -> int:
        """How many models exist."""
        return len(self._targets)

    def pool(self, models: int, see: Callable[[Target], Surface]) -> ShadowSet:
        """The first `models` shadow models; raises Impossible when there are too few records to train on halves."""
        if len(self.records) < FEWEST_RECORDS:
            raise Impossible(f"shadow models need at least {FEWEST_RECORDS} records to be trained on halves of")
        while len(self._targets) < models:
            keep = self._half(len(self._targets))
            seed = derived_seed(self.seed, "shadow", str(len(self._targets)))
            self._targets.append(self.recipe.train(self.records.take(keep), seed))
            self._keep.append(keep)
        return ShadowSet(self.records, np.array(self._keep[:models]), tuple(self._targets[:models]), see)

    def _half(self, model: int) -> Array:
        """A paired design: models 2k and 2k + 1 share nothing and together use every record."""
        order = derived_rng(self.seed, "shadow halves", str(model // 2)).permutation(len(self.records))
        keep = np.zeros(len(self.records), dtype=bool)
        keep[order[: len(order) // 2]] = True
        return keep if model % 2 == 0 else ~keep
