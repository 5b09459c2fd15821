"""One attack on one target, and rows of what it takes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from scipy import stats

from divulge.auditing.oracle import GrantedOracle
from divulge.core.game import Arm
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.results.evidence import Evidence
from divulge.core.results.metric import FIDELITY
from divulge.core.results.trials import Counted
from divulge.core.target import Target
from divulge.core.threat import PRESETS, ThreatModel
from divulge.core.views.extraction import ExtractionAuxiliary, ExtractionGuess, ExtractionView
from divulge.games.extraction import ExtractionGame
from divulge.stats.counted import with_intervals
from divulge.training.surrogates.students import SurrogateTrainer
from harness import Row
from peers.environment import run_attack

OPEN = replace(PRESETS["mlaas"], query_budget=None)


def steal(
    target: Target,
    held: Records,
    made: Any,
    population: Records | None = None,
    threat: ThreatModel = OPEN,
    seed: int = 0,
    steps: int | None = None,
) -> tuple[ExtractionGuess, Evidence, GrantedOracle, float]:
    """One attack: what it handed in, what that is worth, what it asked, and its seconds.  steps: of every student."""
    dealt, oracle, view = opened(target, held, made, population, threat, seed, steps)
    started = perf_counter()
    guess = made.run(view)
    took = perf_counter() - started
    return guess, with_intervals(dealt.judge(guess)), oracle, took


def opened(
    target: Target,
    held: Records,
    made: Any,
    population: Records | None = None,
    threat: ThreatModel = OPEN,
    seed: int = 0,
    steps: int | None = None,
) -> tuple[Any, GrantedOracle, ExtractionView]:
    """The round, and the attack's view of it."""
    room = SurrogateTrainer(held, steps)
    (dealt,) = ExtractionGame(target, held, seed, None, population, None, room).deal(Arm.TARGET)
    oracle = GrantedOracle(target, threat, made.card.uses or made.card.needs.access)
    oracle.watched = []
    means = ExtractionAuxiliary(population, None, room)
    return dealt, oracle, dealt.open(oracle, made.card, means, np.random.default_rng(seed))


def agreement(name: str, theft: Evidence, metric: str = FIDELITY, bar: float | None = None) -> Row:
    """Agreement at the end, with its exact interval."""
    found = next(a for a in theft.counted if a.metric == metric)
    low, high = exact_interval(found)
    return Row(name, found.copy, low, high, bar)


def exact_interval(found: Counted) -> tuple[float, float]:
    """95 % Clopper-Pearson."""
    interval = stats.binomtest(found.both + found.copy_only, found.points).proportion_ci(0.95, "exact")
    return float(interval.low), float(interval.high)


def split(records: Records, sizes: Sequence[int], seed: int = 0) -> list[Records]:
    """Disjoint parts at random."""
    order = np.random.default_rng(seed).permutation(len(records))
    edges = np.cumsum([0, *sizes])
    return [records.take(order[a:b]) for a, b in pairwise(edges)]


def worst(guess: ExtractionGuess, target: Any) -> float:
    """Largest absolute error of a weight or bias of a linear model, up to a shift of all classes."""
    mine, true = guess.parameters.arrays, target.secrets().parameters.arrays
    return max(float(np.abs((m - m.mean(0)) - (t - t.mean(0))).max()) for m, t in zip(mine, true, strict=True))


def peer(**given: Any) -> dict[str, Array]:
    with tempfile.TemporaryDirectory() as folder:
        source, answer = Path(folder) / "given.npz", Path(folder) / "answer.npz"
        np.savez(source, **given)
        run_attack("art", "art_extraction.py", source, answer)
        with np.load(answer) as found:
            return dict(found)
