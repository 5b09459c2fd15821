"""A recipe under defences of its data, its settings and its training, in the order in which they are listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from divulge.core.capability.declared import able
from divulge.core.capability.defenses import TakesProtections, reference_of
from divulge.core.capability.recipes import Distils, Packable, Threadable, limit_threads, settings_of
from divulge.core.defense import Stage
from divulge.core.errors import InputError
from divulge.core.hashing import Array, digest
from divulge.core.records import Records

SHUT_OUT = ("dp_sgd", "pate", "federated")
"""Draw from generators of their own, beside others in the same process."""


@dataclass(frozen=True)
class DefendedRecipe:
    """See training.engine.Trainable: what `base` trains, under one defence."""

    base: Any
    defense: Any

    def fit(self, records: Records, seed: int, *, half: bool = False, steps: int | None = None) -> Any:
        """See Trainable."""
        if self.defense.card.stage is Stage.DATA:
            return self.base.fit(self.defense.prepare(records, seed), seed)
        return self.defense.fit(self.base, records, seed)

    def overfitted(self) -> Any:
        """Without the defence: what the positive control is trained with must leak."""
        return self.base.overfitted()

    @property
    def settings(self) -> Mapping[str, float | str]:
        """Of the training, as the base tells them."""
        return settings_of(self.base)

    def describe(self) -> str:
        """See Trainable."""
        return f"{self.base.describe()}, with {self.defense.card.name}"

    def fingerprint(self) -> str:
        """See Trainable."""
        reference = reference_of(self.defense)
        reference_print = reference.fingerprint() if reference is not None else ""
        return digest("defended", self.base.fingerprint(), repr(self.defense), reference_print)


@dataclass(frozen=True)
class PackedDefendedRecipe(DefendedRecipe):
    """The same for a base that packs its models, so that they are kept and sent to workers."""

    def pack(self, model: Any) -> bytes:
        """See the base."""
        return bytes(self.base.pack(model))

    def unpack(self, packed: bytes) -> Any:
        """See the base."""
        return self.base.unpack(packed)

    def one_thread(self) -> None:
        """See the base; a worker does it first."""
        limit_threads(self.base)


@dataclass(frozen=True)
class DefendedNetRecipe(PackedDefendedRecipe):
    """The same for networks, which can be trained side by side in threads, and learn from scores."""

    def fit(self, records: Records, seed: int, *, half: bool = False, steps: int | None = None) -> Any:
        """See Trainable.  On one thread: the steps are small, and threads that share them wait for each other."""
        before = self.threads()
        self.one_thread()
        try:
            return super().fit(records, seed)
        finally:
            self.all_threads(before)

    def threadable(self) -> bool:
        """See TorchRecipe."""
        return self.defense.card.name not in SHUT_OUT and bool(self.base.threadable())

    def half_is_fast(self) -> bool:
        """Defences multiply in float32."""
        return False

    def threads(self) -> int:
        """See TorchRecipe."""
        return int(self.base.threads())

    def all_threads(self, number: int) -> None:
        """See TorchRecipe."""
        self.base.all_threads(number)

    def distil(self, records: Records, log_scores: Array, seed: int) -> list[Any]:
        """Of an adversary, who does not defend a copy."""
        student: list[Any] = self.base.distil(records, log_scores, seed)
        return student


def defended_recipe(recipe: Any, defenses: Sequence[Any], reference: Records | None) -> Any:
    """The recipe under these defences; raises InputError for a composition that makes no sense, and for one that needs
    further records of the owner's where there are none.
    """
    _checked(defenses)
    bound = [_sending(_referring(d, reference), defenses) for d in defenses]
    for defense in (d for d in bound if d.card.stage is Stage.SETTINGS):
        recipe = defense.adjust(recipe)
    for defense in (d for d in bound if d.card.stage is Stage.TRAINING):
        wants, name = defense.card.wants, defense.card.name
        if isinstance(recipe, DefendedRecipe) and not defense.card.nests:
            raise InputError(
                f"defenses: {name!r} comes after {recipe.defense.card.name!r}, and each of them decides what is "
                "learned from: leave one out"
            )
        if wants and not hasattr(recipe, wants):
            raise InputError(f"defenses: {name!r} needs a recipe of a PyTorch network: pass a TorchRecipe")
        recipe = _wrapped(recipe, defense)
    for defense in reversed([d for d in bound if d.card.stage is Stage.DATA]):
        recipe = _wrapped(recipe, defense)
    return recipe


def lacking_reference(name: str) -> str:
    """What is said where a defence needs records that were not given."""
    return f"defenses: {name!r} needs further records of the owner's, none of them a member: pass `population`"


def _checked(defenses: Sequence[Any]) -> None:
    names = [d.card.name for d in defenses]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise InputError(f"defenses: {twice!r} is listed twice: list it once, with the stronger setting")


def _referring(defense: Any, reference: Records | None) -> Any:
    if not defense.card.needs_reference or defense.card.stage is not Stage.TRAINING:
        return defense
    if reference is None or not len(reference):
        raise InputError(lacking_reference(defense.card.name))
    return replace(defense, reference=reference)


def _sending(defense: Any, defenses: Sequence[Any]) -> Any:
    """A federated training whose clients protect what they send by the defences of updates in the list."""
    protections = tuple(d for d in defenses if d.card.stage is Stage.UPDATE)
    takes = able(defense, TakesProtections)
    return replace(defense, protections=protections) if protections and takes else defense


def _wrapped(recipe: Any, defense: Any) -> DefendedRecipe:
    if able(recipe, Threadable) and able(recipe, Distils):
        return DefendedNetRecipe(recipe, defense)
    return (PackedDefendedRecipe if able(recipe, Packable) else DefendedRecipe)(recipe, defense)
