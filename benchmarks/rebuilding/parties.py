"""Two parties of a vertical federation: labels behind gradients, columns behind scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.game import Arm
from divulge.core.results.evidence import Evidence
from divulge.core.results.metric import LABELS_TOLD, RECORDS_EXACT
from divulge.core.threat import PRESETS
from divulge.core.views.reconstruction import ReconstructionAuxiliary
from divulge.data.sources import census_income, digits
from divulge.games.parties.vertical import VerticalGame
from divulge.games.rebuild import RebuildPlan
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.networks.pytorch import TorchTarget
from harness import Row
from properties.playing import coded, network
from rebuilding.playing import measure_of, share
from rebuilding.victims import Sets, parted, taught


def parties(quick: bool) -> Iterator[Row]:
    """Income behind gradients of a census network over its training; pixels behind scores of ten digits."""
    records = census_income()
    rows = np.random.default_rng(0).permutation(len(records))[: 6_000 if quick else 30_000]
    sets = parted(coded(records.take(rows)), (len(rows) // 3,) * 3)
    torch.manual_seed(0)
    module, before = network(sets[0].x.shape[1])(), 0
    for epochs in (1, 5) if quick else (1, 5, 20):
        module, before = taught(module, sets[0], epochs - before), epochs
        for name in ("label_norm", "label_direction"):
            found = played(name, TorchTarget(module), sets, "passive-party")
            yield share(f"census, {epochs} epochs, {name}: labels told", found, LABELS_TOLD)
            area = float(found.notes[-1].rsplit(" ", 1)[1])
            yield Row("  area under the ROC curve", area, bar=0.9 if name == "label_direction" else None)
    yield Row("  the commonest class: labels told", float(np.mean(found.paired[0].baseline)))
    small = parted(digits(), (800, 400, 597))
    target = SklearnTarget(LogisticRegression(max_iter=5_000).fit(small[0].x, small[0].y))
    for unknown in (4, 9, 16):
        names = small[0].schema.names[24 : 24 + unknown]
        found = played("feature_equations", target, small, "active-party", RebuildPlan(20, other=names))
        bar = 0.9 if unknown < 9 else None
        yield share(f"digits, {unknown} unknown pixels, 9 equations: exact", found, RECORDS_EXACT, bar)
        yield Row("  without the scores", float(np.mean(measure_of(found, RECORDS_EXACT).baseline)))


def played(name: str, target: Any, sets: Sets, threat: str, plan: RebuildPlan | None = None) -> Evidence:
    made = attack(name)
    (dealt,) = VerticalGame(made.card.challenge, target, *sets, 0, plan or RebuildPlan()).deal(Arm.TARGET)
    oracle = GrantedOracle(dealt.target, PRESETS[threat], made.card.uses or made.card.needs.access)
    view = dealt.open(oracle, made.card, ReconstructionAuxiliary(sets[2]), np.random.default_rng(0))
    found: Evidence = dealt.judge(made.run(view))
    return found
