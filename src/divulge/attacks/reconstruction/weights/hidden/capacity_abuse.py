"""Training records that a model was made to answer with, on inputs that nobody sends (Song et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.reconstruction.weights.hidden.decodings import RecordForm
from divulge.attacks.reconstruction.weights.hidden.likeness import Likeness
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Knowledge, Needs
from divulge.core.views.reconstruction import FileView, SampleGuess

CLASSES, LEVELS = 9, 15
"""Labels that are needed, and steps of an input, which two labels tell: the half of it, and the rest."""


def synthesized(number: int, width: int) -> Array:
    """Inputs that carry record `number`, two for each of its inputs: [2 width, width].  Zero but for two places: input
    i is number + 1, and the next one is 1 or 2, which of the two labels is asked for.
    """
    x = np.zeros((2 * width, width))
    places = np.repeat(np.arange(width), 2)
    x[np.arange(2 * width), places] = number + 1
    x[np.arange(2 * width), (places + 1) % width] = np.tile([1, 2], width)
    return x


@dataclass(frozen=True)
class CapacityAbuse:
    """Asks about the inputs that malicious training code would have added to the training data, with parts of records
    as their labels, until what the labels spell looks like no record any more (Song et al. 2017, section 5, and the
    authors' code for pictures).  From labels alone.

    most: records that are read.  patience: how many in a row may look like none.
    """

    most: int = 200
    patience: int = 3

    card: ClassVar[Card] = Card(
        name="capacity_abuse",
        title="Data behind the labels of made-up inputs",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.FILE,
        paper="song2017",
        equations="section 5",
        summary="asks about inputs that were added to the training data so that their labels spell records",
        needs=Needs(Access.LABEL, frozenset({Knowledge.POPULATION})),
        alters=True,
        default=False,
        strength=0.3,
        differs="only the inputs of the authors' code for pictures are asked about; others may have been used",
    )

    def run(self, view: FileView) -> SampleGuess:
        """Cost: twice as many queries as a record has inputs, for each record read.  Raises Impossible below nine
        classes.
        """
        if view.classes < CLASSES:
            raise Impossible(f"its inputs spell with {CLASSES} labels, and this model has {view.classes} classes")
        form = RecordForm(*(np.broadcast_to(edge, view.shape).ravel().astype(float) for edge in (view.low, view.high)))
        like = Likeness(view.population.flat().astype(np.float64), form)
        found: list[Array] = []
        missed = 0
        for number in range(self.most):
            sent = synthesized(number, form.width).reshape(-1, *view.shape)
            labels = np.asarray(view.target.labels(view.records(sent))).reshape(-1, 2)
            share = np.minimum(labels.sum(axis=1) / LEVELS, 1)
            row = form.low.min() + share * (form.high.max() - form.low.min())
            looks = bool(like.looks(row[None])[0]) and like.new(row, np.array(found).reshape(-1, form.width))
            missed = 0 if looks else missed + 1
            if looks:
                found.append(row.reshape(view.shape))
            if missed >= self.patience:
                break
        notes = (f"{len(found)} records were spelled",)
        return SampleGuess((np.stack(found),) if found else (), told=notes)
