"""Small victims of reconstruction, and one attack played on them as the house plays it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.game import Arm
from divulge.core.records import Records
from divulge.core.results.evidence import Evidence
from divulge.core.results.exhibits import Quality
from divulge.core.target import Target
from divulge.core.threat import PRESETS, Access
from divulge.core.views.reconstruction import ReconstructionAuxiliary
from divulge.data.arrays import from_arrays
from divulge.games.control_models import ControlModels
from divulge.games.rebuild import RebuildGame, RebuildPlan
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.shadow import ShadowTrainer

SIDE = 8


def pictures(count: int, classes: int = 3, seed: int = 0) -> Records:
    """Grey images of side 8: a bright blob whose place tells the class, on a smooth pattern of the record's own."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % classes
    rows, columns = np.mgrid[:SIDE, :SIDE]
    made = []
    for code in y:
        r, c = 1.5 + 2 * code + rng.normal(0, 0.4), 4 + rng.normal(0, 1.2)
        blob = np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / (2 * rng.uniform(1, 2.5)))
        made.append(0.5 * blob + 0.5 * rng.uniform(size=(4, 4)).repeat(2, axis=0).repeat(2, axis=1))
    return from_arrays([(np.array(made, dtype=np.float32), y)])[0]


def dense(classes: int = 3, hidden: int = 24, seed: int = 0, dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(seed)
    layers = nn.Linear(SIDE * SIDE, hidden), nn.ReLU(), nn.Linear(hidden, classes)
    return nn.Sequential(nn.Flatten(), *layers).to(dtype)


class Convolutions(nn.Module):
    def __init__(self, classes: int = 3, norm: bool = False, smooth: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        act = nn.Sigmoid if smooth else nn.ReLU
        middle = [nn.BatchNorm2d(8)] if norm else []
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), *middle, act(), nn.Conv2d(8, 8, 3, padding=1, stride=2), act()
        )
        self.last = nn.Linear(8 * 16, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.body(x.reshape(len(x), 1, SIDE, SIDE)).flatten(1))


def taught(module: nn.Module, records: Records, steps: int = 150) -> nn.Module:
    x, y = torch.as_tensor(records.x), torch.as_tensor(records.y)
    x = x.to(next(module.parameters()).dtype)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x), y).backward()
        optimizer.step()
    return module.eval()


def played(
    name: str,
    target: Target | nn.Module,
    records: tuple[Records, Records, Records],
    arm: Arm = Arm.TARGET,
    threat: str = "federated-server",
    recipe: Any = None,
    shield: Any = None,
    public: Records | None = None,
    seed: int = 0,
    plan: RebuildPlan | None = None,
    **settings: Any,
) -> Evidence:
    """What an attack achieves.  records: of training, unseen, of the population."""
    made = attack(name, **settings)
    target = TorchTarget(target) if isinstance(target, nn.Module) else target
    training, unseen, population = records
    assert made.card.challenge is not None

    def see(model: Target) -> GrantedOracle:
        return GrantedOracle(model, PRESETS[threat], Access.PARAMETERS, free=True)

    game = RebuildGame(
        challenge=made.card.challenge,
        target=target,
        training=training,
        unseen=unseen,
        public=population,
        seed=seed,
        plan=plan or RebuildPlan(6),
        beside=ControlModels(recipe, training, population, seed),
        see=see,
        shield=shield,
    )
    (dealt,) = game.deal(arm)
    oracle = GrantedOracle(dealt.target, PRESETS[threat], made.card.uses or made.card.needs.access)
    shadows = None
    if recipe is not None and population is not None:
        trainer = ShadowTrainer(recipe, population, seed)
        shadows = lambda models: trainer.pool(models, see)  # noqa: E731
    means = ReconstructionAuxiliary(population, public, shadows)
    return dealt.judge(made.run(dealt.open(oracle, made.card, means, np.random.default_rng(seed))))


def share(rebuilt: Evidence, metric: str) -> float:
    return next(m.value for m in rebuilt.paired if m.metric == metric)


def quality(rebuilt: Evidence, name: str) -> np.ndarray:
    return np.array(next(q.values for q in rebuilt.of(Quality) if q.name == name))
