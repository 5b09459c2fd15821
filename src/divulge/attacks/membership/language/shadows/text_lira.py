"""The likelihood ratio attack on texts (Carlini et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.membership.language.shadows.pools import mean_logprobs, needing_recipe
from divulge.attacks.membership.shadows.lira import lira_ratio
from divulge.core.attack import Card
from divulge.core.threat import Asset, Family
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class TextLira:
    """Normal densities of the mean log-probability under models that saw the text and under those that did not
    (Carlini et al. 2022, algorithm 1), with one variance for all texts below 64 models.

    shadows: models.  centered: whether each model's mean over all candidates is subtracted first.
    """

    shadows: int = 16
    centered: bool = True

    card: ClassVar[Card] = Card(
        name="text_lira",
        title="LiRA on texts",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="carlini2022",
        equations="algorithm 1, eq. 6, with the mean log-probability of tokens",
        summary="asks whether the likelihood is more likely of a fine-tune that saw the text or of one that did not",
        needs=needing_recipe(),
        models=2,
        strength=0.85,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text."""
        return MembershipGuess(lira_ratio(*mean_logprobs(view, self.shadows, self.centered)))
