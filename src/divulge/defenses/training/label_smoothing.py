"""Label smoothing: a model learns that the true class is likely, not certain."""

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
class LabelSmoothing:
    """Szegedy et al. 2016, section 7: shares (1 - amount) of the true class and amount / classes of every class.

    amount: below 0 for negative smoothing, which pushes other classes away (Wei et al. 2022).  Positive smoothing can
    make membership easier to tell (Struppek, Hintersdorf and Kersting 2024).
    """

    amount: float = 0.1

    card: ClassVar[DefenseCard] = DefenseCard(
        name="label_smoothing",
        title="Label smoothing",
        paper="szegedy2016",
        summary="trains with labels that are likely, not certain",
        stage=Stage.TRAINING,
        wants="fit_by",
        extra="torch",
        breaks_bound="trains without noise",
    )

    def __post_init__(self) -> None:
        if self.amount >= 1 or self.amount == 0:
            raise InputError(f"label_smoothing: an amount of {self.amount} is none: give one below 1, not 0")

    def fit(self, recipe: Any, records: Records, seed: int) -> Any:
        """See TrainingDefense."""
        classes = for_classes(self.card.name, records)

        def objective(forward: Any, x: Tensor, y: Tensor, generator: Any, epoch: int) -> Tensor:
            shares = (1 - self.amount) * one_hot(y, classes) + self.amount / classes
            return cross_entropy(wide(forward(x)), shares).mean()

        return recipe.fit_by(records, seed, objective)
