"""The extraction game: here is an interface; build the same model, or tell how it was made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator

from divulge.core.attack import Card
from divulge.core.capability.attacks import Budgeted
from divulge.core.capability.declared import able
from divulge.core.capability.targets import Meets, secrets_of
from divulge.core.errors import Impossible, InputError, TargetError
from divulge.core.game import Arm, Round
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.recipe import Recipe
from divulge.core.records import CODED, Records
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import CopyQuality, Step
from divulge.core.results.metric import FIDELITY, FIDELITY_BOUNDARY, FIDELITY_UNIFORM, VALUES_COPIED
from divulge.core.results.trials import Counted, Paired, Scored
from divulge.core.target import Oracle, Target
from divulge.core.threat import Access, Family, Task
from divulge.core.views.extraction import (
    CopyStage,
    ExtractionAuxiliary,
    ExtractionGuess,
    ExtractionView,
    Secrets,
    Students,
    Surrogate,
)
from divulge.core.views.membership import Poison
from divulge.games.decoy import decoy_for
from divulge.games.secrets import recoveries

UNIFORM_POINTS = 10_000
SERVICE_POINTS = 1_000
"""Of a service: the referee's own queries cost time too."""

BOUNDARY_PAIRS = 1_000
BISECTIONS = 6
"""Of the way between two records: both sides are within 1/64 of it from where the target changes its mind."""

FIDELITIES = {"data": FIDELITY, "uniform": FIDELITY_UNIFORM, "boundary": FIDELITY_BOUNDARY}
"""Metrics by where the points lie: unseen records, the range of inputs, where the target changes its mind."""

WIDTH = "hidden_width"
NOTHING = 1e-5
"""Share of the largest singular value of the scores below which is rounding."""

SAME_VALUE = 0.01
"""Two predicted values agree when they differ by at most this share of the spread of the target's predictions."""

ALL_KNOWN = 1e-9
"""Share of the variance that a guess without queries leaves where there is nothing left to steal."""

WORST_ERROR = 9.0
"""Mean squared errors of the best rival: a squared error beyond counts as this much, so that one record does not decide
over R2."""


@dataclass(eq=False)
class ExtractionGame:
    """A model behind an interface.

    held: unseen records with their true classes, on which copies are judged.  population: what the adversary may have;
    its labels are public.  students: for the baseline, the same family taught without the target.
    training: the target's training records, for a second model of the recipe.  settings: what is known of how it was
    trained, besides what the target itself tells.
    """

    target: Target
    held: Records
    seed: int
    recipe: Recipe | None = None
    population: Records | None = None
    training: Records | None = None
    students: Students | None = None
    settings: Mapping[str, float | str] = field(default_factory=dict)
    _judges: dict[int, _Judge] = field(default_factory=dict, init=False)
    _controls: dict[Arm, Target] = field(default_factory=dict, init=False)
    _known: dict[tuple[str, int], Surrogate] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if len(self.held) < 1:
            raise InputError("the extraction game needs unseen records to judge copies on")
        self.low, self.high, self.whole = ranges(self.held if self.population is None else self.population)

    @property
    def family(self) -> Family:
        """See Game."""
        return Family.EXTRACTION

    def deal(self, arm: Arm, poison: Poison | None = None) -> Iterator[Round[ExtractionView, ExtractionGuess]]:
        """One round.  NEGATIVE: the attack is let loose on another model, and its loot compared with the audited one:
        whatever still agrees was not learned from the target.  POSITIVE: a second model of the recipe, without
        defences.
        """
        if arm is Arm.TARGET:
            yield self._round(self.target, self._judge_of(self.target))
        elif arm is Arm.NEGATIVE:
            yield self._round(self._control(arm), self._judge_of(self.target))
        else:
            bare = self._control(arm)
            yield self._round(bare, self._judge_of(bare))

    def baseline(self) -> Iterator[Scored]:
        """The baseline of this game belongs to each attack (its own student, taught without the target)."""
        raise Impossible("each copy is compared with its own baseline")

    def _control(self, arm: Arm) -> Target:
        if arm not in self._controls:
            if arm is Arm.NEGATIVE:
                self._controls[arm] = decoy_for(self.target, self.held, derived_seed(self.seed, "decoy"))
            elif self.recipe is None or self.training is None:
                raise Impossible("no recipe is known, so no undefended model can be trained")
            else:
                self._controls[arm] = self.recipe.train(self.training, derived_seed(self.seed, "undefended control"))
        return self._controls[arm]

    def _judge_of(self, target: Target) -> _Judge:
        if id(target) not in self._judges:
            box = (self.low, self.high, self.whole)
            self._judges[id(target)] = _Judge(target, self.held, box, self.seed, self.settings)
        return self._judges[id(target)]

    def _round(self, target: Target, judge: _Judge) -> Round[ExtractionView, ExtractionGuess]:
        def open_view(oracle: Oracle, card: Card, means: ExtractionAuxiliary, rng: Generator) -> ExtractionView:
            example = self.held.take(np.array([0]))
            example = example.relabeled(np.zeros_like(example.y))
            budget = oracle.budget if able(oracle, Budgeted) else None
            return ExtractionView(oracle, example, self.low, self.high, self.whole, budget, rng, card.needs, means)

        return Round(target, open_view, lambda guess: judge.judge(guess, self._without))

    def _without(self, kind: str | None, queries: int) -> Surrogate | None:
        """What the adversary could have without a query: a student of public labels, of as many records."""
        if self.students is None or self.population is None:
            return None
        # An attack that taught nothing competes with the best suited kind: planes and trees need a rival as well.
        kind = self.students.kinds[0] if kind is None else kind
        size = min(max(queries, 1), len(self.population))
        if (kind, size) not in self._known:
            rng = derived_rng(self.seed, "public labels")
            public = self.population.take(rng.permutation(len(self.population))[:size])
            taught = self.students.teach(kind, public, public.y, derived_seed(self.seed, "public student"))
            self._known[kind, size] = taught
        return self._known[kind, size]


def ranges(records: Records) -> tuple[Array, Array, Array]:
    """Lowest and highest value of every input, and whether it takes whole numbers only, each shaped like a record."""
    x = np.where(np.isfinite(records.x), records.x, records.flat().reshape(records.x.shape))
    low, high = x.min(axis=0).astype(np.float64), x.max(axis=0).astype(np.float64)
    whole = np.all(x == np.floor(x), axis=0)
    if records.schema.is_image:
        whole, low, high = np.zeros_like(whole), np.full_like(low, low.min()), np.full_like(high, high.max())
    for place, column in enumerate(records.schema.columns):
        if column.kind in CODED:
            low[place], high[place] = 0, max(len(column.categories) - 1, 0)
        if column.whole:
            whole[place] = True
    return low, high, np.asarray(whole)


Without = Callable[[str | None, int], Surrogate | None]


class _Judge:
    """Knows the target's answers, and its secrets."""

    def __init__(
        self,
        target: Target,
        held: Records,
        box: tuple[Array, Array, Array],
        seed: int,
        settings: Mapping[str, float | str],
    ) -> None:
        self._target, self._held, self._box = target, held, box
        self._seed = seed
        self._points: dict[str, Records] | None = None
        self._answers: dict[str, Array] = {}
        own = secrets_of(target)
        self._secrets = replace(own, settings={**settings, **own.settings})

    def judge(self, guess: ExtractionGuess, without: Without) -> Evidence:
        """Every comparison that the guess allows."""
        found, lacking = recoveries(guess, self._live(guess), self._box)
        if guess.surrogate is None:
            return Evidence(found, lacking=lacking)
        places, queries = self._places(), guess.stages[-1].queries if guess.stages else 0
        copies = {where: self._answer_of(guess.surrogate, records) for where, records in places.items()}
        named, rivals = self._rivals(without(guess.student, queries))
        agreements = tuple(
            self._agreement(where, copies[where], [rival[where] for rival in rivals]) for where in places
        )
        divergence, error = self._divergence(guess.surrogate)
        regression = self._target.task is Task.REGRESSION
        quality = CopyQuality(
            right_copy=0 if regression else int((copies["data"] == self._held.y).sum()),
            right_target=0 if regression else int((self._answers["data"] == self._held.y).sum()),
            judged=0 if regression else len(self._held),
            divergence=divergence,
            divergence_error=error,
        )
        values = self._values(copies["data"], [rival["data"] for rival in rivals]) if regression else ()
        curve = self._curve(guess.stages, guess.student, without)
        return Evidence((*agreements, *values, *found), (*curve, quality), " or ".join(named), lacking=lacking)

    def _live(self, guess: ExtractionGuess) -> Secrets:
        """What is known, and of a hidden layer as many neurons as are ever on: no answer tells of the others."""
        known = self._secrets
        width = known.settings.get(WIDTH)
        named = any(claim.name == WIDTH for claim in guess.claims)
        if not named or not isinstance(width, int | float) or Access.SCORES not in self._target.offers:
            return known
        scores = self._target.answer(Access.SCORES, self._uniform())
        centered = scores - scores.mean(axis=1, keepdims=True)
        sizes = np.linalg.svd(centered - centered.mean(axis=0), compute_uv=False)
        return replace(known, settings={**known.settings, WIDTH: min(width, int((sizes > NOTHING * sizes[0]).sum()))})

    def _places(self) -> dict[str, Records]:
        """The points of comparison, made once; the target answers each once."""
        if self._points is None:
            points = {"data": self._held, "uniform": self._uniform()}
            self._answers = {where: self._own(records) for where, records in points.items()}
            boundary = self._boundary()
            if boundary is not None:
                points["boundary"] = boundary
                self._answers["boundary"] = self._own(boundary)
            self._points = points
        return self._points

    def _own(self, records: Records) -> Array:
        return self._target.answer(Access.LABEL, records)

    def _uniform(self) -> Records:
        low, high, whole = self._box
        rng = derived_rng(self._seed, "uniform points")
        number = SERVICE_POINTS if able(self._target, Meets) else UNIFORM_POINTS
        shape = (number, *self._held.x.shape[1:])
        lots = rng.integers(low.astype(np.int64), high.astype(np.int64) + 1, shape)
        x = np.where(whole, lots, rng.uniform(low, high, shape)).astype(self._held.x.dtype)
        return Records(x, np.zeros(len(x), dtype=self._held.y.dtype), self._held.schema).settled()

    def _boundary(self) -> Records | None:
        """Both sides of where the target changes its mind, between pairs of unseen records of different answers."""
        categories = any(c.kind in CODED for c in self._held.schema.columns)
        if self._target.task is Task.REGRESSION or categories:
            return None
        rng = derived_rng(self._seed, "boundary points")
        first = rng.permutation(len(self._held))[:BOUNDARY_PAIRS]
        second = rng.permutation(len(self._held))[: len(first)]
        answer = self._answers["data"]
        differ = answer[first] != answer[second]
        if not differ.any():
            return None
        a, b = (self._held.x[side[differ]].astype(np.float64) for side in (first, second))
        of_a = answer[first[differ]]
        schema, kind = self._held.schema, self._held.x.dtype
        for _ in range(BISECTIONS):
            middle = (a + b) / 2
            middle = np.where(self._box[2], np.floor(middle), middle)
            asked = Records(middle.astype(kind), np.zeros(len(middle), dtype=np.int64), schema).settled()
            same = self._own(asked) == of_a
            sides = same.reshape(-1, *([1] * (middle.ndim - 1)))
            a, b = np.where(sides, middle, a), np.where(sides, b, middle)
        x = np.concatenate([a, b]).astype(kind)
        return Records(x, np.zeros(len(x), dtype=np.int64), schema).settled()

    def _answer_of(self, surrogate: Surrogate, records: Records) -> Array:
        answer = np.asarray(surrogate.log_scores(records))
        got = answer if self._target.task is Task.REGRESSION else answer.argmax(axis=1)
        if got.shape != (len(records),) or not np.isfinite(got).all():
            raise TargetError(
                f"the attack's copy answered with shape {answer.shape}, or NaN, for {len(records)} records"
            )
        return np.asarray(got)

    def _same(self, where: str, given: Array) -> Array:
        truth = self._answers[where]
        if self._target.task is Task.REGRESSION:
            return np.asarray(np.abs(given - truth) <= SAME_VALUE * max(float(truth.std()), 1e-300))
        return np.asarray(given == truth)

    def _rivals(self, student: Surrogate | None) -> tuple[list[str], list[dict[str, Array]]]:
        """What needs no query: one answer for all, the best of each place, and a student of public labels."""
        places, answers = self._places(), self._answers
        if self._target.task is Task.REGRESSION:
            single: dict[str, float] = {w: float(answers[w].mean()) for w in places}
        else:
            single = {w: int(np.bincount(answers[w].astype(np.int64)).argmax()) for w in places}
        rivals = {"the commonest answer": {w: np.full(len(r), single[w]) for w, r in places.items()}}
        if student is not None:
            rivals["a student of public labels"] = {w: self._answer_of(student, r) for w, r in places.items()}
        return list(rivals), list(rivals.values())

    def _values(self, copy: Array, rivals: list[Array]) -> tuple[Paired, ...]:
        """R2 of a copy of a regression model against the target's own answers, beside that of the best rival; the
        advantage is the share of the rival's error that the copy does not make.
        """
        truth = self._answers["data"].astype(np.float64)
        variance = float(truth.var())
        if variance == 0:
            return ()

        def error(given: Array) -> float:
            return float(np.mean((given - truth) ** 2))

        rival = min(rivals, key=error)
        if error(rival) <= ALL_KNOWN * variance:
            return ()  # public labels tell all that there is
        # A copy that is no better has nothing to show, and its R2 is printed as it is.
        scale = error(rival) if error(copy) < error(rival) else 2 * variance
        most = WORST_ERROR * scale

        def hits(given: Array) -> Array:
            return 1 - np.minimum((given - truth) ** 2, most) / most

        units = np.arange(len(truth)) if self._held.groups is None else self._held.groups
        note = "the share of the variance of the model's answers that the copy explains"
        mine, theirs = (tuple(map(float, hits(each))) for each in (copy, rival))
        span = most / variance
        share = 1 / max(1 - sum(theirs) / len(theirs), 1e-12)  # of what the rival leaves unexplained
        return (Paired(VALUES_COPIED, mine, theirs, tuple(map(int, units)), note, span=span, gain=share),)

    def _agreement(self, where: str, copy: Array, rivals: list[Array]) -> Counted:
        """Against the rival that agrees most."""
        same = self._same(where, copy)
        best = max((self._same(where, rival) for rival in rivals), key=lambda hit: int(hit.sum()))
        return Counted(
            FIDELITIES[where],
            both=int((same & best).sum()),
            copy_only=int((same & ~best).sum()),
            baseline_only=int((~same & best).sum()),
            neither=int((~same & ~best).sum()),
        )

    def _curve(self, stages: tuple[CopyStage, ...], kind: str | None, without: Without) -> tuple[Step, ...]:
        steps = []
        for stage in stages:
            _, rivals = self._rivals(without(kind, stage.queries))
            copy = self._answer_of(stage.surrogate, self._held)
            steps.append(Step(stage.queries, self._agreement("data", copy, [rival["data"] for rival in rivals])))
        return tuple(steps)

    def _divergence(self, surrogate: Surrogate) -> tuple[float | None, float | None]:
        """Mean KL divergence from the target's scores to the copy's on unseen records, in nats."""
        if self._target.task is Task.REGRESSION or Access.SCORES not in self._target.offers:
            return None, None
        truth = self._target.answer(Access.SCORES, self._held)
        each = (np.exp(truth) * (truth - np.asarray(surrogate.log_scores(self._held)))).sum(axis=1)
        return float(each.mean()), float(each.std() / np.sqrt(len(each)))
