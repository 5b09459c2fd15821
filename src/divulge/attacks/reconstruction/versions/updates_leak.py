"""The records that a service's model was updated with, from its answers before and after (Salem et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.gradients.last_layer_gradients import rounded
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.reconstruction import SampleGuess, UpdatedView

FLOOR = float(np.log(1e-7))

MOST_PUBLIC = 2_000
"""Records that the autoencoder learns from."""


@dataclass(frozen=True)
class UpdatesLeak:
    """Models of the adversary's own are updated with records of its own; networks learn on them to tell from the change
    of answers to the same probes which classes the new records have, and what they look like (Salem et al. 2020,
    sections 3 to 5).  The way back to records begins with the decoder of an autoencoder of public records.  For several
    records each true one is compared with the nearest guess (the best match loss of section 5.2), without their
    adversarial part.

    shadows: models to rehearse on, since what is learned on one alone carries over less well.  rehearsals: updates to
    learn from.  probes: records that every version is asked about.  width, epochs: of networks.
    """

    shadows: int = 4
    rehearsals: int = 1_500
    probes: int = 100
    width: int = 256
    epochs: int = 40

    card: ClassVar[Card] = Card(
        name="updates_leak",
        title="Answers before and after an update",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.UPDATED,
        paper="salem2020",
        equations="sections 3 to 5",
        differs="without the adversarial part of the loss",
        summary="learns on updates of its own what a change of answers says of the new records",
        needs=Needs(Access.SCORES_OVER_TIME, frozenset({Knowledge.POPULATION, Knowledge.RECIPE})),
        models=2,
        seconds=30.0,
    )

    def run(self, view: UpdatedView) -> SampleGuess:
        """Cost: `probes` queries of every version.  Raises Impossible for text and for few public records."""
        if not np.issubdtype(view.population.x.dtype, np.number) or not view.schema.classes:
            raise Impossible("it rebuilds records that are numbers, of a classifier")
        from divulge.attacks.reconstruction.versions.change_decoder import ChangeDecoder

        population, rng = view.population, view.rng
        order = rng.permutation(len(population))
        probes = population.take(order[: self.probes])
        before = view.target.log_scores(probes)
        changes = np.stack([_change(before, version.log_scores(probes)) for version in view.updated])
        batches, learned = self._rehearsed(view, probes)
        classes = len(view.schema.classes)
        width = np.where(view.high > view.low, view.high - view.low, 1.0)

        def shares(x: Array) -> Array:
            return np.clip((x - view.low) / width, 0, 1).reshape(len(x), -1)

        wanted = np.stack([shares(batch.x) for batch in batches])
        counts = np.stack([np.bincount(batch.y, minlength=classes) for batch in batches])
        decoder = ChangeDecoder(self.width, self.epochs, int(rng.integers(2**31)))
        rebuilt, note = decoder.learn(
            shares(population.x[order[:MOST_PUBLIC]]), learned, wanted, counts / view.batch
        ).tell(changes)
        records = view.low + rebuilt.reshape(*rebuilt.shape[:2], *view.shape) * width
        codes = [np.repeat(np.arange(classes), rounded(part * view.batch, view.batch)) for part in note]
        return SampleGuess(tuple(records), tuple(codes))

    def _rehearsed(self, view: UpdatedView, probes: Records) -> tuple[list[Records], Array]:
        """Updates of models of one's own with records that they did not learn from, and how answers changed."""
        own, batches, changes = view.shadows(self.shadows), [], []
        others = [own.records.take(~row) for row in own.keep]
        before = [own.oracle(model).log_scores(probes) for model in range(len(own))]
        for number in range(self.rehearsals):
            model = number % len(own)
            batches.append(others[model].take(view.rng.choice(len(others[model]), view.batch, replace=False)))
            after = own.updated(model, batches[-1], view.how).log_scores(probes)
            changes.append(_change(before[model], after))
        return batches, np.stack(changes)


def _change(before: Array, after: Array) -> Array:
    """Of log-scores: its direction, and the logarithm of its length, since a record that the model is sure of moves it
    a thousand times less than one that it has wrong: [probes * classes + 1].
    """
    moved = (np.maximum(after, FLOOR) - np.maximum(before, FLOOR)).ravel()
    length = max(float(np.linalg.norm(moved)), 1e-12)
    return np.append(moved / length, np.log(length))
