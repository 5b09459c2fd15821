"""The likelihood ratio attack with several queries a record (Carlini et al. 2022, section VI-B)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.images import axes_of, mirrored, shifted
from divulge.core.records import Records
from divulge.core.signals import logit_scaled
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.membership import MembershipGuess, MembershipView

MOVES = ((1, 0), (-1, 0), (0, 1), (0, -1))
RIDGE = 1e-3


@dataclass(frozen=True)
class LiraAugmented:
    """LiRA on the confidences of an image, its mirror image and four copies moved by a pixel, with a normal density of
    as many dimensions (Carlini et al. 2022, section VI-B).  One covariance for all records, since few models cannot
    carry one a record.

    shadows: models.  mirror: whether to ask about the mirror image, as models trained with mirroring deserve.
    """

    shadows: int = 16
    mirror: bool = True

    card: ClassVar[Card] = Card(
        name="lira_augmented",
        title="LiRA, several queries an image",
        family=Family.MEMBERSHIP,
        asset=Asset.MEMBERSHIP,
        paper="carlini2022",
        equations="section VI-B: augmented queries, multivariate normal",
        summary="as LiRA, but asks about copies of the image that are mirrored and moved as well",
        needs=Needs(Access.SCORES, frozenset({Knowledge.RECIPE})),
        queries_per_record=6.0,
        models=4,
    )

    def run(self, view: MembershipView) -> MembershipGuess:
        """Cost: six queries a record.  Impossible where records are no images."""
        if axes_of(view.candidates.x.shape) is None:
            raise Impossible("the records are no images, so there are no mirrored and moved copies to ask about")
        shadows = view.shadows(self.shadows)
        seen = shadows.trained_on(view.candidates)
        target, signal = [], []
        for copies in self._copies(view.candidates):
            target.append(logit_scaled(view.target.log_scores(copies), copies.y))
            signal.append(shadows.signals(copies, logit_scaled))
        asked, known = np.stack(target, axis=-1), np.stack(signal, axis=-1)
        ratio = _log_density(asked, known, seen) - _log_density(asked, known, ~seen)
        return MembershipGuess(np.where(np.isfinite(ratio), ratio, 0.0))

    def _copies(self, records: Records) -> Iterator[Records]:
        yield records
        if self.mirror:
            yield Records(np.ascontiguousarray(mirrored(records.x)), records.y, records.schema)
        for down, right in MOVES:
            yield Records(shifted(records.x, down, right), records.y, records.schema)


def _log_density(asked: Array, known: Array, of: Array) -> Array:
    """Log of the normal density at `asked` [records, queries] with the means of `known` [models, records, queries] over
    the models where `of` [models, records] is True, and their pooled covariance; up to a constant: [records].
    """
    count = of.sum(axis=0)
    mean = np.where(of[..., None], known, 0.0).sum(axis=0) / np.maximum(count, 1)[:, None]
    apart = (known - mean)[of & (count > 1)]
    freedom = max(int(np.maximum(count - 1, 0).sum()), 1)
    covariance = apart.T @ apart / freedom
    covariance += RIDGE * np.eye(len(covariance)) * max(float(np.trace(covariance)) / len(covariance), 1e-9)
    off = asked - mean
    squares = (off * np.linalg.solve(covariance, off.T).T).sum(axis=1)
    return np.where(count > 0, -0.5 * (squares + np.linalg.slogdet(covariance)[1]), np.nan)
