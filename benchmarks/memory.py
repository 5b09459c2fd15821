"""How much memory does a large pool take?  256 shadow models, 50,000 records, ten classes, answers streamed."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import numpy as np

from divulge.auditing.oracle import GrantedOracle
from divulge.catalog.attacks import attack
from divulge.core.hashing import Array
from divulge.core.records import Column, Records, Schema
from divulge.core.threat import PRESETS, Access
from divulge.core.views.membership import Auxiliary, MembershipView
from divulge.targets.function import FunctionTarget
from divulge.training.shadow import Answers, Remembered, ShadowSet
from harness import Row, main, seconds

ATTACKS = ("lira", "rmia", "bavaria", "attack_r", "learned_ratio")
CLASSES = 10


def resident() -> float:
    """The most memory that this process has held so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def model(number: int) -> FunctionTarget:
    """A model that answers as if by lot, always the same for the same record."""

    def logits(x: Array) -> Array:
        return np.random.default_rng(number).normal(size=(len(x), CLASSES)).astype(np.float32)

    return FunctionTarget(logits, "logits", name=str(number))


def measure(quick: bool) -> Iterator[Row]:
    """Peak memory after the strongest attacks."""
    models, records = (64, 20_000) if quick else (256, 50_000)
    rng = np.random.default_rng(0)
    schema = Schema((Column("number"),), classes=tuple(range(CLASSES)))
    candidates = Records(np.arange(records, dtype=float)[:, None], rng.integers(0, CLASSES, records), schema)
    keep = np.empty((models, records), dtype=bool)
    for pair in range(0, models, 2):
        keep[pair] = rng.random(records) < 0.5
        keep[pair + 1] = ~keep[pair]
    answers = Answers()
    targets = tuple(Remembered(model(n), str(n), answers) for n in range(1, models + 1))
    yield Row("GiB before the first attack", resident())
    signals: dict = {}
    for name in ATTACKS:
        made = attack(name, shadows=models)

        def see(target: Remembered) -> GrantedOracle:
            return GrantedOracle(target, PRESETS["mlaas"], Access.SCORES, free=True)

        means = Auxiliary(shadows=lambda n: ShadowSet(candidates, keep[:n], targets[:n], see, {}, signals))
        oracle = GrantedOracle(model(0), PRESETS["mlaas"], Access.SCORES)
        view = MembershipView(oracle, candidates, np.random.default_rng(0), made.card.needs, means)
        yield Row(f"seconds, {name}", seconds(lambda made=made, view=view: made.run(view)))
    size = f"{models} models x {records:,} records"
    yield Row(f"GiB at most, {size}", resident(), bar=1.5, better="below")


if __name__ == "__main__":
    main("How much memory does a large pool take?", measure)
