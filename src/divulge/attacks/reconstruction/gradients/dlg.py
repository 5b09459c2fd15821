"""Deep leakage from gradients: inputs whose gradient is the one that was sent (Zhu et al. 2019, Zhao et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Needs
from divulge.core.views.reconstruction import SampleGuess, UpdateView

MOST_TOGETHER = 8
"""Records of a batch that can be told apart by the gradient's least squares alone."""


def numbers_only(view: UpdateView, *, several_steps: bool = False) -> None:
    """Raises Impossible for what gradient matching is not made for."""
    if view.tokens:
        raise Impossible("inputs are token ids, which cannot be moved along a gradient: see dager")
    if not view.updates:
        raise Impossible("there is no update to look at")
    if view.updates[0].several and not several_steps:
        raise Impossible("the update is of several local steps: see fedavg_inversion")


def matched(view: UpdateView, codes: Array | None, restarts: int, steps: int) -> SampleGuess:
    """Records whose gradients fit best; their classes too where no codes are given."""
    from divulge.attacks.reconstruction.gradients.gradient_matching import Matcher, Prior, by_lbfgs

    if view.updates[0].batch > MOST_TOGETHER:
        raise Impossible(f"it matches gradients of {MOST_TOGETHER} records at most: see inverting_gradients")
    seed = int(view.rng.integers(2**31))
    matcher = Matcher(view, view.updates, codes, Prior(), cosine=False, seed=seed, double=True)
    records, found = matcher.best(*by_lbfgs(matcher, restarts, steps))
    classes = found if codes is None else codes
    return SampleGuess(tuple(records), tuple(np.asarray(classes)))


@dataclass(frozen=True)
class Dlg:
    """Records and soft classes at once, by L-BFGS on the squared distance of gradients (Zhu et al. 2019, algorithm 1).

    restarts: from other random records; the one that fits best is taken.  steps: of L-BFGS.
    """

    restarts: int = 2
    steps: int = 300

    card: ClassVar[Card] = Card(
        name="dlg",
        title="DLG",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATES,
        paper="zhu2019",
        equations="algorithm 1",
        summary="looks for records and classes whose gradient is the one that was sent",
        needs=Needs(Access.UPDATES),
        default=False,
    )

    def run(self, view: UpdateView) -> SampleGuess:
        """Cost: no query.  Raises Impossible for text, several local steps and batches of more than eight."""
        numbers_only(view)
        return matched(view, None, self.restarts, self.steps)
