"""A claimed epsilon put to the test with one training run (Steinke, Nasr and Jagielski 2023).

Canaries are put into the training data or left out, each by a fair coin.  After one training the adversary says of
some of them whether they are in.  Differential privacy bounds how many of these guesses can be right.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
    agreeing,
    as_dict,
    as_run,
    bounded,
    number,
    of_recipe,
    of_records,
)
from divulge.core.errors import InputError
from divulge.core.hashing import Array, derived_rng, derived_seed
from divulge.core.privacy_budget import check_delta, check_epsilon, warn_of_delta
from divulge.core.recipe import Recipe
from divulge.core.records import Records, concat
from divulge.core.results.estimate import Detail, Estimate
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Claimed
from divulge.core.results.finding import Verdict
from divulge.core.results.metric import EPSILON_ONE_RUN
from divulge.core.results.policy import Policy
from divulge.core.results.trials import Exact
from divulge.core.signals import logit_scaled
from divulge.core.threat import Access, Asset, Behaviour, Knowledge, Phase, Task, ThreatModel
from divulge.core.wording import counted, percent
from divulge.data.arrays import from_arrays
from divulge.setup.sources.recipes_from import recipe_for
from divulge.setup.sources.targets_from import target_from
from divulge.stats.exchange import one_run_epsilon, one_run_tail
from divulge.stats.gaussian import epsilon_of, one_run_mu

FEWEST = 50
SHARES = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Shares of the canaries about which guesses are made; Bonferroni pays for trying them all."""


COINS = ThreatModel(
    "canaries",
    "someone who may put records into the training, by the toss of a coin, and sees the scores of the trained model",
    frozenset({Access.SCORES}),
    frozenset({Knowledge.TRAINING_DATA, Knowledge.RECIPE}),
    assets=(Asset.MEMBERSHIP,),
    phase=Phase.TRAINING,
    behaviour=Behaviour.ACTIVE,
)


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
    run: Path | None = field(default=None, compare=False, repr=False)


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
    out: Path | str | None = None,
    resume: Path | str | None = None,
) -> OneRun:
    """Train once on `records` and a random part of the canaries, once without any canary for comparison, and bound
    epsilon.  fresh: what canaries are made of, none of them among the records; with more than one for every ten
    records they disturb each other, and the bound becomes loose.

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
            said={"claimed": claimed, "delta": delta, "confidence": confidence, "canaries": kind.value},
            recipe=recipe.describe(),
        )

    def play() -> tuple[OneRun, Found]:
        return _trained(recipe, records, fresh, claimed, delta, confidence, kind, seed)

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
    seed: int,
) -> tuple[OneRun, Found]:
    if claimed is not None:
        check_epsilon("claimed", claimed)
    check_delta("delta", delta, zero=True)
    warn_of_delta("delta", delta, len(records) + len(fresh) // 2, stacklevel=5)
    if len(fresh) < FEWEST:
        raise InputError(f"{len(fresh)} canaries show nothing: give at least {FEWEST} fresh records, 1000 say")
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
    guesses = guessed(score, inside, rng)
    result = bounded_by(guesses, claimed, delta, confidence, len(score))

    def found() -> dict[str, Tested | str]:
        estimate = estimate_of(result, guesses, claimed, 1 - confidence)
        exact = Exact(EPSILON_ONE_RUN, result.guesses, result.right, 0.0, (0.5,) * result.guesses)
        evidence = Evidence((exact,), (_shown(result, kind),))
        return {"one_run": Tested((estimate,), evidence, queries=len(canaries), models_trained=2)}

    return result, found


def judged(
    score: Array,
    inside: Array,
    claimed: float | None,
    delta: float,
    confidence: float,
    rng: np.random.Generator,
) -> OneRun:
    """Bounds from scores of the canaries, higher for those believed to be in, and the truth: [canaries] each."""
    return bounded_by(guessed(score, inside, rng), claimed, delta, confidence, len(score))


def guessed(score: Array, inside: Array, rng: np.random.Generator) -> list[tuple[int, int]]:
    """For each of SHARES how many guesses were made, and how many were right."""
    order = np.lexsort((rng.random(len(score)), score))
    counts = []
    for share in SHARES:
        half = max(1, round(share * len(score) / 2))
        half = min(half, len(score) // 2)
        counts.append((2 * half, int(inside[order[-half:]].sum() + (~inside[order[:half]]).sum())))
    return counts


def bounded_by(
    counts: Sequence[tuple[int, int]], claimed: float | None, delta: float, confidence: float, canaries: int
) -> OneRun:
    """Bounds from how many guesses were right, of those that were made about so many canaries."""
    alpha = (1 - confidence) / len(SHARES)
    rows = []
    for made, right in counts:
        bound = one_run_epsilon(right, made, alpha, delta, canaries)
        mu = one_run_mu(right, made, alpha, canaries)
        top = one_run_epsilon(made, made, alpha, delta, canaries)
        rows.append((bound, mu, top, made, right))
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
        canaries=canaries,
        guesses=guesses,
        right=right,
        delta=delta,
        confidence=confidence,
    )


def estimate_of(
    found: OneRun, counts: Sequence[tuple[int, int]], claimed: float | None, alpha: float, tests: int = 1
) -> Estimate:
    """The general bound as an estimate, with the p-value of the claim.  alpha: the error rate of the claim, of which
    the bound has spent one part of `tests`.
    """
    details = (
        Detail("epsilon_if_gaussian", bounded(found.epsilon_if_gaussian)),
        Detail("mu", found.mu),
        Detail("ceiling", found.ceiling),
    )
    estimate = Estimate(
        metric=EPSILON_ONE_RUN,
        value=found.epsilon,
        low=found.epsilon,
        high=None,
        confidence=1 - alpha,
        chance=0.0,
        details=details,
    )
    if claimed is None:
        return replace(estimate, unmeasurable="no epsilon was claimed, so there is nothing to refute")

    def p_value(rows: Sequence[tuple[int, int]]) -> float:
        """Of guesses as right as these, if the claim holds."""
        tails = [one_run_tail(right, made, claimed, found.delta, found.canaries) for made, right in rows]
        return min(1.0, tests * len(SHARES) * min(tails))

    return replace(
        estimate,
        threshold=claimed,
        p_value=agreeing(p_value(counts), found.epsilon > claimed, alpha),
        attainable=agreeing(p_value([(made, made) for made, _ in counts]), found.ceiling > claimed, alpha),
    )


def _shown(found: OneRun, kind: Canary) -> Claimed:
    at = f"at delta {found.delta:g}, {percent(found.confidence)} confidence"
    claim = (
        f"The training has an epsilon of {found.claimed:g} at delta {found.delta:g}."
        if found.claimed is not None
        else "No epsilon was claimed: how large it is at least was measured."
    )
    what = "with a wrong label" if kind is Canary.MISLABELLED else "as they are"
    return Claimed(
        claim=claim,
        test=f"The model was trained once with a part of {counted(found.canaries, 'canary')}, records {what}, and once "
        "without any. Of the canaries whose scores differ most it was guessed whether they were in.",
        chance="A fair coin decided for each canary whether it was in, so that a private training lets only so many "
        "guesses be right, whatever its mechanism is.",
        upheld="The claimed epsilon is refuted",
        open="The claimed epsilon is not refuted, nor confirmed",
        figures=(
            ("epsilon", f"at least {found.epsilon:.2f} ({at})"),
            ("epsilon, if the noise is Gaussian", f"at least {number(found.epsilon_if_gaussian)} (mu {found.mu:.2f})"),
            ("right guesses", f"{found.right} of {found.guesses}"),
            ("largest epsilon that so many canaries could show", f"{found.ceiling:.2f}"),
        ),
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
    out: Path | str | None = None,
    resume: Path | str | None = None,
) -> OneRun:
    """Put a claimed epsilon to the test with one training run.

    recipe: how the model is trained: a function train(x, y, seed) -> model, a TorchRecipe or an unfitted estimator.
    records, fresh: (x, y) pairs; the model is trained on `records` and about half of the canaries, which are made of
        `fresh` ones: "mislabelled" or "natural".
    claimed: the epsilon that is claimed; the verdict is "leak" when the bound exceeds it.
    out: the folder of a run that keeps what was found, with a report and a verdict for `divulge gate`; its path is then
        in the result's `run`.  None keeps none.
    resume: a run to go on with, begun with the same; one that came to its end is read.
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
        out=out,
        resume=resume,
    )


class _NoTarget:
    """Stands for the audited model where only its recipe is known."""


def as_json(result: OneRun) -> str:
    """For a machine to read."""
    return json.dumps(as_dict(result), indent=2)
