"""PATE: teachers of disjoint parts vote on public records, with noise, and a student learns the outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, derived_rng, derived_seed, digest, row_digests
from divulge.core.persons import count
from divulge.core.privacy_budget import check_delta, check_epsilon, check_noise
from divulge.core.records import Records
from divulge.core.results.guarantee import Guarantee, Promise
from divulge.defenses.accounting import gaussian_cost, gaussian_noise_for
from divulge.defenses.training.altered_loss import for_classes
from divulge.defenses.training.teaching import classes_told


@dataclass(frozen=True)
class Pate:
    """Papernot et al. 2017, with the Gaussian noisy maximum of Papernot et al. 2018 (GNMax), accounted for whatever
    the votes are: a bound that looks at them would be smaller, and would itself have to be kept secret.

    A record's teacher follows from a keyed hash of the record, so that one record more leaves every other where it
    was: parts that are cut from a random order would all change.  Persons with several records are at one teacher.

    epsilon, delta: of all votes, for adding or removing one record, or one person with all theirs; or noise, the
    deviation on each count of votes.  votes: reference records that are voted on, all where there are fewer.
    """

    teachers: int = 20
    votes: int = 200
    epsilon: float | None = None
    noise: float | None = None
    delta: float = 1e-5
    reference: Records | None = field(default=None, repr=False, compare=False)

    card: ClassVar[DefenseCard] = DefenseCard(
        name="pate",
        title="PATE",
        paper="papernot2018",
        summary="a student learns what teachers of disjoint parts of the records vote, with noise",
        stage=Stage.TRAINING,
        needs_reference=True,
        nests=True,
        extra="torch",
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        if (self.epsilon is None) == (self.noise is None):
            raise InputError("pate: give either epsilon or noise")
        check_epsilon("pate", self.epsilon)
        check_noise("pate", self.noise)
        check_delta("pate", self.delta)
        if self.teachers < 2 or self.votes < 1:
            raise InputError("pate: it needs at least two teachers and a vote")

    def deviation(self) -> float:
        """Of the noise on each count."""
        if self.noise is not None:
            return self.noise
        assert self.epsilon is not None
        return float(gaussian_noise_for(self.epsilon, self.delta) * (2 * self.votes) ** 0.5)

    def cost(self) -> float:
        """Epsilon of all votes at delta: one record changes one teacher, and so two counts by one (Papernot et al.
        2018, proposition 8); many Gaussian mechanisms are one with less noise.
        """
        return gaussian_cost(self.deviation() / (2 * self.votes) ** 0.5, self.delta)

    def guarantee(self, records: Records, base: Any) -> Promise:
        """See Accounted: it holds for the student, whatever trains the teachers, and for the votes."""
        persons = records.groups is not None
        relation = (
            "adding or removing one person with all their records" if persons else "adding or removing one record"
        )
        beside = (
            "The records that are voted on count as public: none may be a member. The teachers must not be shown.",
        )
        units, unit = (count(records.groups), "persons") if persons else (len(records), "records")
        trusted = "whoever trains the teachers"
        return Guarantee(
            self.cost(),
            self.delta,
            relation,
            trusted,
            beside,
            f"epsilon {self.cost():.3g} by dp-accounting",
            units,
            unit,
        )

    def parts(self, records: Records, seed: int) -> list[Array]:
        """Rows of each teacher, by a hash of each record keyed with the seed; of a person by the smallest of theirs."""
        salt = f"{derived_seed(seed, 'teachers')}".encode()
        keys = [digest(salt, key, records.y[row : row + 1]) for row, key in enumerate(row_digests(records.x))]
        owner = np.array([int(key, 16) % self.teachers for key in keys])
        if records.groups is not None:
            first: dict[Any, str] = {}
            for key, person in zip(keys, records.groups.tolist(), strict=True):
                first[person] = min(key, first.get(person, key))
            owner = np.array([int(first[person], 16) % self.teachers for person in records.groups.tolist()])
        return [np.flatnonzero(owner == teacher) for teacher in range(self.teachers)]

    def winners(self, votes: Array, classes: int, rng: np.random.Generator) -> Array:
        """The classes [records] that win with noise, from votes [teachers, records]."""
        counts = np.stack([(votes == c).sum(axis=0) for c in range(classes)], axis=1).astype(np.float64)
        return np.asarray((counts + self.deviation() * rng.normal(size=counts.shape)).argmax(axis=1))

    def fit(self, recipe: Any, records: Records, seed: int) -> Any:
        """See TrainingDefense; raises InputError for fewer than ten records a teacher."""
        classes = for_classes(self.card.name, records)
        assert self.reference is not None
        if len(records) < 10 * self.teachers:
            raise InputError(f"pate: {len(records)} records are too few for {self.teachers} teachers: name fewer")
        rng = derived_rng(seed, "pate")
        asked = self.reference.take(rng.permutation(len(self.reference))[: self.votes])
        votes = []
        for number, rows in enumerate(self.parts(records, seed)):
            own = records.take(rows)
            if len(np.unique(own.y)) < 2:  # nothing to train on: its vote is for the class that it knows
                votes.append(np.full(len(asked), own.y[0] if len(own) else 0))
                continue
            teacher = recipe.fit(own, derived_seed(seed, "teacher", str(number)))
            votes.append(classes_told(teacher, asked))
        won = self.winners(np.stack(votes), classes, rng)
        if len(np.unique(won)) < 2:
            raise TargetError("pate: every vote was won by the same class: use fewer teachers or more epsilon")
        return recipe.fit(asked.relabeled(won.astype(records.y.dtype)), derived_seed(seed, "student"))
