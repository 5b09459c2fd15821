"""The robust membership inference attack on texts (Zarifzadeh et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.language.shadows.pools import mean_logprobs, needing_recipe
from divulge.attacks.membership.shadows.shadow_statistics import log_mean_exp
from divulge.core.attack import Card
from divulge.core.threat import Asset, Family
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class TextRmia:
    """The share of other candidates that the text dominates: p(x|target)/p(x) > gamma p(z|target)/p(z), with p the
    likelihood a token and p(x) its mean over the shadow models (Zarifzadeh et al. 2024, eq. 2 and 3).

    shadows: models.  gamma: by how much x must dominate.  centered: whether each model's mean over all candidates is
    subtracted first.
    """

    shadows: int = 16
    gamma: float = 1.0
    centered: bool = True

    card: ClassVar[Card] = Card(
        name="text_rmia",
        title="RMIA on texts",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="zarifzadeh2024",
        equations="eq. 2 and 3, with the geometric mean of token probabilities",
        summary="compares how much this fine-tune prefers the text with how much it prefers other texts",
        needs=needing_recipe(),
        models=2,
        strength=0.9,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text.  Equal shares are ordered by the ratio itself."""
        target, signal, _ = mean_logprobs(view, self.shadows, self.centered)
        ratio = target - log_mean_exp(signal, np.ones(signal.shape, dtype=bool))
        dominated = np.searchsorted(np.sort(ratio), ratio - np.log(self.gamma), side="left")
        return MembershipGuess(dominated / len(ratio), tie_break=ratio)
