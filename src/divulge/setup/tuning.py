"""DP-SGD at its best: settings chosen for accuracy at a given epsilon, since most other defences lose to it.

Trainings that were tried and not kept cost privacy too; that cost is not part of epsilon here (Papernot and Steinke
2022 say how it would be counted), which favours DP-SGD a little, as what others are measured by should be.  It is
said beside epsilon, with what all together come to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from divulge.auditing.job import BoundRecipe
from divulge.core.capability.declared import able
from divulge.core.capability.recipes import Untrained
from divulge.core.capability.targets import estimator_of
from divulge.core.errors import DivulgeError
from divulge.core.hashing import derived_rng, derived_seed, digest
from divulge.core.recipe import Recipe
from divulge.core.target import Target
from divulge.core.threat import Access, Task
from divulge.setup.defended import under
from divulge.setup.sources.sets import Sets
from divulge.training.artifact_cache import code_version

RATES = (1.0, 3.0, 10.0)
LINEAR_RATES = (0.1, 0.5, 2.0)
BATCHES = (1, 4)
MOST_HELD_OUT = 2_000


def can_tune(recipe: Recipe, target: Target) -> bool:
    """Whether DP-SGD can train such models, and is installed."""
    if target.task is not Task.CLASSIFICATION or not isinstance(recipe, BoundRecipe):
        return False
    try:
        import opacus  # noqa: F401

        from divulge.defenses.training.dp_sgd import LINEAR
    except ModuleNotFoundError:
        return False
    bare: Any = recipe.recipe
    estimator = estimator_of(bare)
    last = estimator.steps[-1][1] if estimator is not None and hasattr(estimator, "steps") else estimator
    return able(bare, Untrained) or type(last).__name__ in LINEAR


def candidates(recipe: BoundRecipe, epsilon: float) -> Iterator[Any]:
    """The settings that are tried: learning rates and, of networks, sizes of the batches."""
    from divulge.defenses.training.dp_sgd import DpSgd

    if not able(recipe.recipe, Untrained):
        yield from (DpSgd(epsilon=epsilon, learning_rate=rate) for rate in LINEAR_RATES)
        return
    bare: Any = recipe.recipe
    for rate, batch in product(RATES, BATCHES):
        yield DpSgd(epsilon=epsilon, learning_rate=rate * bare.learning_rate, batch_size=batch * bare.batch_size)


def tuned_dp_sgd(target: Target, recipe: BoundRecipe, sets: Sets, epsilon: float, seed: int, folder: Path) -> Any:
    """The candidate that is right most often on population records, or on a fifth of the members where there are none.

    What was tried is kept in `folder`, so that a comparison that is resumed is not tuned again.
    """
    tried = list(candidates(recipe, epsilon))
    learned, held_out = sets.members, sets.population
    rng = derived_rng(seed, "tuning")
    if held_out is None:
        order = rng.permutation(len(learned))
        cut = len(order) // 5
        learned, held_out = learned.take(order[cut:]), learned.take(order[:cut])
    held_out = held_out.take(rng.permutation(len(held_out))[:MOST_HELD_OUT])
    key = digest(
        code_version(),
        recipe.fingerprint(),
        learned.fingerprint(),
        held_out.fingerprint(),
        str(seed),
        *map(repr, tried),
    )
    kept = folder / "tuned.json"
    known: dict[str, list[float]] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    if key not in known:
        right = []
        for setting in tried:
            protected = under(target, recipe, [setting], sets.population)
            try:
                model = protected.train(learned, derived_seed(seed, "tuning", repr(setting)))
                right.append(float(np.mean(model.answer(Access.LABEL, held_out) == held_out.y)))
            except DivulgeError:  # weights that are no longer finite: a learning rate too high
                right.append(0.0)
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(known | {key: right}), encoding="utf-8")
        known[key] = right
    best = tried[int(np.argmax(known[key]))]
    return replace(best, tuned=True, tried=len(tried))
