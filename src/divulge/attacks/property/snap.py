"""Poisoning that makes a property show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.property.meta import at_values
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.signals import logit_scaled
from divulge.core.threat import Access, Asset, Behaviour, Challenge, Family, Knowledge, Needs, Phase
from divulge.core.views.property import PropertyAnswer, PropertyGuess, PropertyQuestion, PropertyView, each


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
    wanted = round(rate * question.training_size)
    if len(rows) < 20:
        raise Impossible(f"{question.text}: the adversary holds only {len(rows)} records of the kind to change")
    added = question.rng.permutation(rows)[: len(rows) // 2]
    left = np.setdiff1d(rows, added)
    if wanted == 0:
        return None, left, target
    chosen = np.resize(added, wanted)
    labels = np.full(wanted, target, dtype=question.queries.y.dtype)
    return question.queries.take(chosen).relabelled(labels), left, target


@dataclass(frozen=True)
class Snap:
    """Records of the kind are contributed with one class; the rarer the kind is among the others' records, the more the
    model believes them.  It is asked for the logit of that class on further records of the kind, and the mean is
    compared with the point at which two normal distributions, of own models of either value, cross (Chaudhari et al.
    2023, section 4.2 and algorithm 1).

    rate: of the training set's size, how many records are contributed.
    """

    rate: float = 0.02

    card: ClassVar[Card] = Card(
        name="snap",
        title="SNAP",
        family=Family.PROPERTY,
        asset=Asset.PROPERTIES,
        challenge=Challenge.TRAINING_SET,
        paper="chaudhari2023",
        equations="section 4.2, algorithm 1",
        summary="contributes records of the kind with a changed class, and looks how far the model believes them",
        needs=Needs(
            Access.SCORES,
            frozenset({Knowledge.POPULATION, Knowledge.RECIPE}),
            phase=Phase.TRAINING,
            behaviour=Behaviour.ACTIVE,
        ),
    )

    def run(self, view: PropertyView) -> PropertyGuess:
        """Cost: the scores of one query for each query record of the kind that was not contributed."""
        return view.answered(self._about)

    def _about(self, question: PropertyQuestion) -> PropertyAnswer:
        poison, left, target = poison_of(question, self.rate)
        there = question.poisoned(poison) if poison is not None else question
        asked = there.queries.take(left)
        wanted = np.full(len(left), target)

        def believes(models: tuple) -> Array:  # type: ignore[type-arg]
            return each(models, lambda s: np.array([logit_scaled(s.log_scores(asked), wanted).mean()]))[:, 0]

        cohort = there.shadows()
        own, theirs = believes(cohort.oracles), believes(there.victims)
        scores = []
        for low, high in question.pairs:
            groups = [own[rows] for rows in at_values(cohort, low, high)]
            scores.append(log_ratio(theirs, *groups))
        count = 0 if poison is None else len(poison)
        return PropertyAnswer(tuple(scores), told=(f"{count} records were contributed to every training set",))


def log_ratio(values: Array, low: Array, high: Array) -> Array:
    """Log-likelihood of values under a normal distribution fitted to `high`, less that under `low`'s."""

    def fit(group: Array) -> Array:
        spread = max(float(group.std(ddof=1)), 1e-6)
        return np.asarray(-0.5 * ((values - group.mean()) / spread) ** 2 - np.log(spread))

    return fit(high) - fit(low)
