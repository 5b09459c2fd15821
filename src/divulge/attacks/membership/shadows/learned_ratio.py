"""The learned likelihood ratio: shadow models play the target, and a classifier learns what gives members away.

LiRA, RMIA and BaVarIA each fix how a target's answer is to be compared with the shadow models'.  Which comparison is
best depends on the model, the data and the number of shadow models, and the pool itself can tell: each shadow model in
turn is the target, whose members are known, and the others are its shadow models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from divulge.attacks.membership.boosted import Boosted
from divulge.attacks.membership.shadows.bavaria import log_ratio
from divulge.attacks.membership.shadows.shadow_statistics import Marginal, Sums, log_mean_exp, marginal, sums
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.signals import LOG_FLOOR, logit_scaled, of_class
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView

FEWEST = 4
"""Shadow models below which none can be spared to play the target; RMIA's ratio is used instead."""

MOST_EXAMPLES = 100_000
REPEATS = 8


@dataclass(frozen=True)
class LearnedRatio:
    """A boosted classifier on the comparisons that LiRA (Carlini et al. 2022), RMIA (Zarifzadeh et al. 2024) and
    BaVarIA (Brännvall 2026) make, trained on shadow models in the place of the target.

    For each record two shadow models are left out of every comparison, one that saw it and one that did not, so that
    how many models saw the record says nothing about the model that plays the target.

    shadows: models.  rounds: of boosting.
    """

    shadows: int = 16
    rounds: int = 100

    card: ClassVar[Card] = Card(
        name="learned_ratio",
        title="Learned likelihood ratio",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="divulge2026",
        equations="the features of LiRA, RMIA and BaVarIA; the ratio is learned, see docs/membership.md",
        summary="learns on its own models, whose members it knows, which comparison gives members away",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE})),
        models=2,
        strength=1.0,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record.  Ties are broken by RMIA's ratio."""
        candidates = view.candidates
        shadows = view.shadows(self.shadows)
        pool = pool_of(
            shadows.signals(candidates, logit_scaled),
            shadows.signals(candidates, of_class),
            shadows.trained_on(candidates),
        )
        answer = view.target.log_scores(candidates)
        logit, likelihood = pool.bounded(logit_scaled(answer, candidates.y)), of_class(answer, candidates.y)
        simple = likelihood - log_mean_exp(pool.likelihood, np.ones(pool.seen.shape, dtype=bool))
        if len(pool.seen) < FEWEST:
            return MembershipGuess(simple)
        learner = self._learn(pool, view.rng)
        ratio = np.zeros(len(candidates))
        for model in pool.one_of_each_pair(view.rng)[:REPEATS]:
            left_in, left_out, _ = pool.leave_out(model, view.rng)
            ratio += learner.predict(pool.compare(logit, likelihood, left_in, left_out))
        return MembershipGuess(ratio, tie_break=simple)

    def _learn(self, pool: Pool, rng: Generator) -> Boosted:
        models, records = pool.seen.shape
        share = min(1.0, MOST_EXAMPLES / (models * records))
        examples, truth = [], []
        for model in range(models):
            chosen = np.flatnonzero(rng.random(records) < share) if share < 1 else np.arange(records)
            part = pool.of(chosen)
            left_in, left_out, usable = part.leave_out(model, rng)
            features = part.compare(part.logit[model], part.likelihood[model], left_in, left_out)
            examples.append(features[usable])
            truth.append(part.seen[model][usable])
        learner = Boosted(
            max_iter=self.rounds,
            learning_rate=0.1,
            max_leaf_nodes=15,
            min_samples_leaf=100,
            l2_regularization=5.0,
            random_state=int(rng.integers(2**31)),
        )
        return learner.fit(np.concatenate(examples), np.concatenate(truth))


@dataclass(frozen=True, eq=False)
class Pool:
    """Signals of all shadow models, [models, records] each, which model saw which record, and sums over the models."""

    logit: Array
    likelihood: Array
    seen: Array
    inside: Sums
    outside: Sums
    high: Marginal
    low: Marginal
    bounds: tuple[float, float]

    def bounded(self, logit: Array) -> Array:
        """A signal within the bounds of the pool's."""
        return np.clip(logit, *self.bounds)

    def of(self, records: Array) -> Pool:
        """The pool for some of the records."""
        return Pool(
            self.logit[:, records],
            self.likelihood[:, records],
            self.seen[:, records],
            self.inside.of(records),
            self.outside.of(records),
            self.high.of(records),
            self.low.of(records),
            self.bounds,
        )

    def leave_out(self, model: int, rng: Generator) -> tuple[Array, Array, Array]:
        """For each record a model that saw it and one that did not, one of them `model`; and whether there are two.

        In a paired design the other is the model's pair, so that what is left is a paired design again.
        """
        saw = self.seen[model]
        pair = model ^ 1
        if pair < len(self.seen) and (self.seen[pair] != saw).all():
            other = np.full(len(saw), pair)
        else:
            lots = np.where(self.seen != saw, rng.random(self.seen.shape), -1.0)
            other = np.where((self.seen != saw).any(axis=0), lots.argmax(axis=0), -1)
        return np.where(saw, model, other), np.where(saw, other, model), other >= 0

    def one_of_each_pair(self, rng: Generator) -> list[int]:
        """Models in random order, one of each pair of a paired design."""
        return [int(2 * pair) for pair in rng.permutation(len(self.seen) // 2)]

    def compare(self, logit: Array, likelihood: Array, left_in: Array, left_out: Array) -> Array:
        """Features [records, features] of a model that answers with these signals.

        left_in, left_out: for each record the models not to compare with, one that saw it and one that did not.
        """
        records = np.arange(self.seen.shape[1])
        inside = self.inside.without(self.logit[left_in, records])
        outside = self.outside.without(self.logit[left_out, records])
        high = self.high.without(self.likelihood[left_in, records])
        low = self.low.without(self.likelihood[left_out, records])
        both = np.logaddexp(np.nan_to_num(low, nan=-700.0), np.nan_to_num(high, nan=-700.0)) - np.log(2)
        features = np.column_stack(
            [
                *(logit, likelihood, inside.mean, outside.mean, _spread(inside), _spread(outside)),
                *(logit - inside.mean, logit - outside.mean),
                *(likelihood - both, likelihood - low, likelihood - high),
                *_ratios(logit, inside, outside),
            ]
        )
        return np.round(features, 6)  # a sum less one term differs in its last bits from the sum of the rest: a tell


def pool_of(logit: Array, likelihood: Array, seen: Array) -> Pool:
    """A pool with its sums.  Scores of exactly 0 or 1 say that a logit is large, not how large: they count as one more
    than the largest that was seen.
    """
    seen_logits = logit[np.abs(logit) < -LOG_FLOOR - 1]
    least, most = (seen_logits.min() - 1, seen_logits.max() + 1) if seen_logits.size else (-1.0, 1.0)
    logit = np.clip(logit, least, most)
    return Pool(
        logit,
        likelihood,
        seen,
        sums(logit, seen),
        sums(logit, ~seen),
        marginal(likelihood, seen),
        marginal(likelihood, ~seen),
        (float(least), float(most)),
    )


def _ratios(logit: Array, inside: Sums, outside: Sums) -> list[Array]:
    """BaVarIA's ratio, and how many deviations the signal lies from either mean."""
    wide = 0.25 * float(np.nanmean((inside.mean - outside.mean) ** 2)) + 1e-6
    ratio = np.clip(log_ratio(logit, inside, outside, 4.0, 1.0), -50, 50)
    scaled = [
        (logit - of.mean) / np.sqrt((of.deviations + 2 * of.pooled_variance(wide)) / (of.n + 2))
        for of in (inside, outside)
    ]
    return [ratio, *scaled]


def _spread(of: Sums) -> Array:
    return np.sqrt(of.deviations / np.maximum(of.n, 1))
