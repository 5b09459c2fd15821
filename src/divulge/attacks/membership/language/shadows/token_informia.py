"""Bits gained on each token (Tao and Shokri 2026)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.language.shadows.pools import needing_recipe, token_pool
from divulge.attacks.membership.shadows.shadow_statistics import log_mean_exp
from divulge.core.attack import Card
from divulge.core.threat import Asset, Family
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class TokenInformia:
    """Bits that the model has gained on each token, log2 p(token|model)/p(token) with p(token) the mean over the shadow
    models, averaged over the text, less the average over all candidates (Tao and Shokri 2026).

    The paper's second term compares whole distributions over the vocabulary; here other candidates stand in for it, as
    few models tell their distributions.

    shadows: models.
    """

    shadows: int = 16

    card: ClassVar[Card] = Card(
        name="token_informia",
        title="InfoRMIA, token by token",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="tao2026",
        equations="section 3, for each token",
        differs="the second term is over the candidates, not over the vocabulary",
        summary="counts the bits that the model has gained on each token of the text",
        needs=needing_recipe(),
        models=2,
        strength=0.9,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text."""
        pool = token_pool(view, self.shadows, centered=False)
        prior = log_mean_exp(pool.signal, np.ones(pool.signal.shape, dtype=bool))
        bits = pool.scores.mean_of(pool.target - prior) / np.log(2)
        return MembershipGuess(bits - bits.mean())
