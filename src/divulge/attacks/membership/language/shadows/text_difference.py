"""The likelihood of a text beside that under fine-tunes which never saw it (Watson et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.language.shadows.pools import mean_logprobs, needing_recipe
from divulge.attacks.membership.shadows.shadow_statistics import sums
from divulge.core.attack import Card
from divulge.core.threat import Asset, Family
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class TextDifference:
    """The mean log-probability less its mean over shadow models that did not see the text.

    shadows: models.  centered: whether each model's mean over all candidates is subtracted first.
    """

    shadows: int = 16
    centered: bool = True

    card: ClassVar[Card] = Card(
        name="text_difference",
        title="Difference to shadow fine-tunes",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="watson2022",
        equations="eq. 1, with the mean log-probability of tokens",
        summary="subtracts what fine-tunes expect of the text that never saw it",
        needs=needing_recipe(),
        models=2,
        strength=0.85,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text."""
        target, signal, seen = mean_logprobs(view, self.shadows, self.centered)
        return MembershipGuess(np.nan_to_num(target - sums(signal, ~seen).mean))
