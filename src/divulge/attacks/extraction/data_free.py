"""Data-free model extraction (DFME; Truong et al. 2021): a generator learns what to ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.extraction.learning import ask, stages
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Family, Needs
from divulge.core.views.extraction import CopyStage, ExtractionGuess, ExtractionView

NOISE = 64
BATCH = 128
GENERATOR_STEPS = 1
STUDENT_STEPS = 5
DIRECTIONS = 1
SMOOTHING = 1e-3
UNSURE = 0.1


@dataclass(frozen=True)
class DataFree:
    """A generator makes inputs on which copy and target differ, and the copy learns to agree there; the generator's
    gradient through the target is estimated from forward differences in random directions (Truong et al. 2021, section
    3.3).  The loss is the l1 distance of centred log-scores, as there (section 3.2).  It needs no record at all, and
    many queries: their published figures take millions.  A label alone is taken for a score of nearly one, and shows
    the generator no slope.
    """

    queries: tuple[int, ...] = (1_000, 10_000, 50_000)
    answers: str = "best"

    card: ClassVar[Card] = Card(
        name="data_free",
        title="Data-free extraction",
        family=Family.EXTRACTION,
        asset=Asset.FUNCTIONALITY,
        paper="truong2021",
        equations="section 3, algorithm 1",
        summary="teaches a copy with inputs of a generator that learns where the two differ",
        needs=Needs(Access.LABEL),
        uses=Access.SCORES,
        default=False,
        seconds=60.0,
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack."""
        view.numeric()
        if "network" not in view.students.kinds:
            raise Impossible('it trains networks, which needs PyTorch: pip install "divulge[torch]"')
        from divulge.attacks.extraction.generator import DataFreeTraining

        stops = stages(view, tuple(self.queries))

        def told(x: Array) -> Array:
            answered = ask(view, view.records(x), self.answers)
            sure = np.full((len(answered), view.classes), UNSURE / view.classes)
            return (
                answered
                if answered.ndim == 2
                else np.log(sure + (1 - UNSURE) * np.eye(view.classes)[answered.astype(int)])
            )

        training = DataFreeTraining(view, told, NOISE, BATCH)
        copies: list[CopyStage] = []
        for stop in stops:
            cost = BATCH * (STUDENT_STEPS + GENERATOR_STEPS * (1 + DIRECTIONS))
            while view.target.queries + cost <= stop:
                progress = view.target.queries / stops[-1]
                training.round(GENERATOR_STEPS, STUDENT_STEPS, DIRECTIONS, SMOOTHING, progress)
            copies.append(CopyStage(view.target.queries, training.copy()))
        return ExtractionGuess(copies[-1].surrogate, stages=tuple(copies), student="network")
