"""Of defences: where they act besides the stage that their card names, and what they need or promise."""

from __future__ import annotations

from typing import Any, Protocol

from divulge.core.capability.declared import able
from divulge.core.defense import Defense, DefenseCard, UpdateDefense
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.results.guarantee import Guarantee, Unbounded


class HasCard(Protocol):
    """An attack or a defence: whatever has a card."""

    card: Any


class Fitted(Protocol):
    """A defence of the interface that is made for one model, see core.defense.FittedDefense."""

    def fitted(self, members: Array, others: Array, seed: int) -> Defense:
        """The defence for a model with these log-scores on its training records, and on records it has not seen."""
        ...


class AltersFor(Protocol):
    """A defence of the interface that needs the records themselves."""

    def alter_for(self, log_scores: Array, records: Records) -> Array:
        """What is shown instead of log-scores [records, classes]; it is called instead of `alter`."""
        ...


class ChangesQuestions(Protocol):
    """A defence of the data that the model is asked through as well."""

    def show(self, records: Records) -> Records:
        """What becomes of the records of a question."""
        ...


class GuardsBehind(Protocol):
    """A defence of the training that alters the answers of the model too."""

    def behind(self, ask: Any, records: Records, seed: int) -> Defense:
        """What a model that was trained on these records is shown through.  ask: its log-scores for records."""
        ...


class ShownThrough(Protocol):
    """One that tells, before anything is trained, the kind of defence that answers go through."""

    shown: Any


class Accounted(Protocol):
    """A defence of the training that adds noise.  delta: at which its epsilon holds."""

    card: DefenseCard
    delta: float

    def guarantee(self, records: Records, base: Any) -> Guarantee | Unbounded | None:
        """What training on these records by this recipe promises, without what stands around it; why it promises
        nothing; None where it adds no noise.
        """
        ...


class TakesReference(Protocol):
    """A defence of the training that learns from further records of the owner's; None where there are none yet."""

    reference: Records | None


class TakesProtections(Protocol):
    """A federated training whose clients protect what they send."""

    protections: tuple[UpdateDefense, ...]


def reference_of(defense: object) -> Records | None:
    """Further records that a defence of the training learns from; None where it has none."""
    return defense.reference if able(defense, TakesReference) else None
