"""Adversarial regularisation: a model is trained against an attacker who learns to tell its members."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.hashing import derived_seed
from divulge.core.records import Records
from divulge.defenses.training.altered_loss import cross_entropy, for_classes, one_hot, wide

if TYPE_CHECKING:
    from torch import Tensor

RATE = 1e-3


@dataclass(frozen=True)
class AdversarialRegularization:
    """Nasr, Shokri and Houmansadr 2018, algorithm 1: in every step an inference model h(scores, label) learns to tell
    the batch from reference records, and the classifier descends on its loss plus weight * log h of the batch.

    weight: of the attacker's gain (lambda).  attacker_steps: of h, for each step of the classifier.
    """

    weight: float = 1.0
    attacker_steps: int = 1
    reference: Records | None = field(default=None, repr=False, compare=False)

    card: ClassVar[DefenseCard] = DefenseCard(
        name="adversarial_regularization",
        title="Adversarial regularisation",
        paper="nasr2018",
        summary="trains against an attacker who learns to tell members",
        stage=Stage.TRAINING,
        wants="fit_by",
        needs_reference=True,
        extra="torch",
        breaks_bound="trains without noise",
    )

    def __post_init__(self) -> None:
        if self.weight <= 0 or self.attacker_steps < 1:
            raise InputError("adversarial_regularization: weight must be positive, and attacker_steps at least 1")

    def fit(self, recipe: Any, records: Records, seed: int) -> Any:
        """See TrainingDefense."""
        import torch
        from torch.nn import functional

        from divulge.defenses.training.inference_model import InferenceModel

        classes = for_classes(self.card.name, records)
        assert self.reference is not None
        others = torch.from_numpy(np.ascontiguousarray(self.reference.x, dtype=np.float32))
        labels = torch.from_numpy(self.reference.y.astype(np.int64))
        lots = torch.Generator().manual_seed(derived_seed(seed, "reference") % 2**63)
        attacker = InferenceModel(classes, lots)
        moves = torch.optim.Adam(attacker.parameters(), lr=RATE)

        def objective(forward: Any, x: Tensor, y: Tensor, generator: Any, epoch: int) -> Tensor:
            logits = wide(forward(x))
            for _ in range(self.attacker_steps):
                drawn = torch.randint(len(others), (len(x),), generator=lots)
                with torch.no_grad():
                    unseen = wide(forward(others[drawn].to(x.device)))
                inside, outside = attacker(logits.detach(), y), attacker(unseen, labels[drawn].to(x.device))
                gain = functional.softplus(-inside).mean() + functional.softplus(outside).mean()
                moves.zero_grad()
                gain.backward()  # type: ignore[no-untyped-call]
                moves.step()
            caught = functional.logsigmoid(attacker(logits, y)).mean()
            return cross_entropy(logits, one_hot(y, classes)).mean() + self.weight * caught

        return recipe.fit_by(records, seed, objective)
