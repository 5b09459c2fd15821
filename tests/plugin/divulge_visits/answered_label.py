"""An attack on a challenge of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.plugin import Access, Array, Asset, Card, Family, Needs
from divulge_visits.training_label import CHALLENGE, LabelView


@dataclass(frozen=True)
class AnsweredLabel:
    """The label of a training record is what the model answers."""

    card: ClassVar[Card] = Card(
        name="answered_label",
        title="Answered label",
        family=Family.RECONSTRUCTION,
        asset=Asset.ATTRIBUTES,
        paper="none",
        equations="none",
        summary="takes what the model answers for the label that it was trained with",
        needs=Needs(Access.LABEL),
        challenge=CHALLENGE,
    )

    def run(self, view: LabelView) -> Array:
        """Cost: one query a record."""
        return view.target.labels(view.records)
