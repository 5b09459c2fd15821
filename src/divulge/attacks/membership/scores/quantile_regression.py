"""Quantile regression: no shadow model, only what the target says of strangers (Bertran et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.boosted import Boosted
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.signals import logit_scaled
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView

FEWEST = 50
MOST_FEATURES = 64


@dataclass(frozen=True)
class QuantileRegression:
    """How many deviations the signal lies above what a regressor, trained on strangers, expects of such a record
    (Bertran et al. 2023, the Gaussian variant: a mean and a deviation for every record).

    rounds: of boosting, for each of the two regressors.
    """

    rounds: int = 100

    card: ClassVar[Card] = Card(
        name="quantile_regression",
        title="Quantile regression",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="bertran2023",
        equations="algorithm 1, Gaussian quantiles",
        summary="learns from strangers how sure the model is of such a record, without training a model like it",
        needs=Needs(Access.SCORES, frozenset({Knowledge.POPULATION})),
        queries_per_record=2.0,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record and one for each population record."""
        candidates, population = view.candidates, view.population
        if len(population) < FEWEST:
            raise Impossible(f"quantile regression needs at least {FEWEST} population records")
        known = logit_scaled(view.target.log_scores(population), population.y)
        signal = logit_scaled(view.target.log_scores(candidates), candidates.y)
        nonmembers, asked = _features(population, candidates)
        mean = self._regressor(view).fit(nonmembers, known)
        apart = np.abs(known - mean.predict(nonmembers))
        spread = self._regressor(view).fit(nonmembers, apart)
        least = 0.1 * float(apart.mean()) + 1e-9
        return MembershipGuess((signal - mean.predict(asked)) / np.maximum(spread.predict(asked), least))

    def _regressor(self, view: MembershipView) -> Boosted:
        seed = int(view.rng.integers(2**31))
        return Boosted(True, max_iter=self.rounds, learning_rate=0.05, max_leaf_nodes=15, random_state=seed)


def _features(population: Records, candidates: Records) -> tuple[Array, Array]:
    """The records and their class; of many features the principal components of the population."""
    from sklearn.decomposition import PCA

    known, asked = population.features(), candidates.features()
    if known.shape[1] > MOST_FEATURES:
        axes = PCA(min(MOST_FEATURES, len(known)), svd_solver="randomized", random_state=0).fit(known)
        known, asked = axes.transform(known), axes.transform(asked)
    classes = np.eye(len(population.schema.classes))
    return np.column_stack([known, classes[population.y]]), np.column_stack([asked, classes[candidates.y]])
