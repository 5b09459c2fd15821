"""A claimed epsilon put to the test with one training run (Steinke, Nasr and Jagielski 2023).

Canaries are put into the training data or left out, each by a fair coin.  After one training the adversary says of
some of them whether they are in.  Differential privacy bounds how many of these guesses can be right.
"""

from __future__ import annotations

import json
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from divulge.auditing.job import BoundRecipe
from divulge.claims.as_run import (
    Found,
    Setting,
    Test,
    Tested,
    as_dict,
    as_run,
    number,
    of_recipe,
    of_records,
)
from divulge.claims.guesses import OneRun, apart, bounded_by, estimate_of, guessed
from divulge.core.errors import InputError
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.privacy_budget import check_delta, check_epsilon, warn_of_delta
from divulge.core.recipe import Recipe
from divulge.core.records import Records, concat
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Claimed
from divulge.core.results.metric import EPSILON_ONE_RUN
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Exact
from divulge.core.signals import logit_scaled
from divulge.core.threat import Access, Asset, Behavior, Knowledge, Phase, Task, ThreatModel
from divulge.core.wording import counted, percent
from divulge.data.arrays import from_arrays
from divulge.setup.sources.recipes_from import recipe_for
from divulge.setup.sources.targets_from import target_from

FEWEST = 50


COINS = ThreatModel(
    "canaries",
    "someone who may put records into the training, by the toss of a coin, and sees the scores of the trained model",
    frozenset({Access.SCORES}),
    frozenset({Knowledge.TRAINING_DATA, Knowledge.RECIPE}),
    assets=(Asset.MEMBERSHIP,),
    phase=Phase.TRAINING,
    behavior=Behavior.ACTIVE,
)


class Canary(Enum):
    """What canaries are: records with a wrong label by lot, which a model can only learn by heart, or as they are."""

    MISLABELED = "mislabelled"
    NATURAL = "natural"


def one_run(
    recipe: Recipe,
    records: Records,
    fresh: Records,
    *,
    claimed: float | None = None,
    delta: float = 1e-5,
    confidence: float = 0.95,
    kind: Canary = Canary.MISLABELED,
    runs: int = 1,
    seed: int = 0,
    out: Path | str | None = None,
    resume: Path | str | None = None,
) -> OneRun:
    """Train once on `records` and a random part of the canaries, once without any canary for comparison, and bound
    epsilon.

    runs: how often, each time with other coins; together they are one run of a mechanism with so many times the
    canaries, each of which is in one part of it alone, so that the same bounds hold and are tighter.  fresh: what
    canaries are made of, none of them among the records; with more than one for every ten records they disturb each
    other, and the bound becomes loose.

    The verdict is `leak` when the general bound exceeds the claimed epsilon, else `not found`: a bound below the claim
    confirms nothing.  Raises InputError for fewer than 50 canaries, a regression task, or a model without scores.

    out: the folder of a run that keeps what was found; none where it is None.  resume: a run to go on with.
    """

    def setting() -> Setting:
        return Setting(
            name=f"epsilon of one run: {recipe.describe()}",
            threat=COINS,
            target=of_recipe(recipe, records.schema.task.value),
            data=of_records(records, fresh),
            policy=Policy(confidence=confidence, delta=delta),
            seed=seed,
            said={"claimed": claimed, "delta": delta, "confidence": confidence, "canaries": kind.value}
            | ({"runs": runs} if runs > 1 else {}),
            recipe=recipe.describe(),
        )

    def play() -> tuple[OneRun, Found]:
        return _trained(recipe, records, fresh, claimed, delta, confidence, kind, runs, seed)

    found: OneRun = as_run(setting, [Test("one_run", "Epsilon of one run", OneRun, play)], out, resume)[0]
    return found


def _trained(
    recipe: Recipe,
    records: Records,
    fresh: Records,
    claimed: float | None,
    delta: float,
    confidence: float,
    kind: Canary,
    runs: int,
    seed: int,
) -> tuple[OneRun, Found]:
    if claimed is not None:
        check_epsilon("claimed", claimed)
    check_delta("delta", delta, zero=True)
    warn_of_delta("delta", delta, len(records) + len(fresh) // 2, stacklevel=5)
    if len(fresh) < FEWEST:
        raise InputError(f"{len(fresh)} canaries show nothing: give at least {FEWEST} fresh records, 1000 say")
    if runs < 1:
        raise InputError(f"{runs} runs: train at least once")
    if records.schema.task is not Task.CLASSIFICATION:
        raise InputError("a claimed epsilon is tested on classifiers: canaries are told by their labels")
    scores, coins, counts = [], [], []
    without = None
    for turn in range(runs):
        names = ("one run",) if turn == 0 else ("one run", str(turn))
        rng = derived_rng(seed, *names)
        canaries = _made(fresh, kind, rng)
        inside = rng.random(len(canaries)) < 0.5
        trained = recipe.train(concat([records, canaries.take(inside)]), derived_seed(seed, *names))
        without = without or recipe.train(records, derived_seed(seed, "one run, without"))
        if Access.SCORES not in trained.offers:
            raise InputError(f"{trained.name} answers with labels only: a claimed epsilon is tested with scores")
        scores.append(_signal(trained, canaries) - _signal(without, canaries))
        coins.append(inside)
        counts.append(guessed(scores[-1], inside, rng))
    guesses = [
        (sum(number for number, _ in each), sum(right for _, right in each)) for each in zip(*counts, strict=True)
    ]
    total = runs * len(fresh)
    result = replace(bounded_by(guesses, claimed, delta, confidence, total), runs=runs)
    result = apart(result, np.concatenate(scores), np.concatenate(coins))

    def found() -> dict[str, Tested | str]:
        estimate = estimate_of(result, guesses, claimed, 1 - confidence)
        exact = Exact(EPSILON_ONE_RUN, result.guesses, result.right, 0.0, (0.5,) * result.guesses)
        evidence = Evidence((exact,), (_shown(result, kind),))
        return {"one_run": Tested((estimate,), evidence, queries=total, models_trained=runs + 1)}

    return result, found


def _shown(found: OneRun, kind: Canary) -> Claimed:
    at = f"at delta {found.delta:g}, {percent(found.confidence)} confidence"
    claim = (
        f"The training has an epsilon of {found.claimed:g} at delta {found.delta:g}."
        if found.claimed is not None
        else "No epsilon was claimed: how large it is at least was measured."
    )
    what = "with a wrong label" if kind is Canary.MISLABELED else "as they are"
    return Claimed(
        claim=claim,
        test=f"The model was trained {'once' if found.runs == 1 else f'{found.runs} times'} with a part of "
        f"{counted(found.canaries // found.runs, 'canary')}, records {what}, and once without any.  Of the canaries "
        "whose scores differ most it was guessed whether they were in.",
        chance="A fair coin decided for each canary whether it was in, so that a private training lets only so many "
        "guesses be right, whatever its mechanism is.",
        upheld="The claimed epsilon is refuted",
        open="The claimed epsilon is not refuted, nor confirmed",
        figures=(
            ("epsilon", f"at least {found.epsilon:.2f} ({at})"),
            ("epsilon, if the noise is Gaussian", f"at least {number(found.epsilon_if_gaussian)} (mu {found.mu:.2f})"),
            (
                "epsilon, if canaries do not influence each other",
                f"at least {found.epsilon_if_independent:.2f}, and {number(found.epsilon_if_both)} if the noise is "
                "Gaussian too",
            ),
            ("right guesses", f"{found.right} of {found.guesses}"),
            ("largest epsilon that so many canaries could show", f"{found.ceiling:.2f}"),
        ),
    )


def _made(fresh: Records, kind: Canary, rng: np.random.Generator) -> Records:
    if kind is Canary.NATURAL:
        return fresh
    classes = len(fresh.schema.classes)
    return fresh.relabeled((fresh.y + rng.integers(1, classes, len(fresh))) % classes)


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
    runs: int = 1,
    seed: int = 0,
    out: Path | str | None = None,
    resume: Path | str | None = None,
) -> OneRun:
    """Put a claimed epsilon to the test with one training run.

    recipe: how the model is trained: a function train(x, y, seed) -> model, a TorchRecipe or an unfitted estimator.
    records, fresh: (x, y) pairs; the model is trained on `records` and about half of the canaries, which are made of
        `fresh` ones: "mislabelled" or "natural".
    runs: how often it is trained, with other coins each time: bounds are then tighter.
    claimed: the epsilon that is claimed; the verdict is "leak" when the bound exceeds it.
    out: the folder of a run that keeps what was found, with a report and a verdict for `divulge gate`; its path is then
        in the result's `run`.  None keeps none.
    resume: a run to go on with, begun with the same; one that came to its end is read.
    Raises InputError, with the cure, for input that cannot be used.
    """
    if canary not in [kind.value for kind in Canary]:
        raise InputError(f"canary {canary!r} is unknown: choose mislabelled or natural")
    both = from_arrays([records, fresh], task=Task.CLASSIFICATION)
    bound = recipe_for(recipe, None, _NoTarget())  # type: ignore[arg-type]
    if bound is None:
        raise InputError("audit_epsilon() needs a recipe: a function train(x, y, seed), a TorchRecipe or an estimator")
    if isinstance(bound, BoundRecipe):
        bound = BoundRecipe(bound.recipe, target_from, bound.trainer)
    return one_run(
        bound,
        both[0],
        both[1],
        claimed=claimed,
        delta=delta,
        confidence=confidence,
        kind=Canary(canary),
        runs=runs,
        seed=seed,
        out=out,
        resume=resume,
    )


class _NoTarget:
    """Stands for the audited model where only its recipe is known."""

    offers: frozenset[Access] = frozenset()
    task = Task.CLASSIFICATION


def as_json(result: OneRun) -> str:
    """For a machine to read."""
    return json.dumps(as_dict(result), indent=2)
