"""Bayesian variance inference on texts (Brännvall 2026)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.language.shadows.pools import mean_logprobs, needing_recipe
from divulge.attacks.membership.shadows.bavaria import log_ratio
from divulge.attacks.membership.shadows.shadow_statistics import sums
from divulge.core.attack import Card
from divulge.core.threat import Asset, Family
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class TextBavaria:
    """LiRA's ratio with a normal-inverse-gamma prior for each mean and variance (Brännvall 2026).

    shadows: models.  strength, pull: how many models the priors of variance and mean count as.  centered: whether each
    model's mean over all candidates is subtracted first.
    """

    shadows: int = 16
    strength: float = 4.0
    pull: float = 1.0
    centered: bool = True

    card: ClassVar[Card] = Card(
        name="text_bavaria",
        title="BaVarIA on texts",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="brannvall2026",
        equations="BaVarIA-t, with the mean log-probability of tokens",
        summary="as LiRA on texts, but admits that a mean and a variance of few fine-tunes are uncertain",
        needs=needing_recipe(),
        models=2,
        strength=0.85,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text."""
        target, signal, seen = mean_logprobs(view, self.shadows, self.centered)
        ratio = log_ratio(target, sums(signal, seen), sums(signal, ~seen), self.strength, self.pull)
        return MembershipGuess(np.where(np.isfinite(ratio), ratio, 0.0))
