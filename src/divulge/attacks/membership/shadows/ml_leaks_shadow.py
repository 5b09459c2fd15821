"""ML-Leaks adversary 1: an attack model learned from one shadow model (Salem et al. 2019)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.signals import log_of_scores
from divulge.core.target import Oracle
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class MlLeaksShadow:
    """One shadow model, one attack network on the highest scores in falling order (Salem et al. 2019, section III).

    hidden: units of the attack network's only hidden layer.  top: how many scores it sees (three in the paper).
    The scores are given to it as logarithms, so that those close to 1 and to 0 keep their order.
    """

    hidden: int = 64
    top: int = 3

    card: ClassVar[Card] = Card(
        name="ml_leaks_shadow",
        title="ML-Leaks, one shadow model",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="salem2019",
        equations="section III, adversary 1",
        summary="learns from one model of its own how scores of members look, without using the true class",
        needs=Needs(Access.TOPK, frozenset({Knowledge.RECIPE})),
        models=1,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record, one shadow model."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        shadows = view.shadows(1)
        network = make_pipeline(
            StandardScaler(),
            MLPClassifier((self.hidden,), max_iter=200, random_state=int(view.rng.integers(2**31))),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # 200 epochs are the setting, converged or not
            network.fit(self._features(shadows.oracle(0), shadows.records), shadows.keep[0])
        chances = log_of_scores(network.predict_proba(self._features(view.target, view.candidates)))
        return MembershipGuess(chances[:, 1] - chances[:, 0])

    def _features(self, oracle: Oracle, records: Records) -> Array:
        return oracle.top_k(records)[1][:, : self.top]
