"""White-box: what the model computes on its way to the answer (Nasr et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.boosted import Boosted
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.signals import logit_scaled, of_class
from divulge.core.target import Oracle
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView

MOST_EXAMPLES = 100_000


@dataclass(frozen=True)
class WhiteBox:
    """An attack model on gradients, activations, loss and class (Nasr et al. 2019, section III and figure 1), learned
    on shadow models, whose members are known; here boosted trees.  Of an ensemble of trees the internals are what its
    trees say one after the other and how many training records share the record's leaves.

    shadows: models whose answers are learned from.
    """

    shadows: int = 8

    card: ClassVar[Card] = Card(
        name="white_box",
        title="Gradients and activations (white box)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="nasr2019",
        equations="section III, attack model of figure 1",
        summary="learns how gradients and activations, or the trees of an ensemble, differ for members",
        needs=Needs(Access.INTERNALS, frozenset({Knowledge.RECIPE})),
        queries_per_record=2.0,
        models=2,
        seconds=9.0,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: two queries a record."""
        shadows, candidates = view.shadows(self.shadows), view.candidates
        seen = shadows.trained_on(candidates)
        few = view.rng.permutation(len(candidates))[: max(1, MOST_EXAMPLES // len(shadows))]
        part = candidates.take(few)
        examples = np.concatenate([_features(shadows.oracle(m), part) for m in range(len(shadows))])
        learner = Boosted(
            max_iter=150,
            learning_rate=0.1,
            max_leaf_nodes=15,
            min_samples_leaf=40,
            l2_regularization=5.0,
            random_state=int(view.rng.integers(2**31)),
        ).fit(examples, seen[:, few].ravel())
        return MembershipGuess(learner.predict(_features(view.target, candidates)))


def _features(oracle: Oracle, records: Records) -> Array:
    """The internals, the confidence and the loss, the sorted log-scores of the three likeliest classes, the class."""
    internals = oracle.internals(records)
    log_scores = oracle.log_scores(records)
    top = -np.sort(-log_scores, axis=1)[:, :3]
    signals = [logit_scaled(log_scores, records.y), of_class(log_scores, records.y)]
    return np.column_stack([internals, *signals, top, records.y])
