"""ActiveThief (Pal et al. 2020): active learning chooses what to ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from divulge.attacks.extraction.learning import STAGES, ask, entropy_of, kind_of, spread_out, stages
from divulge.core.attack import Card
from divulge.core.errors import Impossible, InputError
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.threat import Access, Asset, Family, Knowledge, Needs
from divulge.core.views.extraction import CopyStage, ExtractionGuess, ExtractionView, Student

STRATEGIES = ("uncertainty", "k_center", "dfal", "dfal+k_center")
FIRST = 0.2
MOST_LOOKED_AT = 5_000
"""Population records that are considered in one round."""


@dataclass(frozen=True)
class ActiveThief:
    """A copy is taught from a first random fifth, then after each round the records are sent that it is least sure of
    (uncertainty), that lie farthest from what was asked in the space of its scores (k_center), or that lie nearest to
    its decision boundary by DeepFool's linear estimate (dfal, for networks); dfal+k_center thins out the latter.
    """

    queries: tuple[int, ...] = STAGES
    strategy: str = "uncertainty"
    answers: str = "best"
    student: str = "auto"
    rounds: int = 6

    card: ClassVar[Card] = Card(
        name="active_thief",
        title="ActiveThief",
        family=Family.EXTRACTION,
        asset=Asset.FUNCTIONALITY,
        paper="pal2020",
        equations="section 4, algorithm 1",
        summary="teaches a copy, and asks about the records that it would learn most from",
        needs=Needs(Access.LABEL, frozenset({Knowledge.POPULATION})),
        uses=Access.SCORES,
        default=False,
        seconds=20.0,
    )

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise InputError(f"attacks.active_thief: strategy must be one of {', '.join(STRATEGIES)}")

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack."""
        population = view.population
        stops = stages(view, tuple(self.queries), len(population))
        network = "dfal" in self.strategy and self.student == "auto"
        kind = kind_of(view, "network" if network else self.student)
        if "dfal" in self.strategy and kind != "network":
            raise Impossible("DeepFool needs the gradient of a network: set student to network")
        if "dfal" in self.strategy:
            view.numeric()
        first = max(10, int(FIRST * stops[0]))
        turns = sorted({first, *stops, *np.geomspace(first, stops[-1], self.rounds).astype(int).tolist()})
        order = view.rng.permutation(len(population))
        sent, left = order[: turns[0]], order[turns[0] :]
        copies: list[CopyStage] = []
        copy: Student | None = None
        for turn in turns:
            if copy is not None:
                pool = left[: max(MOST_LOOKED_AT, turn - len(sent))]
                chosen = self._choose(copy, population.take(sent), population.take(pool), turn - len(sent))
                new = pool[chosen]
                sent, left = np.concatenate([sent, new]), view.rng.permutation(np.setdiff1d(left, new))
            part = population.take(sent)
            copy = view.students.teach(kind, part, ask(view, part, self.answers), int(view.rng.integers(2**31)))
            if turn in stops:
                copies.append(CopyStage(view.target.queries, copy))
        return ExtractionGuess(copies[-1].surrogate, stages=tuple(copies), student=kind)

    def _choose(self, copy: Student, sent: Records, pool: Records, count: int) -> Array:
        """Rows of the pool to ask about."""
        scores = copy.log_scores(pool)
        if self.strategy == "uncertainty":
            return np.asarray(np.argsort(-entropy_of(scores), kind="stable")[:count])
        if self.strategy == "k_center":
            return np.array(spread_out(np.exp(scores), np.exp(copy.log_scores(sent)), count))
        near = np.argsort(boundary_distance(copy, pool), kind="stable")
        if self.strategy == "dfal":
            return np.asarray(near[:count])
        near = near[: 3 * count]
        picked = spread_out(np.exp(scores[near]), np.exp(copy.log_scores(sent)), count)
        return np.asarray(near[np.array(picked, dtype=np.int64)])


def boundary_distance(copy: Student, records: Records) -> Array:
    """DeepFool's first step (Moosavi-Dezfooli et al. 2016): distance to the nearest class boundary of the linearised
    copy, against the runner-up class only: [records].
    """
    import torch

    from_inputs = torch.from_numpy(np.ascontiguousarray(records.x if records.schema.is_image else records.flat()))
    x = from_inputs.float().requires_grad_(True)
    out = copy.module(x)
    best = out.topk(2, dim=1)
    gap = best.values[:, 0] - best.values[:, 1]
    (slope,) = torch.autograd.grad(gap.sum(), x)
    size = slope.flatten(1).norm(dim=1)
    return np.asarray((gap.detach() / size.clamp_min(1e-12)).numpy())
