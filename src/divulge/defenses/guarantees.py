"""Which bound a composition of defences has: that of one of them, and only where no other part undoes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from divulge.core.capability.declared import able
from divulge.core.capability.defenses import Accounted, Fitted, TakesProtections
from divulge.core.defense import Stage
from divulge.core.records import Records
from divulge.core.results.guarantee import Promise, Unbounded


def promised(defenses: Sequence[Any], records: Records, base: Any) -> Promise | None:
    """The bound on what a model trained on `records` under these defences tells, whatever the attack; why there is
    none though one of them adds noise; None where none does.

    base: the recipe without defences.  Differential privacy survives parts that look at no training record, that treat
    each by itself, or that look only at what the private training gave out (post-processing: Dwork and Roth 2014,
    proposition 2.1).  It does not survive a part that looks at the records without noise, and what is not known to be
    harmless (`DefenseCard.breaks_bound`) is taken to look.
    """
    training = [d for d in defenses if d.card.stage is Stage.TRAINING]
    place = next((n for n in reversed(range(len(training))) if able(training[n], Accounted)), None)
    if place is None:
        return None
    private: Any = training[place]
    sent = tuple(d for d in defenses if d.card.stage is Stage.UPDATE)
    if sent and _sends(private):
        private = replace(private, protections=sent)
    others = [d for d in defenses if d.card.stage is not Stage.TRAINING] + training[place + 1 :]
    # whatever trains a teacher, the votes are noisy
    others += [] if private.card.nests else training[:place]
    found: Promise | None = private.guarantee(records, base)
    if found is None or isinstance(found, Unbounded):
        return found
    undone = next((why for d in others if (why := breaks(d))), None)
    return Unbounded(undone) if undone else found


def _sends(defense: Any) -> bool:
    return able(defense, TakesProtections)


def breaks(defense: Any) -> str:
    """Why a bound does not survive this part of a composition; empty where it does."""
    why: str = defense.card.breaks_bound
    if not why and able(defense, Fitted):
        why = "is fitted to answers on training records without noise"
    if not why and any(isinstance(value, Records) for value in vars(defense).values()):
        why = "holds records of its own"
    return f"{defense.card.title} {why}" if why else ""
