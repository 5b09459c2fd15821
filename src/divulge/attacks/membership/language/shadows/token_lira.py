"""LiRA token by token, since what is known by heart sits in a few tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.language.shadows.pools import needing_recipe, token_pool
from divulge.attacks.membership.shadows.shadow_statistics import Sums, sums
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Asset, Family
from divulge.core.views.membership import MembershipGuess, MembershipView

PRIOR_MODELS = 4.0
"""How many models the variance that all tokens share counts as, beside a token's own."""


@dataclass(frozen=True)
class TokenLira:
    """By how many deviations each token's log-probability exceeds that under models which did not see the text, summed
    over the text and divided by the square root of its tokens.

    LiRA's offline test (Carlini et al. 2022), token by token, as though tokens were independent.

    shadows: models.  centered: whether each model's mean over all candidates is subtracted first.
    """

    shadows: int = 16
    centered: bool = True

    card: ClassVar[Card] = Card(
        name="token_lira",
        title="LiRA, token by token",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="carlini2022",
        equations="section V, offline attack, for each token",
        differs="variances are shrunk towards the one of all tokens",
        summary="adds up, over tokens, how unlikely so high a probability is of a fine-tune that never saw the text",
        needs=needing_recipe(),
        models=2,
        strength=0.9,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text."""
        pool = token_pool(view, self.shadows, self.centered)
        excess = np.nan_to_num(standardized_excess(pool.target, sums(pool.signal, pool.of_tokens(~pool.seen))))
        return MembershipGuess(pool.scores.sum_of(excess) / np.sqrt(pool.scores.counts))


def standardized_excess(target: Array, outside: Sums) -> Array:
    """(log p - mean) / deviation for each token; NaN where no model did not see it.  Its variance is that over models,
    as if `PRIOR_MODELS` more had the variance of all tokens.
    """
    pooled = outside.pooled_variance(floor=1.0)
    freedom = PRIOR_MODELS + np.maximum(outside.n - 1, 0)
    return np.asarray((target - outside.mean) / np.sqrt((outside.deviations + PRIOR_MODELS * pooled) / freedom))
