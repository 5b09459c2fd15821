"""Poisoning that makes members stand out (Tramèr et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.shadows.shadow_statistics import logits_of, normal_log_density, sums
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.threat import Access, Asset, Behavior, Family, Knowledge, Needs, Phase
from divulge.core.views.membership import MembershipGuess, MembershipView, Poison, PoisonView

FEWEST_TARGETS = 20


@dataclass(frozen=True)
class TruthSerum:
    """Copies of a record with a wrong label, contributed before the training, turn it into an outlier of its class: a
    model that was trained on the record then answers very differently from one that was not, and LiRA with shadow
    models that were poisoned alike tells which (Tramèr et al. 2022, algorithm 1 and section 4.2, targeted attack).

    shadows: models, half of which saw each record.  copies: of each record aimed at, all with one wrong label.
    share: how much is contributed, relative to the training set; it decides how many records are aimed at.
    """

    shadows: int = 16
    copies: int = 4
    share: float = 0.1

    card: ClassVar[Card] = Card(
        name="truth_serum",
        title="Truth serum (poisoning)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="tramer2022",
        equations="algorithm 1, section 4.2",
        summary="contributes wrongly labelled copies of a record, so that having trained on it shows",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE}), Phase.TRAINING, Behavior.ACTIVE),
        models=2,
    )

    def poison(self, view: PoisonView) -> Poison:
        """Copies of some candidates under a label that is not theirs."""
        classes = len(view.candidates.schema.classes)
        number = min(int(self.share * view.size / self.copies), len(view.candidates))
        if number < FEWEST_TARGETS:
            raise Impossible(
                f"contributing {self.share:.0%} of the training set aims at {number} records in {self.copies} copies "
                f"each, and at least {FEWEST_TARGETS} are needed: raise `share`, or audit more records"
            )
        chosen = view.rng.permutation(len(view.candidates))[:number]
        about = np.zeros(len(view.candidates), dtype=bool)
        about[chosen] = True
        aimed = view.candidates.take(chosen)
        wrong = (aimed.y + view.rng.integers(1, classes, number)) % classes
        copies = aimed.take(np.repeat(np.arange(number), self.copies)).relabeled(np.repeat(wrong, self.copies))
        return Poison(copies, about)

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a record."""
        if view.poison is None:
            raise Impossible("nothing was contributed to the training data")
        target, signal, seen = logits_of(view, self.shadows)
        about = view.poison.about
        inside, outside = sums(signal[:, about], seen[:, about]), sums(signal[:, about], ~seen[:, about])
        ratio = np.zeros(len(target))
        above, below = (
            normal_log_density(target[about], of.mean, of.pooled_variance(float(signal.var())))
            for of in (inside, outside)
        )
        ratio[about] = np.where(np.isfinite(above - below), above - below, 0.0)
        return MembershipGuess(ratio, about=about)
