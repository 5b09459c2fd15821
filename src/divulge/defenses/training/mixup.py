"""Mixup: a model is trained on blends of records, never on a record itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.hashing import derived_rng
from divulge.core.records import Records
from divulge.defenses.training.altered_loss import cross_entropy, for_classes, one_hot, wide

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Mixup:
    """Zhang et al. 2018, equation 2: inputs and labels of two records, blended with a share drawn from Beta(alpha,
    alpha); one share a batch, as in the authors' experiments.
    """

    alpha: float = 1.0

    card: ClassVar[DefenseCard] = DefenseCard(
        name="mixup",
        title="Mixup",
        paper="zhang2018",
        summary="trains on blends of two records",
        stage=Stage.TRAINING,
        wants="fit_by",
        extra="torch",
        breaks_bound="trains without noise",
    )

    def __post_init__(self) -> None:
        if self.alpha <= 0:
            raise InputError(f"mixup: an alpha of {self.alpha} blends nothing: give a positive one")

    def fit(self, recipe: Any, records: Records, seed: int) -> Any:
        """See TrainingDefense."""
        import torch

        classes = for_classes(self.card.name, records)
        rng = derived_rng(seed, "mixup")

        def objective(forward: Any, x: Tensor, y: Tensor, generator: Any, epoch: int) -> Tensor:
            share = float(rng.beta(self.alpha, self.alpha))
            other = torch.randperm(len(x), generator=generator).to(x.device)
            labels = one_hot(y, classes)
            blend = share * labels + (1 - share) * labels[other]
            return cross_entropy(wide(forward(share * x + (1 - share) * x[other])), blend).mean()

        return recipe.fit_by(records, seed, objective)
