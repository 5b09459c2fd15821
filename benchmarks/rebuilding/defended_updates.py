"""Defences of updates: what they leave, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from divulge.catalog.defenses import defense
from divulge.core.errors import Impossible
from divulge.core.threat import Access
from divulge.games.rebuild import RebuildPlan
from divulge.targets.networks.pytorch import TorchTarget
from harness import Row
from rebuilding.playing import played, share
from rebuilding.victims import Convolutional, Sets, dense

DEFENCES: tuple[tuple[str, str | None, dict[str, float]], ...] = (
    ("no defence", None, {}),
    ("clipped to 1", "update_clipping", {"norm": 1.0}),
    ("90 % pruned", "update_pruning", {"share": 0.9}),
    ("99 % pruned", "update_pruning", {"share": 0.99}),
    ("4 bits", "update_quantization", {"bits": 4}),
    ("noise, epsilon 100", "update_noise", {"epsilon": 100.0}),
    ("noise, epsilon 8", "update_noise", {"epsilon": 8.0}),
)


def defences(quick: bool, fashion: Sets) -> Iterator[Row]:
    trials = 3 if quick else 10
    torch.manual_seed(0)
    attacks: tuple[tuple[str, nn.Module, int, str], ...] = (
        ("analytic_gradient", dense(), 1, "records_rebuilt"),
        ("inverting_gradients", Convolutional(28), 1, "records_rebuilt"),
        ("label_counts", Convolutional(28), 32, "labels_counted"),
        ("imprint_block", Convolutional(28), 32, "records_rebuilt"),
    )
    for title, name, settings in DEFENCES:
        made = None if name is None else defense(name, **settings)
        shield = None if made is None else made.protect  # type: ignore[union-attr]
        for attack_name, module, batch, metric in attacks:
            steps = {"steps": 60 if quick else 500} if attack_name == "inverting_gradients" else {}
            try:
                found, _ = played(
                    attack_name, module, fashion, RebuildPlan(trials, batch=batch), shield=shield, **steps
                )
                yield share(f"{title}: {attack_name}, {metric.replace('_', ' ')}", found, metric)
            except Impossible as reason:
                print(f"{title}: {attack_name}: {reason}")
        yield Row(f"{title}: accuracy of federated training", federated(fashion, shield, 30 if quick else 300))


def federated(fashion: Sets, shield: Any, rounds: int) -> float:
    """Ten clients a round, 16 records each, plain averaging of what they send; accuracy on unseen records."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    module = dense()
    target = TorchTarget(module)
    params = list(module.parameters())
    for _ in range(rounds):
        sent = [target.update(fashion[0].take(rng.integers(0, len(fashion[0]), 16))) for _ in range(10)]
        protected = [shield(change, rng) if shield is not None else change for change in sent]
        with torch.no_grad():
            for p, *parts in zip(params, *protected, strict=True):
                p.sub_(0.1 * torch.as_tensor(np.mean(parts, axis=0), dtype=p.dtype))
    return float(np.mean(TorchTarget(module).answer(Access.LABEL, fashion[1]) == fashion[1].y))
