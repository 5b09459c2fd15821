"""Copycat (Correia-Silva et al. 2018): a student of labels alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from divulge.attacks.extraction.learning import STAGES, kind_of, stages, taught_in_stages
from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.extraction import ExtractionGuess, ExtractionView


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

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack."""
        stops = stages(view, tuple(self.queries), len(view.population))
        kind = kind_of(view, self.student)
        sent = view.population.take(view.rng.permutation(len(view.population))[: stops[-1]])
        return taught_in_stages(view, sent, stops, partial(view.students.teach, kind), kind, "labels")
