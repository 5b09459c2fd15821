"""MemGuard and labels only, against attacks that know of them and that do not."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from torch import nn

import divulge
from divulge.core.hashing import derived_rng
from divulge.core.threat import Access
from divulge.data.sources import fashion_mnist
from divulge.data.splits import split
from divulge.defenses.interface.defended_target import shielded
from divulge.defenses.interface.memguard import MemGuard
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.recipes.pytorch import TorchRecipe
from harness import Row

BY_SCORES = ("entropy", "ml_leaks_unsupervised", "ml_leaks_shadow")
"""Attacks that read nothing but the scores, as those do that MemGuard was made against."""
WITH_CLASSES = ("shokri", "loss", "lira", "correctness", "label_only_noise")
"""Attacks that know the record's class too, and so whether the model has it right, which no noise hides that keeps the
predicted class.
"""


def hidden(quick: bool) -> Iterator[Row]:
    """MemGuard and labels only, against attacks on scores and on labels: by adversaries who rebuild the interface
    around their shadow models, and by those of MemGuard's own evaluation, who do not know of it.
    """
    count = 120 if quick else 1_500
    records = fashion_mnist()
    sets = split(records, (count, count, 1_500), derived_rng(0, "memguard"))
    recipe = TorchRecipe(_wide_net, epochs=20 if quick else 60, batch_size=64, learning_rate=1e-3)
    model = TorchTarget(recipe.fit(sets[0], 0))
    ask, unseen = (model.answer(Access.SCORES, part) for part in (sets[0], sets[2]))
    guarded = shielded(model, [MemGuard().fitted(ask, unseen, 0)])
    for name, target, chosen in (
        ("none", model, []),
        ("MemGuard, unknown to the attacker", guarded, []),
        ("MemGuard", model, [{"memguard": {"steps": 100}}] if quick else ["memguard"]),
        ("labels only", model, ["label_only"]),
    )[2 if quick else 0 :]:
        with tempfile.TemporaryDirectory() as place:
            run = divulge.audit(
                target, *sets, recipe=recipe, attacks=[*BY_SCORES, *WITH_CLASSES], shadows=2 if quick else 8,
                defenses=chosen, out=Path(place) / "run", cache=False,
            )  # fmt: skip
        found = {f.attack: f for f in run.findings if f.metric == "auc"}
        for attack in (a for a in (*BY_SCORES, *WITH_CLASSES) if a in found):
            f = found[attack]
            bar = 0.55 if name.startswith("MemGuard") and attack in (*BY_SCORES, "shokri") else None
            yield Row(f"{name}: {attack}, AUC", f.value or 0, f.low, f.high, bar, "below")


def _wide_net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
