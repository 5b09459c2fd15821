"""Label-only: how often is the prediction still right when the record is disturbed? (Choquette-Choo et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.records import CODED, Records
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView

LEVELS = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Strength of the noise, in standard deviations of each column; a category is drawn anew with this probability."""


@dataclass(frozen=True)
class LabelOnlyNoise:
    """The share of disturbed copies that are labelled rightly (Choquette-Choo et al. 2021, section 4.2, the variant
    with noise): members lie further from the decision boundary.

    copies: at each of five strengths of noise.
    """

    copies: int = 10

    card: ClassVar[Card] = Card(
        name="label_only_noise",
        title="Robustness to noise (label only)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="choquette2021",
        equations="section 4.2, random noise",
        summary="disturbs the record and counts how often its label is still predicted rightly",
        needs=Needs(Access.LABEL),
        queries_per_record=51.0,
        alters=True,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: 1 + 5 copies queries a record."""
        candidates = view.candidates
        right = [view.target.labels(candidates) == candidates.y]
        for level in LEVELS:
            for _ in range(self.copies):
                right.append(view.target.labels(disturbed(candidates, level, view.rng)) == candidates.y)
        return MembershipGuess(np.mean(right, axis=0))


def disturbed(records: Records, level: float, rng: Generator) -> Records:
    """Copies with Gaussian noise in numeric columns and images, and categories drawn anew from their column."""
    x = records.x.astype(np.float64)
    spread = np.nanstd(x, axis=0) if not records.schema.is_image else np.full(x.shape[1:], x.std())
    noisy = x + level * spread * rng.normal(size=x.shape)
    if records.schema.is_image:
        noisy = np.clip(noisy, x.min(), x.max())
    for place, column in enumerate(records.schema.columns):
        if column.kind in CODED:
            noisy[:, place] = _drawn_anew(x[:, place], level, rng)
    return Records(noisy.astype(records.x.dtype), records.y, records.schema).settled()


def _drawn_anew(codes: Array, level: float, rng: Generator) -> Array:
    return np.where(rng.random(len(codes)) < level, rng.permutation(codes), codes)
