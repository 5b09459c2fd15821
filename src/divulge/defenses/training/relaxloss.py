"""RelaxLoss: training stops pushing the loss down once it is as low as it is on records that were not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.records import Records
from divulge.defenses.training.altered_loss import cross_entropy, for_classes, one_hot, wide

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class RelaxLoss:
    """Chen, Yu and Fritz 2022, algorithm 1.  In even epochs the mean loss is led to `alpha` from above and from below.
    In odd ones it is led down while it is above `alpha`; below, it is raised, and the other classes of records that are
    predicted wrongly are flattened.

    alpha: the mean loss that is aimed at.  most: the highest confidence that is kept while flattening.
    """

    alpha: float = 0.5
    most: float = 1.0

    card: ClassVar[DefenseCard] = DefenseCard(
        name="relaxloss",
        title="RelaxLoss",
        paper="chen2022",
        summary="keeps the training loss at a level that records not seen have too",
        stage=Stage.TRAINING,
        wants="fit_by",
        extra="torch",
        breaks_bound="trains without noise",
    )

    def __post_init__(self) -> None:
        if self.alpha <= 0 or not 0 < self.most <= 1:
            raise InputError("relaxloss: alpha must be positive, and most between 0 and 1")

    def fit(self, recipe: Any, records: Records, seed: int) -> Any:
        """See TrainingDefense."""
        import torch

        classes = for_classes(self.card.name, records)

        def objective(forward: Any, x: Tensor, y: Tensor, generator: Any, epoch: int) -> Tensor:
            logits, labels = wide(forward(x)), one_hot(y, classes)
            losses = cross_entropy(logits, labels)
            loss = losses.mean()
            if epoch % 2 == 0:
                return (loss - self.alpha).abs()
            if loss > self.alpha:
                return loss
            sure = torch.softmax(logits, dim=1)[torch.arange(len(y)), y].clamp(0.0, self.most)[:, None]
            flat = labels * sure + (1 - labels) * (1 - sure) / (classes - 1)
            wrong = (logits.argmax(dim=1) != y).float()
            return (wrong * cross_entropy(logits, flat) - losses).mean()

        return recipe.fit_by(records, seed, objective)
