"""Knock-offs that learn which classes are worth asking about: a gradient bandit (Orekondy et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from divulge.attacks.extraction.knockoff import Knockoff
from divulge.attacks.extraction.learning import STAGES, ask, kind_of, stages
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Knowledge, Needs
from divulge.core.views.extraction import CopyStage, ExtractionGuess, ExtractionView

ROUNDS = 10
"""Batches, after each of which a copy is taught anew, whose loss is part of the reward of the next."""

BEFORE = 25
"""Queries over which rewards and answers are averaged (Orekondy et al. 2019, section 4.1.2)."""


@dataclass(eq=False)
class GradientBandit:
    """Actions 0 .. k - 1 with preferences H and the policy softmax(H).  After each reward r the preference of the one
    taken rises by step * (r - mean) * (1 - policy), and those of all others fall by step * (r - mean) * policy (Sutton
    and Barto 2018, equation 2.12; Orekondy et al. 2019, equations 2 and 3); the step is one over how often the action
    was taken, the mean is of the last rewards.
    """

    actions: int
    liking: Array = field(init=False)
    taken: Array = field(init=False)
    rewards: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.liking, self.taken = np.zeros(self.actions), np.zeros(self.actions)

    @property
    def policy(self) -> Array:
        """How likely each action is: [actions]."""
        weight = np.exp(self.liking - self.liking.max())
        return np.asarray(weight / weight.sum())

    def choose(self, possible: Array, rng: Generator) -> int:
        """An action by the policy, among those possible: bool [actions]."""
        weight = self.policy * possible
        weight = weight if weight.sum() > 0 else possible.astype(float)
        return int(rng.choice(self.actions, p=weight / weight.sum()))

    def learn(self, action: int, reward: float) -> None:
        """After a reward."""
        mean = float(np.mean(self.rewards[-BEFORE:])) if self.rewards else 0.0
        self.taken[action] += 1
        own = np.arange(self.actions) == action
        self.liking += (reward - mean) / self.taken[action] * (own - self.policy)
        self.rewards.append(reward)


@dataclass(frozen=True)
class KnockoffAdaptive:
    """The adaptive sampler: a gradient bandit over the public labels of the population learns which classes are worth
    asking about; the reward is the target's certainty, the diversity of its answers, and the copy's loss (Orekondy et
    al. 2019, section 4.1.2), each between 0 and 1.
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
        differs="classes are actions of one level, where the paper clusters them into a hierarchy; a batch is chosen "
        "by one policy and answered at once, and the bandit then learns from its answers one by one",
    )

    def run(self, view: ExtractionView) -> ExtractionGuess:
        """See Attack."""
        stops = stages(view, tuple(self.queries), len(view.population))
        kind, population = kind_of(view, self.student), view.population
        left = [list(view.rng.permutation(np.flatnonzero(population.y == c))) for c in range(view.classes)]
        bandit = GradientBandit(view.classes)
        sent: list[int] = []
        copies: list[CopyStage] = []
        answered: list[Array] = []
        copy = None
        first = max(10, stops[0] // ROUNDS)
        for stop in sorted({*stops, *np.linspace(first, stops[-1], ROUNDS).astype(int).tolist()}):
            new: list[int] = []
            while len(sent) + len(new) < stop:
                possible = np.array([len(rows) > 0 for rows in left])
                new.append(int(left[bandit.choose(possible, view.rng)].pop()))
            batch = population.take(np.array(new))
            answer = ask(view, batch, self.answers)
            shares, before = _shares(answer, view.classes), [_shares(a, view.classes) for a in answered]
            copied = copy.log_scores(batch) if copy is not None else None
            for action, reward in zip(batch.y.tolist(), rewards_of(shares, before, copied), strict=True):
                bandit.learn(int(action), float(reward))
            answered.append(answer)
            sent += new
            seed = int(view.rng.integers(2**31))
            copy = view.students.teach(kind, population.take(np.array(sent)), np.concatenate(answered), seed)
            if stop in stops:
                copies.append(CopyStage(view.target.queries, copy))
        return ExtractionGuess(copies[-1].surrogate, stages=tuple(copies), student=kind)


def _shares(answered: Array, classes: int) -> Array:
    return np.exp(answered) if answered.ndim == 2 else np.eye(classes)[answered.astype(np.int64)]


def rewards_of(shares: Array, before: list[Array], copied: Array | None) -> Array:
    """Certainty, how far the best class is ahead; diversity, by how much classes exceed their mean over the last
    answers; and the copy's cross-entropy, where there is a copy: each scaled to [0, 1] over the batch, and averaged:
    [records].  before: shares of earlier batches.
    """
    top = np.sort(shares, axis=1)
    certainty = top[:, -1] - top[:, -2]
    line = np.concatenate([*before, shares])
    start = len(line) - len(shares)
    sums = np.vstack([np.zeros(line.shape[1]), np.cumsum(line, axis=0)])
    ends = np.arange(start, len(line))
    begins = np.maximum(ends - BEFORE, 0)
    mean = (sums[ends] - sums[begins]) / np.maximum(ends - begins, 1)[:, None]
    parts = [certainty, np.maximum(shares - mean, 0).sum(axis=1)]
    if copied is not None:
        parts.append(-(shares * copied).sum(axis=1))
    spans = [max(float(np.ptp(part)), 1e-300) for part in parts]
    return np.asarray(np.mean([(part - part.min()) / span for part, span in zip(parts, spans, strict=True)], axis=0))
