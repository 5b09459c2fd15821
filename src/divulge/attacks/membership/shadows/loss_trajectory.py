"""The way the loss took while the model was trained, told by students of it (Liu et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.boosted import Boosted
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.signals import logit_scaled, of_class
from divulge.core.target import Oracle
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class LossTrajectory:
    """The losses on a record of students that learn from the model's scores, epoch by epoch, and at last its own,
    judged by an attack model that learned the same of shadow models (Liu et al. 2022, section 4, TrajectoryMIA); here
    boosted trees.

    shadows: models whose trajectories are learned from.
    """

    shadows: int = 2

    card: ClassVar[Card] = Card(
        name="loss_trajectory",
        title="Loss trajectory",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="liu2022",
        equations="section 4: distillation, trajectories, attack model",
        summary="replays the training with a student and follows the loss on the record",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE, Knowledge.POPULATION})),
        queries_per_record=2.0,
        models=2,
        students=True,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record and one for each population record, on which the students learn."""
        shadows = view.shadows(min(self.shadows, 2))
        seen = shadows.trained_on(view.candidates)
        examples = np.concatenate([_trajectory(view, shadows.oracle(m)) for m in range(len(shadows))])
        learner = Boosted(
            max_iter=100,
            learning_rate=0.1,
            max_leaf_nodes=15,
            min_samples_leaf=40,
            l2_regularization=5.0,
            random_state=int(view.rng.integers(2**31)),
        ).fit(examples, seen.ravel())
        return MembershipGuess(learner.predict(_trajectory(view, view.target)))


def _trajectory(view: MembershipView, oracle: Oracle) -> Array:
    """Losses of the students, then loss and logit of the model itself: [records, students + 2]."""
    candidates = view.candidates
    losses = [-of_class(student.log_scores(candidates), candidates.y) for student in view.students(oracle)]
    own = oracle.log_scores(candidates)
    return np.column_stack([*losses, -of_class(own, candidates.y), logit_scaled(own, candidates.y)])
