"""The attack: a small frozen class with a card."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, TypeVar

from divulge.core.threat import Access, Asset, Challenge, Family, Needs

View_contra = TypeVar("View_contra", contravariant=True)
Guess_co = TypeVar("Guess_co", covariant=True)


@dataclass(frozen=True)
class Card:
    """Everything that a planner, a report and a reader need to know about an attack.

    paper: key of the paper, as authors' first name and year.
    equations: where in the paper the algorithm stands.
    queries_per_record: records sent to the target for each candidate.
    uses: the strongest port that it makes use of where it is granted; None for the one that it needs.
    challenge: what it is asked to rebuild, for attacks of the reconstruction family.
    default: whether it runs when no attacks are named.
    alters: whether it asks about records that it changes or makes up, number by number.
    strength: how much it is expected to find of what its challenge hides, from 0 to 1, going by the benchmarks.
    seconds: of its own computing for 10,000 records, beside the models that it trains and the queries that it sends.
    ranks_as: the attack that puts records of their own in the same order; where both are played they are one test.
    differs: in what it is not as its paper has it; empty where it is.
    models: shadow models that it needs.  students: whether it lets models of the recipe learn from the target's scores.
    """

    name: str
    title: str
    family: Family
    asset: Asset
    paper: str
    equations: str
    summary: str
    needs: Needs
    queries_per_record: float = 1.0
    models: int = 0
    students: bool = False
    default: bool = True
    challenge: Challenge | None = None
    uses: Access | None = None
    alters: bool = False
    strength: float = 0.5
    seconds: float = 2.0
    ranks_as: str = ""
    differs: str = ""

    @property
    def played_as(self) -> Challenge:
        """The challenge that it plays: its own, or the one of its family; one that nobody plays where the family has
        several and the card names none.
        """
        if self.challenge is not None:
            return self.challenge
        own = {Family.MEMBERSHIP: Challenge.MEMBERSHIP, Family.EXTRACTION: Challenge.COPY}
        return own.get(self.family, Challenge(self.family, "no challenge of this family"))


class Attack(Protocol[View_contra, Guess_co]):
    """An attack of one family.  Its fields are its settings; `run` guesses and never sees the truth."""

    card: ClassVar[Card]

    def run(self, view: View_contra) -> Guess_co:
        """Play one round."""
        ...


def with_settings(attack: Attack[Any, Any], **settings: Any) -> Attack[Any, Any]:
    """The attack with other settings, under the card that it has, which may be its own."""
    given: Any = attack
    changed = replace(given, **settings)
    if "card" in getattr(attack, "__dict__", {}):
        object.__setattr__(changed, "card", attack.card)
    return changed  # type: ignore[no-any-return]
