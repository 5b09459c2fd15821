"""Semi-supervised extraction (Jagielski et al. 2020, section 3.4): few answers, many records without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.extraction.learning import STAGES, stages, taught_in_stages
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.extraction import ExtractionGuess, ExtractionScene, Student
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs


@dataclass(frozen=True)
class SemiSupervised:
    """A knock-off whose student also learns from the rest of the population, which is not sent, by MixMatch: its own
    guesses for it, averaged over two disturbed copies, sharpened, and mixed with what was answered.
    """

    queries: tuple[int, ...] = STAGES[:-2]
    answers: str = "best"

    card: ClassVar[Card] = Card(
        name="semi_supervised",
        title="MixMatch",
        family=Family.EXTRACTION,
        asset=Asset.FUNCTIONALITY,
        paper="jagielski2020",
        equations="section 3.4; Berthelot et al. 2019, algorithm 1",
        summary="teaches a copy with few answers and many records that were not sent",
        needs=Needs(Access.LABEL, frozenset({Knowledge.POPULATION})),
        uses=Access.SCORES,
        default=False,
    )

    def run(self, scene: ExtractionScene) -> ExtractionGuess:
        """See Attack."""
        if "network" not in scene.students.kinds:
            raise Impossible("MixMatch teaches networks, which needs PyTorch: pip install 'divulge[torch]'")
        population = scene.population
        stops = stages(scene, tuple(self.queries), len(population))
        sent = population.take(scene.rng.permutation(len(population))[: stops[-1]])

        def teach(part: Records, said: Array, seed: int) -> Student:
            return scene.students.teach("network", part, said, seed, unlabelled=population)

        return taught_in_stages(scene, sent, stops, teach, "network", self.answers)
