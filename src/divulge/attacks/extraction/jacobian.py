"""Jacobian-based augmentation (Papernot et al. 2017): from few records to many, along the copy's own gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.extraction.learning import STAGES, ask, stages
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.records import Records, concat
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.extraction import CopyStage, ExtractionGuess, ExtractionView, Student


@dataclass(frozen=True)
class Jacobian:
    """A seed of population records is sent; then each record that was sent is moved by `step` of the range along the
    sign of the copy's gradient for the answered class, which doubles the set, and so on until the last stage.

    seeds: records of the population.
    """

    queries: tuple[int, ...] = STAGES
    seeds: int = 100
    step: float = 0.1
    answers: str = "best"

    card: ClassVar[Card] = Card(
        name="jacobian",
        title="Jacobian augmentation",
        family=Family.EXTRACTION,
        asset=Asset.FUNCTIONALITY,
        paper="papernot2017",
        equations="section 4.2, algorithm 1",
        summary="teaches a copy from few records, moved along the copy's own gradient",
        needs=Needs(Access.LABEL, frozenset({Knowledge.POPULATION})),
        uses=Access.SCORES,
        default=False,
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack."""
        view.numeric()
        if "network" not in view.students.kinds:
            raise Impossible('it follows the gradient of a network, which needs PyTorch: pip install "divulge[torch]"')
        stops = stages(view, tuple(self.queries))
        first = min(self.seeds, stops[0], len(view.population))
        sent = view.population.take(view.rng.permutation(len(view.population))[:first])
        answered = ask(view, sent, self.answers)
        copies: list[CopyStage] = []
        while True:
            copy = view.students.teach("network", sent, answered, int(view.rng.integers(2**31)))
            if len(sent) in stops:
                copies.append(CopyStage(view.target.queries, copy))
            if len(sent) >= stops[-1]:
                return ExtractionGuess(copies[-1].surrogate, stages=tuple(copies), student="network")
            stop = next(s for s in stops if s > len(sent))
            rows = view.rng.permutation(len(sent))[: min(len(sent), stop - len(sent))]
            new = self._moved(view, copy, sent.take(rows), answered[rows])
            answered = np.concatenate([answered, ask(view, new, self.answers)])
            sent = concat([sent, new])

    def _moved(self, view: ExtractionView, copy: Student, records: Records, answered: Array) -> Records:
        """Each record a step along the sign of the gradient of the copy's output for the answered class."""
        label = answered.argmax(axis=1) if answered.ndim == 2 else answered.astype(np.int64)
        slope = input_gradient(copy, records, label)
        x = records.x + self.step * (view.high - view.low) * np.sign(slope)
        x = np.where(view.whole, np.round(x), x)
        return view.records(np.clip(x, view.low, view.high).astype(records.x.dtype))


def input_gradient(copy: Student, records: Records, label: Array) -> Array:
    """Of the copy's log-probability of a class [records] by the input, shaped like the inputs."""
    import torch

    inputs = records.flat().reshape(records.x.shape)
    x = torch.from_numpy(np.ascontiguousarray(inputs, dtype=np.float32)).requires_grad_(True)
    out = torch.log_softmax(copy.module(x), dim=1)
    (slope,) = torch.autograd.grad(out[torch.arange(len(x)), torch.from_numpy(label.astype(np.int64))].sum(), x)
    return np.asarray(slope.numpy())
