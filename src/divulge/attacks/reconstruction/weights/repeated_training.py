"""The one unknown record of a network's training set, from the weights (Balle et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array, derived_rng
from divulge.core.records import Records
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.reconstruction import RepeatedView, SampleGuess

SKETCH = 4_096
"""Numbers that a network's weights are summed up to where there are more."""


@dataclass(frozen=True)
class RepeatedTraining:
    """Repeat the training with records of one's own in the place of the unknown one, and let a network learn the way
    from weights back to the record (Balle et al. 2022, section 4: shadow models, then a reconstructor network).

    Records of one's own are those of the population and, where they are numbers throughout, mixtures of two of a class;
    large networks are summed up by random sums of their weights: both are additions to the paper.

    trainings: with records of the adversary's own.  width, epochs: of the reconstructor, which has one hidden layer.
    seed_known: whether the adversary repeats the very training, first weights and order of records included, as the
    paper's does.
    """

    trainings: int = 2_000
    width: int = 1_000
    epochs: int = 30
    seed_known: bool = True

    card: ClassVar[Card] = Card(
        name="repeated_training",
        title="Informed adversary who repeats the training",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.REPEATED,
        paper="balle2022",
        equations="section 4 (neural networks)",
        summary="trains with other records in the unknown one's place, and learns to read it off the weights",
        needs=Needs(
            Access.PARAMETERS,
            frozenset({Knowledge.TRAINING_DATA, Knowledge.RECIPE, Knowledge.POPULATION}),
        ),
        seconds=60.0,
    )

    def run(self, view: RepeatedView) -> SampleGuess:
        """Cost: no query.  Raises Impossible for text and for models without weights that can be read."""
        if not np.issubdtype(view.population.x.dtype, np.number) or not view.schema.classes:
            raise Impossible("it rebuilds records that are numbers, of a classifier")
        from divulge.attacks.reconstruction.decoder import decoded

        own = records_of_ones_own(view.population, self.trainings)
        trained = view.repeat(own, self.seed_known)
        rows = {number: summed_up(weights_of(model.parameters())) for number, model in trained}
        asked = np.stack([summed_up(weights_of(model.parameters())) for model in view.released])
        width = np.where(view.high > view.low, view.high - view.low, 1.0)
        shares = np.clip((own.x - view.low) / width, 0, 1).reshape(len(own), -1)
        classes = np.eye(len(view.schema.classes))[own.y]
        guessed = decoded(
            np.stack([rows[number] for number in range(len(own))]),
            np.concatenate([shares, classes], axis=1),
            asked,
            width=self.width,
            epochs=self.epochs,
            seed=int(view.rng.integers(2**31)),
        )
        rebuilt = view.low + guessed[:, : shares.shape[1]].reshape(len(guessed), *view.shape) * width
        codes = guessed[:, shares.shape[1] :].argmax(axis=1)
        return SampleGuess(tuple(rebuilt[:, None]), tuple(codes[:, None]))


def records_of_ones_own(population: Records, count: int) -> Records:
    """The population in an order of its own, then mixtures of two records of a class, where all columns are numbers.

    They depend on the population alone: who plays twice, for a control, is served by the models that are there.
    """
    rng = derived_rng(0, "records of one's own", population.fingerprint())
    order = rng.permutation(len(population))[:count]
    numbers = not any(column.whole for column in population.schema.columns)
    if len(order) == count or not numbers:
        return population.take(order)
    first = rng.integers(len(population), size=count - len(order))
    second = np.array([rng.choice(np.flatnonzero(population.y == population.y[row])) for row in first])
    share = rng.uniform(size=(len(first), *([1] * (population.x.ndim - 1))))
    mixed = share * population.x[first] + (1 - share) * population.x[second]
    x = np.concatenate([population.x[order], mixed.astype(population.x.dtype)])
    return Records(x, np.concatenate([population.y[order], population.y[first]]), population.schema).settled()


def weights_of(model: Any) -> Array:
    """All that was fitted, as one row."""
    if not hasattr(model, "state_dict"):
        raise Impossible("it reads networks of PyTorch")
    return np.concatenate([np.ravel(np.asarray(v.detach().cpu().double())) for v in model.state_dict().values()])


def summed_up(weights: Array) -> Array:
    """As they are, or `SKETCH` sums of them under random signs, the same for every model."""
    if len(weights) <= SKETCH:
        return weights
    rng = derived_rng(0, "sketch", str(len(weights)))
    places, signs = rng.integers(SKETCH, size=len(weights)), rng.choice((-1.0, 1.0), size=len(weights))
    return np.bincount(places, weights=weights * signs, minlength=SKETCH)
