"""Votes of windows against a reference (Chen et al. 2026, WBC)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.membership.language.gains import gains, needing_reference
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.language.token_scores import TokenScores
from divulge.core.threat import Asset, Family
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class WindowVotes:
    """The share of windows in which the target expects the text more than the reference does, as the mean over window
    sizes (Chen et al. 2026, WBC).  A vote has no size, so that a few tokens of large gain, which any fine-tune brings,
    do not decide.

    smallest, largest, sizes: of the windows, in tokens, geometrically spaced as the paper's, though these numbers are
    chosen here; longer ones than a text become the text.
    """

    smallest: int = 2
    largest: int = 40
    sizes: int = 10

    card: ClassVar[Card] = Card(
        name="window_votes",
        title="Votes of windows",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="chen2026",
        equations="WBC: signs of windowed differences, averaged over geometrically spaced window sizes",
        summary="counts the windows of a text that the model expects more than the one it was trained on from does",
        needs=needing_reference(),
        strength=0.85,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: one query a text.  Equal shares are ordered by the mean gain."""
        own, gain = gains(view)
        return MembershipGuess(self.votes(own, gain), tie_break=own.mean_of(gain))

    def votes(self, own: TokenScores, gain: Array) -> Array:
        """Shares of windows whose gain is above 0: [texts] from [tokens]."""
        return np.array([votes_of(part, self.windows()) for part in own.by_text(gain)])

    def windows(self) -> list[int]:
        """The window sizes, rising."""
        return sorted({int(size) for size in np.rint(np.geomspace(self.smallest, self.largest, self.sizes))})


def votes_of(gain: Array, windows: list[int]) -> float:
    """The share of windows whose gain is above 0, averaged over window sizes.  gain: of one text, [tokens]."""
    total = np.concatenate([[0.0], np.cumsum(gain)])
    sizes = [min(size, len(gain)) for size in windows]  # of a short text the whole votes once for every longer window
    return float(np.mean([np.mean(total[size:] - total[:-size] > 0) for size in sizes]))
