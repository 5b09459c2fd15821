"""Shadow fine-tunes compared by the mean log-probability of a text's tokens, as classifiers are by their confidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.language.pools import mean_logprobs, needing_recipe
from divulge.attacks.membership.shadows.bavaria import log_ratio
from divulge.attacks.membership.shadows.lira import lira_ratio
from divulge.attacks.membership.shadows.shadow_statistics import log_mean_exp, sums
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
