"""Knock-offs (Orekondy et al. 2019): a student of the target's answers to records at hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np

from divulge.attacks.extraction.learning import REGULAR, STAGES, ask, kind_of, stages, taught_in_stages
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.records import concat
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.extraction import CopyStage, ExtractionGuess, ExtractionView


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


ROUNDS = 10
PACE = 0.5


@dataclass(frozen=True)
class KnockoffAdaptive:
    """The adaptive sampler: a gradient bandit over the public labels of the population learns which classes are worth
    asking about; the reward is the target's certainty, the diversity of its answers, and the copy's loss (Orekondy et
    al. 2019, section 4.1.2), each between 0 and 1.  It is updated batch by batch, not query by query.
    """

    queries: tuple[int, ...] = STAGES
    answers: str = "best"
    student: str = "auto"

    card: ClassVar[Card] = replace(
        Knockoff.card,
        name="knockoff_adaptive",
        title="Knock-off with a bandit",
        equations="section 4.1.2, adaptive strategy",
        summary="teaches a copy, and learns which public classes are worth asking about",
        needs=Needs(Access.LABEL, frozenset({Knowledge.POPULATION})),
        default=False,
        strength=0.5,
        seconds=2.0,
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack."""
        stops = stages(view, tuple(self.queries), len(view.population))
        kind, population = kind_of(view, self.student), view.population
        left = [list(view.rng.permutation(np.flatnonzero(population.y == c))) for c in range(view.classes)]
        liking = np.zeros(view.classes)
        sent: list[int] = []
        copies: list[CopyStage] = []
        answered: list[Array] = []
        average = 0.0
        turns = sorted({*stops, *np.linspace(stops[0], stops[-1], ROUNDS).astype(int).tolist()})
        for stop in turns:
            taste = np.exp(liking - liking.max()) * np.array([len(rows) > 0 for rows in left])
            new: list[int] = []
            while len(sent) + len(new) < stop:
                weight = taste * np.array([len(rows) > 0 for rows in left])
                weight = weight if weight.sum() > 0 else np.array([float(len(rows) > 0) for rows in left])
                new.append(int(left[view.rng.choice(view.classes, p=weight / weight.sum())].pop()))
            batch = population.take(np.array(new))
            answered.append(ask(view, batch, self.answers))
            copy = copies[-1].surrogate if copies else None
            reward = _reward(answered[-1], answered, copy.log_scores(batch) if copy is not None else None, view.classes)
            sent += new
            chance = taste / taste.sum()
            for code in range(view.classes):
                hit = batch.y == code
                if hit.any():
                    liking[code] += PACE * (reward[hit].mean() - average) * (1 - chance[code])
            average = 0.5 * average + 0.5 * float(reward.mean())
            if stop in stops:
                part = concat([population.take(np.array(sent))])
                seed = int(view.rng.integers(2**31))
                taught = view.students.teach(kind, part, np.concatenate(answered), seed)
                copies.append(CopyStage(view.target.queries, taught))
        return ExtractionGuess(copies[-1].surrogate, stages=tuple(copies), student=kind)


def _reward(answered: Array, before: list[Array], copied: Array | None, classes: int) -> Array:
    """Certainty, diversity and loss, each scaled to [0, 1]: [records]."""
    shares = np.exp(answered) if answered.ndim == 2 else np.eye(classes)[answered.astype(np.int64)]
    top = np.sort(shares, axis=1)
    certainty = top[:, -1] - top[:, -2]
    parts = [np.exp(b) if b.ndim == 2 else np.eye(classes)[b.astype(np.int64)] for b in before]
    mean = np.concatenate(parts).mean(axis=0)
    diversity = np.maximum(shares - mean, 0).sum(axis=1)
    loss = np.zeros(len(shares)) if copied is None else -(shares * copied).sum(axis=1)
    found = np.zeros(len(shares))
    for part in (certainty, diversity, loss):
        wide = float(np.ptp(part))
        found += (part - part.min()) / wide if wide > 0 else 0.0
    return np.asarray(found / 3)
