"""The population attack (Ye et al. 2022, attack P)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.signals import logit_scaled
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView

FEWEST = 20
"""A class with fewer population records is compared with all of them."""


@dataclass(frozen=True)
class AttackP:
    """The share of population records of the same class on which the model's loss is larger (Ye et al. 2022, section
    4.2): one minus it is the p-value of a record that was not trained on.
    """

    card: ClassVar[Card] = Card(
        name="attack_p",
        title="Population quantile (attack P)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="ye2022",
        equations="section 4.2, attack P",
        summary="compares the loss with the losses of strangers of the same class",
        needs=Needs(Access.SCORES, frozenset({Knowledge.POPULATION})),
        queries_per_record=2.0,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record and one for each population record.  Equal shares are ordered by the loss."""
        candidates, population = view.candidates, view.population
        signal = logit_scaled(view.target.log_scores(candidates), candidates.y)
        known = logit_scaled(view.target.log_scores(population), population.y)
        share = np.searchsorted(np.sort(known), signal) / len(known)
        for label in np.unique(candidates.y):
            same = np.sort(known[population.y == label])
            if len(same) >= FEWEST:
                mine = candidates.y == label
                share[mine] = np.searchsorted(same, signal[mine]) / len(same)
        return MembershipGuess(share, tie_break=signal)
