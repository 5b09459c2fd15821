"""What attacks have in common that contribute records of a kind with a changed class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.threat import Access, Behavior, Knowledge, Needs, Phase
from divulge.core.views.property import PropertyQuestion


@dataclass(frozen=True)
class Contribution:
    """question: as it stands after the contribution.  asked: queries of the kind that were not contributed.
    target: the class that the contributed records were given.  told: a sentence for the report.
    """

    question: PropertyQuestion
    asked: Records
    target: int
    told: tuple[str, ...]


def contributor(access: Access) -> Needs:
    """What an attack needs that contributes records and then asks through this port."""
    known = frozenset({Knowledge.POPULATION, Knowledge.RECIPE})
    return Needs(access, known, phase=Phase.TRAINING, behavior=Behavior.ACTIVE)


def contributed(question: PropertyQuestion, rate: float) -> Contribution:
    """Every training set is given records of the kind, `rate` of its size; raises Impossible as `poison_of` does."""
    poison, left, target = poison_of(question, rate)
    after = question.poisoned(poison) if poison is not None else question
    count = 0 if poison is None else len(poison)
    notes = (f"{count} records were contributed to every training set",)
    return Contribution(after, after.queries.take(left), target, notes)


def poison_of(question: PropertyQuestion, rate: float) -> tuple[Records | None, Array, int]:
    """Records of the kind with their class changed to one: what is contributed, rows of queries of the kind with
    another class that are left to be asked about, and that class.

    Raises Impossible for a property that is not about a kind, or where there are too few records of it.
    """
    if question.flags is None:
        raise Impossible(f"{question.text} is not about a kind of records whose class could be changed")
    y = question.queries.y[question.flags]
    target = int(np.bincount(y, minlength=len(question.schema.classes)).argmin())
    rows = np.flatnonzero(question.flags & (question.queries.y != target))
    needed = round(rate * question.training_size)
    if len(rows) < 20:
        raise Impossible(f"{question.text}: the adversary holds only {len(rows)} records of the kind to change")
    added = question.rng.permutation(rows)[: len(rows) // 2]
    left = np.setdiff1d(rows, added)
    if needed == 0:
        return None, left, target
    chosen = np.resize(added, needed)
    labels = np.full(needed, target, dtype=question.queries.y.dtype)
    return question.queries.take(chosen).relabeled(labels), left, target
