"""Copycat (Correia-Silva et al. 2018): a student of labels alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from divulge.attacks.extraction.learning import STAGES, kind_of, stages, taught_in_stages
from divulge.core.attack import Card
from divulge.core.extraction import ExtractionGuess, ExtractionScene
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs


@dataclass(frozen=True)
class Copycat:
    """Population records are sent, and a student learns the labels that come back, whatever else the target shows.

    queries: at which a copy is made.  student: auto, network or trees.
    """

    queries: tuple[int, ...] = STAGES
    student: str = "auto"

    card: ClassVar[Card] = Card(
        name="copycat",
        title="Copycat",
        family=Family.EXTRACTION,
        asset=Asset.FUNCTIONALITY,
        paper="correiasilva2018",
        equations="section III",
        summary="teaches a copy with the target's labels of records of the population",
        needs=Needs(Access.LABEL, frozenset({Knowledge.POPULATION})),
        seconds=15.0,
    )

    def run(self, scene: ExtractionScene) -> ExtractionGuess:
        """See Attack."""
        stops = stages(scene, tuple(self.queries), len(scene.population))
        kind = kind_of(scene, self.student)
        sent = scene.population.take(scene.rng.permutation(len(scene.population))[: stops[-1]])
        return taught_in_stages(scene, sent, stops, partial(scene.students.teach, kind), kind, "labels")
