"""Shadow training with one attack model a class (Shokri et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.boosted import Boosted
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView

FEWEST = 40
"""A class with fewer examples is judged by the attack model of all classes together."""

MOST_SHADOWS = 8
MOST_EXAMPLES = 50_000


@dataclass(frozen=True)
class Shokri:
    """For each class a classifier that tells members from others by the scores of all classes (Shokri et al. 2017,
    section V); here boosted trees on the logarithms of the scores.

    shadows: models whose answers are learned from; eight are enough.
    """

    shadows: int = 8

    card: ClassVar[Card] = Card(
        name="shokri",
        title="Shadow training, attack models by class",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="shokri2017",
        equations="section V, algorithm of figure 3",
        summary="learns for every class how the scores of members differ from those of others",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE})),
        models=2,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record."""
        shadows = view.shadows(min(self.shadows, MOST_SHADOWS))
        records = shadows.records
        answers = np.concatenate([shadows.oracle(m).log_scores(records) for m in range(len(shadows))])
        member, y = shadows.keep.ravel(), np.tile(records.y, len(shadows))
        asked = view.target.log_scores(view.candidates)
        few = view.rng.permutation(len(y))[:MOST_EXAMPLES]
        everybody = self._attack_model(answers[few], member[few], view)
        scores = everybody.predict(asked)
        for label in np.unique(view.candidates.y):
            same, mine = np.flatnonzero(y == label)[:MOST_EXAMPLES], view.candidates.y == label
            if min(member[same].sum(), (~member[same]).sum()) >= FEWEST:
                scores[mine] = self._attack_model(answers[same], member[same], view).predict(asked[mine])
        return MembershipGuess(scores)

    def _attack_model(self, answers: Array, member: Array, view: MembershipView) -> Boosted:
        seed = int(view.rng.integers(2**31))
        return Boosted(max_iter=50, max_leaf_nodes=15, min_samples_leaf=20, random_state=seed).fit(answers, member)
