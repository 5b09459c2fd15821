"""HAMP: a model learns from labels of high entropy, and its scores keep nothing but the order of the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from divulge.core.defense import Defense, DefenseCard, Stage
from divulge.core.errors import InputError
from divulge.core.hashing import Array, digest
from divulge.core.records import Records
from divulge.defenses.training.altered_loss import cross_entropy, for_classes, one_hot, wide

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class OrderOnly:
    """HAMP's output modification: the scores of a random input, which say nothing of the record, in the order of the
    classes that the model gave (Chen and Pattabiraman 2024, section IV-C).

    scores: [inputs, classes], the model's scores on random inputs, each sorted upwards.
    """

    scores: Array

    card: ClassVar[DefenseCard] = DefenseCard(
        name="order_only",
        title="Scores of random inputs, in the model's order",
        paper="chen2024b",
        summary="shows the order of the classes and nothing else",
    )

    def alter(self, log_scores: Array, keys: Array) -> Array:
        """See Defense; equal records are shown equal scores."""
        drawn = self.scores[(keys % np.uint64(len(self.scores))).astype(np.int64)]
        places = np.argsort(np.argsort(log_scores, axis=1, kind="stable"), axis=1)
        return np.asarray(np.take_along_axis(drawn, places, axis=1))

    def __repr__(self) -> str:
        return f"OrderOnly({digest(self.scores)})"


@dataclass(frozen=True)
class Hamp:
    """Chen and Pattabiraman 2024: labels are softened until their entropy is `entropy` of the most that is possible
    (equation 4), the entropy of predictions is rewarded (equation 6), and only their order is shown (section IV-C).

    entropy: gamma, a share of log(classes).  reward: alpha, of the entropy of predictions.
    """

    entropy: float = 0.5
    reward: float = 0.01

    shown: ClassVar[type[OrderOnly]] = OrderOnly
    card: ClassVar[DefenseCard] = DefenseCard(
        name="hamp",
        title="HAMP",
        paper="chen2024b",
        summary="trains with labels of high entropy, and shows only the order of the classes",
        stage=Stage.TRAINING,
        wants="fit_by",
        extra="torch",
        breaks_bound="trains without noise",
    )

    def __post_init__(self) -> None:
        if not 0 < self.entropy < 1 or self.reward < 0:
            raise InputError("hamp: entropy must be between 0 and 1, and reward not below 0")

    def top(self, classes: int) -> float:
        """The share of the true class in a label whose other classes are equal and whose entropy is as demanded."""
        from scipy.optimize import brentq

        def excess(share: float) -> float:
            rest = (1 - share) / (classes - 1)
            entropy = -share * np.log(share) - (classes - 1) * rest * np.log(max(rest, 1e-300))
            return float(entropy - self.entropy * np.log(classes))

        return float(brentq(excess, 1 / classes + 1e-12, 1 - 1e-12))

    def fit(self, recipe: Any, records: Records, seed: int) -> Any:
        """See TrainingDefense."""
        import torch
        from torch.nn import functional

        classes = for_classes(self.card.name, records)
        top = self.top(classes)

        def objective(forward: Any, x: Tensor, y: Tensor, generator: Any, epoch: int) -> Tensor:
            logits, labels = wide(forward(x)), one_hot(y, classes)
            soft = labels * top + (1 - labels) * (1 - top) / (classes - 1)
            log_scores = functional.log_softmax(logits, dim=1)
            entropy = -(torch.exp(log_scores) * log_scores).sum(dim=1)
            return (cross_entropy(logits, soft) - self.reward * entropy).mean()

        return recipe.fit_by(records, seed, objective)

    def behind(self, ask: Any, records: Records, seed: int) -> Defense:
        """What the model is shown through.  ask: its log-scores for records like `records`."""
        rng = np.random.default_rng(seed % 2**63)
        inputs = records.flat().reshape(records.x.shape).astype(records.x.dtype)
        low, high = inputs.min(axis=0), inputs.max(axis=0)
        whole = np.issubdtype(records.x.dtype, np.integer)
        noise = rng.integers(low, high + 1, (256, *low.shape)) if whole else rng.uniform(low, high, (256, *low.shape))
        y = np.zeros(len(noise), dtype=records.y.dtype)
        noisy = Records(noise.astype(records.x.dtype), y, records.schema).settled()
        return OrderOnly(np.sort(ask(noisy), axis=1))
