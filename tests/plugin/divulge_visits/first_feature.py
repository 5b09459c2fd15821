"""The smallest attack that a stranger could write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.plugin import Access, Asset, Card, Family, MembershipGuess, MembershipView, Needs


@dataclass(frozen=True)
class FirstFeature:
    """Call records with a large first feature members: as good as guessing."""

    sign: int = 1

    card: ClassVar[Card] = Card(
        name="first_feature",
        title="First feature",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="none",
        equations="none",
        summary="calls a record a member when its first feature is large",
        needs=Needs(Access.SCORES),
        queries_per_record=0,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: nothing."""
        return MembershipGuess(self.sign * view.candidates.x.reshape(len(view.candidates), -1)[:, 0])
