"""Knock-offs (Orekondy et al. 2019): a student of the target's answers to records at hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from divulge.attacks.extraction.learning import REGULAR, STAGES, kind_of, stages, taught_in_stages
from divulge.core.attack import Card
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.extraction import ExtractionGuess, ExtractionView


@dataclass(frozen=True)
class Knockoff:
    """Population records in random order are sent, and a student learns from the answers.

    queries: at which a copy is made.  answers: best, scores, top-k or labels.  student: auto, network or trees.
    """

    queries: tuple[int, ...] = STAGES
    answers: str = "best"
    student: str = "auto"

    card: ClassVar[Card] = Card(
        name="knockoff",
        title="Knock-off from natural data",
        family=Family.EXTRACTION,
        asset=Asset.FUNCTIONALITY,
        paper="orekondy2019",
        equations="section 4.1, random strategy",
        summary="teaches a copy with the target's answers to records of the population",
        needs=Needs(Access.LABEL, frozenset({Knowledge.POPULATION}), tasks=REGULAR),
        uses=Access.SCORES,
        strength=0.9,
        seconds=15.0,
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack."""
        stops = stages(view, tuple(self.queries), len(view.population))
        kind = kind_of(view, self.student)
        sent = view.population.take(view.rng.permutation(len(view.population))[: stops[-1]])
        return taught_in_stages(view, sent, stops, partial(view.students.teach, kind), kind, self.answers)


@dataclass(frozen=True)
class KnockoffRandom:
    """As the knock-off, for an adversary without any record: inputs are drawn evenly from their range."""

    queries: tuple[int, ...] = STAGES
    answers: str = "best"
    student: str = "auto"

    card: ClassVar[Card] = replace(
        Knockoff.card,
        name="knockoff_random",
        title="Knock-off from random inputs",
        summary="teaches a copy with the target's answers to random inputs",
        needs=Needs(Access.LABEL, tasks=REGULAR),
        default=False,
        strength=0.5,
        seconds=2.0,
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack."""
        stops = stages(view, tuple(self.queries))
        kind = kind_of(view, self.student)
        sent = view.uniform(stops[-1])
        return taught_in_stages(view, sent, stops, partial(view.students.teach, kind), kind, self.answers)
