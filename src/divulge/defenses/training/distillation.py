"""DMP: a model that learns from public records what a model of the private ones says of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.hashing import derived_seed
from divulge.core.records import Records
from divulge.defenses.training.altered_loss import for_classes
from divulge.defenses.training.teaching import log_scores_of


@dataclass(frozen=True)
class Distillation:
    """Distillation for membership privacy (Shejwalkar and Houmansadr 2021): a teacher is trained on the private
    records; of the reference records those are kept of which it is surest (their entropy leaks least, section 4.3);
    a student learns from its scores on them.

    share: of the reference records that are kept.  temperature: of the teacher's scores.
    """

    share: float = 0.5
    temperature: float = 1.0
    reference: Records | None = field(default=None, repr=False, compare=False)

    card: ClassVar[DefenseCard] = DefenseCard(
        name="distillation",
        title="Distillation for membership privacy (DMP)",
        paper="shejwalkar2021",
        summary="a student learns from public records what a model of the private ones says of them",
        stage=Stage.TRAINING,
        wants="distil",
        needs_reference=True,
        extra="torch",
        breaks_bound="trains without noise",
    )

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or self.temperature <= 0:
            raise InputError("distillation: share must be between 0 and 1, and temperature positive")

    def fit(self, recipe: Any, records: Records, seed: int) -> Any:
        """See TrainingDefense."""
        for_classes(self.card.name, records)
        assert self.reference is not None
        teacher = recipe.fit(records, derived_seed(seed, "teacher"))
        taught = log_scores_of(teacher, self.reference)
        entropy = -(np.exp(taught) * taught).sum(axis=1)
        sure = np.argsort(entropy, kind="stable")[: max(1, round(self.share * len(taught)))]
        soft = taught[sure] / self.temperature
        soft -= np.log(np.exp(soft).sum(axis=1, keepdims=True))
        return recipe.distil(self.reference.take(sure), soft, seed)[-1]
