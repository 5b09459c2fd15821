"""The record that is in one version of a model and not in the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.linear_models import BOTH, linear_model
from divulge.attacks.reconstruction.versions.unlearned_batch import batch_behind
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.target import Oracle
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.reconstruction import SampleGuess, VersionView


@dataclass(frozen=True)
class DeletedRecord:
    """Deleting a record moves the weights of a linear model by the inverse Hessian times the record's slope; with the
    Hessian of public records the slope is had back, and with it the record (Bertran et al. 2024, section 3; the setting
    of Salem et al. 2020).  Of a batch the slopes add up: records are sought whose slopes do, see unlearned_batch.
    """

    card: ClassVar[Card] = Card(
        name="deleted_record",
        title="Deleted record",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.VERSIONS,
        paper="bertran2024",
        equations="section 3",
        summary="takes the difference of two versions of a linear model for the record that one was trained without",
        needs=Needs(Access.VERSIONS, frozenset({Knowledge.POPULATION}), tasks=BOTH),
    )

    def run(self, view: VersionView) -> SampleGuess:
        """Cost: no query.  Raises Impossible for models that are not linear, and for batches behind one output."""
        return SampleGuess(tuple(self._records(view, *pair) for pair in view.versions))

    def _records(self, view: VersionView, with_it: Oracle, without: Oracle) -> Array:
        before, after = linear_model(with_it.parameters()), linear_model(without.parameters())
        moved = np.column_stack([before.weights - after.weights, before.bias - after.bias])
        rows = before.prepared(view.population.flat())
        slope = -before.curvature(rows, view.size) @ moved.ravel()
        slope = slope.reshape(moved.shape)
        found = before.record(slope)[None] if view.batch == 1 else batch_behind(before, slope, view.batch, rows)
        return np.clip(found.reshape(-1, *view.shape), view.low, view.high)
