"""Small views in which the right answer is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.records import Column, Records, Schema
from divulge.core.threat import PRESETS, Task
from divulge.core.views.membership import Auxiliary, MembershipView
from divulge.targets.function import FunctionTarget
from divulge.training.shadow import ShadowSet


def records_of(n, y, task=Task.CLASSIFICATION, classes=2):
    """Records that are nothing but their number."""
    schema = Schema((Column("number"),), task, classes=tuple(range(classes)) if task is Task.CLASSIFICATION else ())
    return Records(np.arange(n, dtype=float)[:, None], np.asarray(y), schema)


def lookup(answers, returns="logits"):
    """A target that answers record number i with answers[i]."""
    return FunctionTarget(lambda x: np.asarray(answers)[x[:, 0].astype(int)], returns)


@dataclass
class Toy:
    """A target, shadow models, and who was in whose training data."""

    records: Records
    target: FunctionTarget
    shadows: list[FunctionTarget]
    keep: np.ndarray

    def guess(self, name, seed=0, **settings):
        """What an attack says about the records."""
        made = attack(name, **settings)
        threat = PRESETS["published-model"]
        see = lambda target: GrantedOracle(target, threat, made.card.needs.access)  # noqa: E731
        means = Auxiliary(
            self.records, None, lambda n: ShadowSet(self.records, self.keep[:n], tuple(self.shadows[:n]), see)
        )
        view = MembershipView(see(self.target), self.records, np.random.default_rng(seed), made.card.needs, means)
        return made.run(view)


def toy(target, shadows=(), keep=None, y=None, returns="logits", task=Task.CLASSIFICATION):
    """From tables of answers [records, classes] or [records]."""
    n = len(target)
    y = np.zeros(n, dtype=int) if y is None else y
    classes = np.shape(target)[1] if returns in ("logits", "scores") else 2
    return Toy(
        records_of(n, y, task, classes),
        lookup(target, returns),
        [lookup(s, returns) for s in shadows],
        np.zeros((len(shadows), n), dtype=bool) if keep is None else np.asarray(keep, dtype=bool),
    )
