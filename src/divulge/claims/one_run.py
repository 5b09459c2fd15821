"""A claimed epsilon put to the test with one training run (Steinke, Nasr and Jagielski 2023).

Canaries are put into the training data or left out, each by a fair coin.  After one training the adversary says of
some of them whether they are in.  Differential privacy bounds how many of these guesses can be right.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

import numpy as np

from divulge.auditing.job import BoundRecipe
from divulge.core.errors import InputError
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.recipe import Recipe
from divulge.core.records import Records, concat
from divulge.core.results.finding import Verdict
from divulge.core.signals import logit_scaled
from divulge.core.threat import Access, Task
from divulge.data.arrays import from_arrays
from divulge.setup.sources.recipes_from import recipe_for
from divulge.setup.sources.targets_from import target_from
from divulge.stats.exchange import one_run_epsilon
from divulge.stats.gaussian import epsilon_of, one_run_mu

FEWEST = 50
SHARES = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Shares of the canaries about which guesses are made; Bonferroni pays for trying them all."""


class Canary(Enum):
    """What canaries are: records with a wrong label by lot, which a model can only learn by heart, or as they are."""

    MISLABELLED = "mislabelled"
    NATURAL = "natural"


@dataclass(frozen=True)
class OneRun:
    """epsilon: at least this, at `confidence` and `delta`, whatever the mechanism.  epsilon_if_gaussian, mu: the same
    for a mechanism with a Gaussian trade-off, as DP-SGD with many steps has nearly (Mahloujifar et al. 2024).
    guesses, right: of the best share.  ceiling: the largest epsilon that so many canaries could have shown.
    """

    verdict: str
    claimed: float | None
    epsilon: float
    epsilon_if_gaussian: float
    mu: float
    ceiling: float
    canaries: int
    guesses: int
    right: int
    delta: float
    confidence: float


def one_run(
    recipe: Recipe,
    records: Records,
    fresh: Records,
    *,
    claimed: float | None = None,
    delta: float = 1e-5,
    confidence: float = 0.95,
    kind: Canary = Canary.MISLABELLED,
    seed: int = 0,
) -> OneRun:
    """Train once on `records` and a random part of the canaries, once without any canary for comparison, and bound
    epsilon.  fresh: what canaries are made of, none of them among the records; with more than one for every ten
    records they disturb each other, and the bound becomes loose.

    The verdict is `leak` when the general bound exceeds the claimed epsilon, else `not found`: a bound below the claim
    confirms nothing.  Raises InputError for fewer than 50 canaries, a regression task, or a model without scores.
    """
    if len(fresh) < FEWEST:
        raise InputError(f"{len(fresh)} canaries show nothing: give at least {FEWEST} fresh records, 1000 say")
    if claimed is not None and not claimed > 0:
        raise InputError(f"a claimed epsilon of {claimed:g} cannot be tested: an epsilon that is claimed is above 0")
    if records.schema.task is not Task.CLASSIFICATION:
        raise InputError("a claimed epsilon is tested on classifiers: canaries are told by their labels")
    rng = derived_rng(seed, "one run")
    canaries = _made(fresh, kind, rng)
    inside = rng.random(len(canaries)) < 0.5
    trained = recipe.train(concat([records, canaries.take(inside)]), derived_seed(seed, "one run"))
    without = recipe.train(records, derived_seed(seed, "one run, without"))
    if Access.SCORES not in trained.offers:
        raise InputError(f"{trained.name} answers with labels only: a claimed epsilon is tested with scores")
    score = _signal(trained, canaries) - _signal(without, canaries)
    return judged(score, inside, claimed, delta, confidence, rng)


def judged(
    score: Array,
    inside: Array,
    claimed: float | None,
    delta: float,
    confidence: float,
    rng: np.random.Generator,
) -> OneRun:
    """Bounds from scores of the canaries, higher for those believed to be in, and the truth: [canaries] each."""
    order = np.lexsort((rng.random(len(score)), score))
    alpha = (1 - confidence) / len(SHARES)
    rows = []
    for share in SHARES:
        half = max(1, round(share * len(score) / 2))
        half = min(half, len(score) // 2)
        right = int(inside[order[-half:]].sum() + (~inside[order[:half]]).sum())
        bound = one_run_epsilon(right, 2 * half, alpha, delta, len(score))
        mu = one_run_mu(right, 2 * half, alpha, len(score))
        top = one_run_epsilon(2 * half, 2 * half, alpha, delta, len(score))
        rows.append((bound, mu, top, 2 * half, right))
    bound, _, _, guesses, right = max(rows)
    mu = max(row[1] for row in rows)
    leak = claimed is not None and bound > claimed
    return OneRun(
        verdict=(Verdict.LEAK if leak else Verdict.NOT_FOUND).value,
        claimed=claimed,
        epsilon=bound,
        epsilon_if_gaussian=epsilon_of(mu, delta),
        mu=mu,
        ceiling=max(row[2] for row in rows),
        canaries=len(score),
        guesses=guesses,
        right=right,
        delta=delta,
        confidence=confidence,
    )


def _made(fresh: Records, kind: Canary, rng: np.random.Generator) -> Records:
    if kind is Canary.NATURAL:
        return fresh
    classes = len(fresh.schema.classes)
    return fresh.relabelled((fresh.y + rng.integers(1, classes, len(fresh))) % classes)


def _signal(target: Any, canaries: Records) -> Array:
    return logit_scaled(target.answer(Access.SCORES, canaries), canaries.y)


def audit_epsilon(
    recipe: Any,
    records: tuple[Any, Any],
    fresh: tuple[Any, Any],
    *,
    claimed: float | None = None,
    delta: float = 1e-5,
    confidence: float = 0.95,
    canary: str = "mislabelled",
    seed: int = 0,
) -> OneRun:
    """Put a claimed epsilon to the test with one training run.

    recipe: how the model is trained: a function train(x, y, seed) -> model, a TorchRecipe or an unfitted estimator.
    records, fresh: (x, y) pairs; the model is trained on `records` and about half of the canaries, which are made of
        `fresh` ones: "mislabelled" or "natural".
    claimed: the epsilon that is claimed; the verdict is "leak" when the bound exceeds it.
    Raises InputError, with the cure, for input that cannot be used.
    """
    if canary not in [kind.value for kind in Canary]:
        raise InputError(f"canary {canary!r} is unknown: choose mislabelled or natural")
    both = from_arrays([records, fresh], task=Task.CLASSIFICATION)
    made = recipe_for(recipe, None, _NoTarget())  # type: ignore[arg-type]
    if made is None:
        raise InputError("audit_epsilon() needs a recipe: a function train(x, y, seed), a TorchRecipe or an estimator")
    if isinstance(made, BoundRecipe):
        made = BoundRecipe(made.recipe, target_from, made.trainer)
    return one_run(
        made,
        both[0],
        both[1],
        claimed=claimed,
        delta=delta,
        confidence=confidence,
        kind=Canary(canary),
        seed=seed,
    )


class _NoTarget:
    """Stands for the audited model where only its recipe is known."""


def as_json(result: OneRun) -> str:
    """For a machine to read."""
    return json.dumps(asdict(result), indent=2)
