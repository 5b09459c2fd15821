"""What gives a text away, learned on shadow fine-tunes in the place of the target.

Which comparison finds most, the mean over tokens, single tokens or the votes of windows, depends on how much a model
knows by heart.  The pool can tell: each shadow model in turn is the target, whose members are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.random import Generator

from divulge.attacks.membership.language.reference_blend import comparisons, rank_share
from divulge.attacks.membership.language.shadows.pools import TokenPool, needing_recipe, token_pool
from divulge.attacks.membership.language.shadows.token_lira import standardized_excess
from divulge.attacks.membership.language.window_votes import WindowVotes
from divulge.attacks.membership.shadows.bavaria import log_ratio
from divulge.attacks.membership.shadows.shadow_statistics import log_mean_exp, marginal, sums
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.language.token_scores import TokenScores
from divulge.core.threat import Asset, Family
from divulge.core.views.membership import MembershipGuess, MembershipView

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

FEWEST = 4
"""Shadow models below which none can be spared to play the target; see LearnedTextRatio."""

REPEATS = 8


@dataclass(frozen=True)
class LearnedTextRatio:
    """A logistic regression on what RMIA, BaVarIA, LiRA token by token and votes of windows make of a text, and, where
    there is a reference, on what is compared with that, trained on shadow models in the place of the target.  Features
    are standardised within a model, so that levels do not count.  Of fewer than four shadow models nothing is learned:
    it is the mean of a text's rank by bits gained over them, and of its rank by the comparisons with the reference.

    For each text two shadow models are left out of every comparison, one that saw it and one that did not, so that how
    many models saw a text says nothing about the model that plays the target.

    shadows: models.
    """

    shadows: int = 16

    card: ClassVar[Card] = Card(
        name="learned_text_ratio",
        title="Learned ratio on texts",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="divulge2026",
        equations="features of RMIA, BaVarIA, token LiRA and WBC; their weights are learned, see docs/language.md",
        summary="learns on fine-tunes of its own, whose texts it knows, which comparison gives members away",
        needs=needing_recipe(),
        models=2,
        strength=1.0,
        seconds=20.0,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text."""
        pool = token_pool(view, self.shadows, centered=True)
        gained = log_mean_exp(pool.signal, np.ones(pool.signal.shape, dtype=bool))
        simple = pool.scores.mean_of(pool.target - gained)
        base = _reference(view, pool)
        if len(pool.seen) < FEWEST:
            ranks = rank_share(simple)
            if base is not None:
                blend = [rank_share(part) for part in comparisons(pool.scores, pool.scores.logprob - base)]
                ranks = (ranks + np.mean(blend, axis=0)) / 2
            return MembershipGuess(ranks, tie_break=simple)
        compared = ComparedTexts(pool, base)
        learner = _learned(compared, view.rng)
        ratio = np.zeros(len(simple))
        for model in compared.players(view.rng)[:REPEATS]:
            left_in, left_out, _ = compared.leave_out(model, view.rng)
            ratio += learner.decision_function(compared.features(pool.target, pool.scores, left_in, left_out))
        return MembershipGuess(ratio, tie_break=simple)


def _reference(view: MembershipView, pool: TokenPool) -> Array | None:
    """Log p of each token under the reference, [tokens]; None where there is none with the same tokens."""
    oracle = view.any_reference
    scores = oracle.token_logprobs(view.candidates) if oracle is not None else None
    return scores.logprob if scores is not None and pool.scores.same_tokens(scores) else None


class ComparedTexts:
    """A pool with its sums over models, from which one model of each kind can be taken out again.

    base: log p of each token under the reference, [tokens]; None where there is none.
    """

    def __init__(self, pool: TokenPool, base: Array | None = None) -> None:
        self.pool, self._base = pool, base
        self._outside = sums(pool.signal, pool.of_tokens(~pool.seen))
        self._mean = np.stack([pool.scores.mean_of(row) for row in pool.signal])
        self._texts = sums(self._mean, pool.seen), sums(self._mean, ~pool.seen)
        self._marginal = marginal(self._mean, pool.seen), marginal(self._mean, ~pool.seen)

    def players(self, rng: Generator) -> list[int]:
        """Models in random order, one of each pair of a paired design."""
        return [int(2 * pair) for pair in rng.permutation(len(self.pool.seen) // 2)]

    def leave_out(self, model: int, rng: Generator) -> tuple[Array, Array, Array]:
        """For each text a model that saw it and one that did not, one of them `model`; and whether there are two."""
        seen = self.pool.seen
        saw, pair = seen[model], model ^ 1
        if pair < len(seen) and (seen[pair] != saw).all():
            other = np.full(len(saw), pair)
        else:
            lots = np.where(seen != saw, rng.random(seen.shape), -1.0)
            other = np.where((seen != saw).any(axis=0), lots.argmax(axis=0), -1)
        return np.where(saw, model, other), np.where(saw, other, model), other >= 0

    def features(self, target: Array, answer: TokenScores, left_in: Array, left_out: Array) -> Array:
        """[texts, features] of a model that says `target` [tokens], without the models left out of each text."""
        pool, texts = self.pool, np.arange(len(left_in))
        scores, mean = pool.scores, pool.scores.mean_of(target)
        tokens = np.arange(len(target))
        outside = self._outside.without(pool.signal[pool.of_tokens(left_out), tokens])
        inside_of, outside_of = (
            of.without(self._mean[left, texts]) for of, left in zip(self._texts, (left_in, left_out), strict=True)
        )
        high, low = (
            of.without(self._mean[left, texts]) for of, left in zip(self._marginal, (left_in, left_out), strict=True)
        )
        excess = np.nan_to_num(standardized_excess(target, outside))
        gain = np.nan_to_num(target - outside.mean)
        votes = WindowVotes().votes(scores, gain)
        both = np.logaddexp(np.nan_to_num(low, nan=-700.0), np.nan_to_num(high, nan=-700.0))
        ratio = np.clip(log_ratio(mean, inside_of, outside_of, 4.0, 1.0), -50, 50)
        columns = [mean - both, mean - low, ratio, scores.sum_of(excess) / np.sqrt(scores.counts), votes]
        columns.append(scores.mean_of(np.clip(excess, -3.0, 3.0)))
        if self._base is not None:
            columns += [rank_share(part) for part in comparisons(answer, answer.logprob - self._base)]
        table = np.nan_to_num(np.column_stack(columns))
        return np.asarray((table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-12))


def _learned(compared: ComparedTexts, rng: Generator) -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression

    examples, truth = [], []
    for model in range(len(compared.pool.seen)):
        left_in, left_out, usable = compared.leave_out(model, rng)
        pool = compared.pool
        features = compared.features(pool.signal[model], pool.others[model], left_in, left_out)
        examples.append(features[usable])
        truth.append(compared.pool.seen[model][usable])
    return LogisticRegression(C=0.1, max_iter=500).fit(np.concatenate(examples), np.concatenate(truth))
