"""Trainings with chosen records and without them: what each model answers about them, and which of them it saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from divulge.auditing.oracle import GrantedOracle
from divulge.core.errors import InputError
from divulge.core.hashing import Array, derived_seed
from divulge.core.persons import condensed, numbered
from divulge.core.recipe import Recipe
from divulge.core.records import Records, concat
from divulge.core.signals import logit_scaled
from divulge.core.target import Target
from divulge.core.threat import Access, Task, ThreatModel
from divulge.training.artifact_cache import ArtifactCache
from divulge.training.shadow import ShadowTrainer


class RecordGame(Enum):
    """What is drawn anew in every training besides whether the record is in it.

    RESAMPLED: the other records as well, from all that there are: the risk of a record in whatever company (the
    `traditional` game).  SAME: nothing but the seed of the training: the risk of the record in this very data set, by
    an adversary who knows all other records (the `model-seeded` or leave-one-out game).  See Krčo et al. 2024.
    """

    RESAMPLED = "resampled"
    SAME = "same"


@dataclass(frozen=True, eq=False)
class MemberUnits:
    """The members as what is in a training or not: records, or persons with all their records.

    head: int [units], the first row of each.  place: int [rows], which unit each row belongs to.
    """

    head: Array
    place: Array
    several: bool

    def __len__(self) -> int:
        return len(self.head)

    def rows(self, unit: int) -> Array:
        """All rows of one of them."""
        return np.flatnonzero(self.place == unit)


def units_in(members: Records) -> MemberUnits:
    """Persons where the records say whose they are, else the records themselves."""
    if members.groups is None:
        index = np.arange(len(members))
        return MemberUnits(index, index, False)
    head, place, _ = numbered(members.groups)
    return MemberUnits(head, place, True)


@dataclass(frozen=True, eq=False)
class Answered:
    """signal: [trainings, units], high where a model seems to know a unit.  inside: bool [trainings, units], whether it
    was trained with it.  size: records in a training, on average.
    """

    signal: Array
    inside: Array
    size: float

    def of(self, trainings: slice) -> Answered:
        """Some of the trainings."""
        return Answered(self.signal[trainings], self.inside[trainings], self.size)


def signal_of(target: Target, records: Records) -> Array:
    """What one model answers about records, high for those that it seems to know: the logit-scaled confidence; where
    it answers with labels, whether they are right; of a regression the error.  [records]
    """
    if target.task is Task.REGRESSION:
        return np.asarray(-np.abs(target.answer(Access.LABEL, records) - records.y), dtype=np.float64)
    if Access.SCORES not in target.offers:
        return np.asarray(target.answer(Access.LABEL, records) == records.y, dtype=np.float64)
    return np.asarray(logit_scaled(target.answer(Access.SCORES, records), records.y), dtype=np.float64)


@dataclass
class Resampled:
    """Models on random halves of members and others, in pairs that share nothing: each record is in one of each pair,
    so that trials of one arm come from different pairs and are independent.  The shadow pool of an audit, with seeds of
    its own: rows that were chosen by looking at an audit are judged on models that the audit never saw.
    """

    recipe: Recipe
    members: Records
    others: Records | None
    units: MemberUnits
    threat: ThreatModel
    seed: int
    artifact_cache: ArtifactCache | None = None
    _trainer: ShadowTrainer | None = field(default=None, repr=False)

    def answered(self, trainings: int, chosen: Sequence[int]) -> Answered:
        """The first so many trainings, asked about chosen units; [trainings, chosen]."""
        if self._trainer is None:
            records = self.members if self.others is None else concat([self.members, self.others])
            seed = derived_seed(self.seed, "worst record")
            self._trainer = ShadowTrainer(self.recipe, records, seed, self.artifact_cache)
        pool = self._trainer.pool(trainings, lambda t: GrantedOracle(t, self.threat, Access.SCORES, free=True))
        picked = np.asarray(chosen, dtype=np.int64)
        rows, whose = _rows_of(self.units, picked)
        asked = self.members.take(rows)
        signal = np.array([condensed(signal_of(model, asked), whose) for model in pool.targets])
        return Answered(signal, pool.keep[:, self.units.head[picked]], float(pool.keep.sum(axis=1).mean()))


def _rows_of(units: MemberUnits, picked: Array) -> tuple[Array, Array]:
    """Rows of the chosen units, and to which of them each belongs (0 .. chosen - 1)."""
    parts = [units.rows(int(unit)) for unit in picked]
    return np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def same_data(
    recipe: Recipe, members: Records, units: MemberUnits, trainings: int, chosen: Sequence[int], seed: int
) -> Answered:
    """Half of the trainings on all members, which all chosen units share, and for each unit as many on all but it; only
    the seed differs.  With the record and without it alternate: [trainings, chosen].

    Raises InputError where a training has no chance in it: there are then two models, and nothing to repeat.
    """
    half = trainings // 2
    rows = [np.ones(len(members), dtype=bool)] * half
    seeds = [derived_seed(seed, "worst record, with", str(number)) for number in range(half)]
    for unit in chosen:
        rows += [units.place != unit] * half
        seeds += [derived_seed(seed, f"worst record, without {unit}", str(number)) for number in range(half)]
    picked, whose = _rows_of(units, np.asarray(chosen, dtype=np.int64))
    asked = members.take(picked)
    found = np.empty((len(rows), len(chosen)))
    for number, model in recipe.train_many(members, np.array(rows), seeds):
        found[number] = condensed(signal_of(model, asked), whose)
    signal = np.empty((2 * half, len(chosen)))
    signal[::2] = found[:half]
    for place in range(len(chosen)):
        signal[1::2, place] = found[half * (place + 1) : half * (place + 2), place]
    constant = all(len(np.unique(signal[arm::2, place])) == 1 for arm in (0, 1) for place in range(len(chosen)))
    if constant and (signal[0] != signal[1]).any():
        raise InputError(
            "this training has no chance in it: on the same records every model is the same, so that there is "
            "nothing to repeat, and whoever trains it with a record and without can tell; use game 'resampled'"
        )
    inside = np.tile((np.arange(2 * half) % 2 == 0)[:, None], (1, len(chosen)))
    return Answered(signal, inside, len(members) - 0.5)
