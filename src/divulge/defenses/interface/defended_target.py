"""A target behind defences, and which defences go together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from divulge.core.capability.declared import able
from divulge.core.capability.defenses import AltersFor
from divulge.core.capability.targets import cacheable, secrets_of
from divulge.core.defense import Defense
from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, digest, row_digests
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Access, Task, closure
from divulge.core.views.extraction import Secrets


@dataclass(frozen=True, eq=False)
class DefendedTarget:
    """See core.target.Target: the inner target, its answers altered by each defence in turn."""

    inner: Target
    defenses: tuple[Defense, ...]

    @property
    def name(self) -> str:
        """See Target."""
        return f"{self.inner.name} behind {' and '.join(d.card.name for d in self.defenses)}"

    @property
    def task(self) -> Task:
        """See Target."""
        return self.inner.task

    @property
    def cacheable(self) -> bool:
        """Whether the fingerprint tells everything: as for the inner target."""
        return cacheable(self.inner)

    @property
    def offers(self) -> frozenset[Access]:
        """What the last defence leaves; an interface shows neither logits nor gradients."""
        shown = closure({Access.SCORES})
        for defense in self.defenses:
            shown &= closure({defense.card.shows})
        return self.inner.offers & shown

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        if access not in self.offers:
            raise TargetError(f"{self.name} has no port for {access.value}")
        if access is Access.LABEL and all(d.card.keeps_label for d in self.defenses):
            return self.inner.answer(Access.LABEL, records)
        shown = self.inner.answer(Access.SCORES, records)
        keys = np.frombuffer(b"".join(key[:8] for key in row_digests(records.x)), dtype=np.uint64)
        for defense in self.defenses:
            shown = defense.alter_for(shown, records) if able(defense, AltersFor) else defense.alter(shown, keys)
        return np.asarray(shown.argmax(axis=1)) if access is Access.LABEL else shown

    @property
    def updated(self) -> Callable[..., Target]:
        """How the inner target makes its next version, which is shielded alike; AttributeError where it makes none."""
        update: Callable[..., Target] = self.inner.updated  # type: ignore[attr-defined]
        return lambda *how: DefendedTarget(update(*how), self.defenses)

    def secrets(self) -> Secrets:
        """Those of the inner target; none where they are not known."""
        return secrets_of(self.inner)

    def fingerprint(self) -> str:
        """See Target."""
        return digest(self.inner.fingerprint(), repr(self.defenses))


def shielded(target: Target, defenses: Sequence[Defense]) -> Target:
    """The target behind these defences, in this order; raises InputError for a composition that makes no sense."""
    if not defenses:
        return target
    compatible(target, defenses)
    return DefendedTarget(target, tuple(defenses))


def compatible(target: Target, defenses: Sequence[Defense]) -> None:
    """Raises InputError for a composition that makes no sense."""
    if target.task is not Task.CLASSIFICATION:
        raise InputError("defences of the interface are for classifiers: this target predicts values")
    names = [d.card.name for d in defenses]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise InputError(f"defenses: {twice!r} is listed twice: list it once, with the stronger setting")
    for defense in defenses[:-1]:
        if defense.card.shows is Access.LABEL:
            raise InputError(
                f"defenses: {names[-1]!r} comes after {defense.card.name!r}, which leaves no scores to alter: "
                "leave one out"
            )
    last = defenses[-1]
    hidden = [d.card.name for d in defenses[:-1] if d.card.keeps_label]
    if last.card.shows is Access.LABEL and hidden:
        raise InputError(
            f"defenses: {last.card.name!r} hides the scores that {hidden[0]!r} alters, and the label stays the same: "
            f"leave {hidden[0]!r} out"
        )
    if Access.SCORES not in target.offers and (last.card.shows is not Access.LABEL or len(defenses) > 1):
        raise InputError(f"defenses: {target.name} answers with labels only: there are no scores to alter")
