"""The class without any score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.core.defense import DefenseCard
from divulge.core.hashing import Array
from divulge.core.threat import Access


@dataclass(frozen=True)
class LabelOnly:
    """Only the predicted class is shown.  Attacks on scores have nothing to go by; attacks on labels are untouched."""

    card: ClassVar[DefenseCard] = DefenseCard(
        name="label_only",
        title="Labels only",
        paper="shokri2017",
        summary="shows the predicted class and no score",
        shows=Access.LABEL,
        breaks_bound="",
    )

    def alter(self, log_scores: Array, keys: Array) -> Array:
        """Nothing to alter: no score is shown."""
        return log_scores
