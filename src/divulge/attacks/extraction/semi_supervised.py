"""Semi-supervised extraction (Jagielski et al. 2020, section 3.4): few answers, many records without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from divulge.attacks.extraction.learning import STAGES, stages, taught_in_stages
from divulge.core.attack import Card
from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.extraction import ExtractionGuess, ExtractionView, Student


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

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack."""
        if "network" not in view.students.kinds:
            raise Impossible('MixMatch teaches networks, which needs PyTorch: pip install "divulge[torch]"')
        population = view.population
        stops = stages(view, tuple(self.queries), len(population))
        sent = population.take(view.rng.permutation(len(population))[: stops[-1]])

        def teach(part: Records, said: Array, seed: int) -> Student:
            return view.students.teach("network", part, said, seed, unlabeled=population)

        return taught_in_stages(view, sent, stops, teach, "network", self.answers)
