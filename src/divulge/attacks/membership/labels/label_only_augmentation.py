"""Label-only: is the prediction still right when the image is moved or mirrored? (Choquette-Choo et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.images import axes_of, mirrored, shifted
from divulge.core.records import Records
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView


@dataclass(frozen=True)
class LabelOnlyAugmentation:
    """The share of moved and mirrored copies that are labelled rightly (Choquette-Choo et al. 2021, section 4.1,
    translations): a model knows the images it was trained on in more positions.

    reach: pixels by which an image is moved at most, in either direction; all moves up to it are asked about.
    """

    reach: int = 2

    card: ClassVar[Card] = Card(
        name="label_only_augmentation",
        title="Robustness to moving (label only)",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="choquette2021",
        equations="section 4.1, data augmentation",
        summary="moves and mirrors the image and counts how often its label is still predicted rightly",
        needs=Needs(Access.LABEL),
        queries_per_record=26.0,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: 1 + (2 reach + 1)^2 queries a record.  Impossible where records are no images."""
        records = view.candidates
        if axes_of(records.x.shape) is None:
            raise Impossible("the records are no images, so there are no mirrored and moved copies to ask about")
        span = range(-self.reach, self.reach + 1)
        copies = [np.ascontiguousarray(mirrored(records.x))]
        copies += [shifted(records.x, down, right) for down in span for right in span]
        asked = (Records(x, records.y, records.schema) for x in copies)
        right = [view.target.labels(each) == each.y for each in asked]
        return MembershipGuess(np.mean(right, axis=0))
