"""What classes look like, from a classifier."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.game import Arm
from divulge.core.records import Records
from divulge.core.threat import PRESETS
from divulge.core.views.reconstruction import ReconstructionAuxiliary
from divulge.data.arrays import from_arrays
from divulge.data.sources import digits
from divulge.games.classes import InversionGame
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.surrogates.students import SurrogateTrainer
from harness import Row
from rebuilding.playing import share
from rebuilding.victims import Convolutional, images, parted, taught

INVERSIONS = (
    *("fredrikson_inversion", "gmi", "ked_mi", "plug_and_play", "inversion_network"),
    *("black_box_inversion", "brep_mi"),
)


QUICK = "fredrikson_inversion", "inversion_network"
"""Those that teach no generator, which takes most of the time."""


def inversion(quick: bool, fashion_records: Records) -> Iterator[Row]:
    for name, records, side, private, epochs in (
        ("Fashion-MNIST", fashion_records, 28, (0, 1, 2, 3, 7, 8, 9), 2 if quick else 8),
        ("digits", images(digits(), 8), 8, (0, 1, 2, 3, 4, 6, 8), 20 if quick else 30),
    )[1 if quick else 0 :]:
        own = np.isin(records.y, private)
        known = [f"class {c}" for c in range(10)]
        count = min(6_000 if quick else 12_000, int(own.sum()))
        labels = np.array(known)
        made = from_arrays([(records.x[own][:count], labels[records.y[own][:count]])])[0]
        public = from_arrays([(records.x[~own][:4_000], labels[records.y[~own][:4_000]])])[0]
        sets = parted(made, (count // 3, count // 3, count // 3))
        torch.manual_seed(0)
        module = taught(Convolutional(side, len(private)), sets[0], epochs)
        game = InversionGame(
            TorchTarget(module), sets[0], sets[1],
            lambda sets=sets: SurrogateTrainer(sets[2]).teach("network", sets[2], sets[2].y, 0), public, 0,
        )  # fmt: skip
        (dealt,) = game.deal(Arm.TARGET)
        for attack_name in QUICK if quick else INVERSIONS:
            made_attack = attack(attack_name)
            oracle = GrantedOracle(dealt.target, PRESETS["published-model"], made_attack.card.needs.access)
            view = dealt.open(
                oracle, made_attack.card, ReconstructionAuxiliary(sets[2], public), np.random.default_rng(0)
            )
            found = dealt.judge(made_attack.run(view))
            bar = 0.8 if attack_name == "fredrikson_inversion" else None
            yield share(f"{name}, {attack_name}: classes recognised", found, "classes_recognised", bar)
            yield share(f"{name}, {attack_name}: classes shown", found, "classes_shown")
            if oracle.queries:
                yield Row(f"{name}, {attack_name}: queries", oracle.queries)
