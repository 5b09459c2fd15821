"""One attack on one target, and rows of what it achieves."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
from torch import nn

from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.game import Arm
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Quality
from divulge.core.results.trials import Paired
from divulge.core.target import Target
from divulge.core.threat import PRESETS, Access
from divulge.core.views.reconstruction import ReconstructionAuxiliary
from divulge.games.control_models import ControlModels
from divulge.games.rebuild import RebuildGame, RebuildPlan
from divulge.stats.paired import by_unit, mean_bounds, median_with_interval
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.shadow import ShadowTrainer
from harness import Row
from rebuilding.victims import Sets


def played(
    name: str,
    target: Target | nn.Module,
    sets: Sets,
    plan: RebuildPlan,
    threat: str = "federated-server",
    recipe: Any = None,
    shield: Any = None,
    arm: Arm = Arm.TARGET,
    **settings: Any,
) -> tuple[Evidence, float]:
    """What an attack achieves, and how long it took."""
    made = attack(name, **settings)
    target = TorchTarget(target) if isinstance(target, nn.Module) else target
    training, unseen, population = sets
    assert made.card.challenge is not None

    def see(model: Target) -> GrantedOracle:
        return GrantedOracle(model, PRESETS[threat], Access.PARAMETERS, free=True)

    game = RebuildGame(
        made.card.challenge, target, training, unseen, population, 0, plan,
        ControlModels(recipe, training, population, 0), see, shield,
    )  # fmt: skip
    (dealt,) = game.deal(arm)
    oracle = GrantedOracle(dealt.target, PRESETS[threat], made.card.uses or made.card.needs.access)
    pool = None if recipe is None else ShadowTrainer(recipe, population, 0).pool
    means = ReconstructionAuxiliary(population, None, None if pool is None else lambda models: pool(models, see))
    view = dealt.open(oracle, made.card, means, np.random.default_rng(0))
    started = perf_counter()
    guess = made.run(view)
    spent = perf_counter() - started
    return dealt.judge(guess), spent


def measure_of(found: Evidence, metric: str) -> Paired:
    return next(m for m in found.paired if m.metric == metric)


def share(name: str, found: Evidence, metric: str, bar: float | None = None) -> Row:
    measure = measure_of(found, metric)
    bounds = mean_bounds(by_unit(measure)[0], 0.05)
    return Row(name, measure.value, bounds.low, bounds.high, bar)


def median(name: str, found: Evidence, quality: str, bar: float | None = None) -> Row:
    values = next(q.values for q in found.of(Quality) if q.name == quality)
    return Row(name, *median_with_interval(np.asarray(values), 0.05), bar)
