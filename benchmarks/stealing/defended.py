"""Defences of the interface, and detectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from divulge.catalog.attacks import attack
from divulge.catalog.defenses import DEFENSES, defense
from divulge.core.errors import Impossible
from divulge.core.records import Records
from divulge.core.target import Target
from divulge.core.threat import Access
from divulge.data.sources import digits, fashion_mnist
from divulge.defenses.interface.defended_target import shielded
from divulge.defenses.interface.detectors import DistributionTest, Prada, first_alarm, threshold
from divulge.targets.estimators.sklearn import SklearnTarget
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.recipes.pytorch import TorchRecipe
from harness import Row
from stealing.copies import perceptron
from stealing.playing import OPEN, agreement, opened, split, steal

STATIC: dict[str, dict[str, Any]] = {"rounding": {"decimals": 1}, "gaussian_noise": {"deviation": 2.0}}

QUICK = ("label_only", "rounding")


def defences(quick: bool) -> Iterator[Row]:
    """Each defence of the interface against each kind of attack, and what it costs."""
    own, pool, held = split(fashion_mnist(), (3_000, 1_000, 1_000) if quick else (10_000, 5_000, 2_000))
    steps = 300 if quick else None
    bare = TorchTarget(TorchRecipe(perceptron, epochs=10).fit(own, 0))
    plain = split(digits(), (1_000, 797))
    softmax = SklearnTarget(LogisticRegression(C=0.01, max_iter=5_000).fit(plain[0].flat(), plain[0].y))
    queries = (500,) if quick else (5_000,)
    truth = bare.answer(Access.SCORES, held)
    at_interface = [d for d, place in DEFENSES.items() if ".interface." in place]
    for name in (None, *QUICK) if quick else (None, *at_interface):
        made = [] if name is None else [defense(name, **STATIC.get(name, {}))]
        if name == "memguard":  # its classifier is the owner's, and learns from scores of the owner's records
            made = [made[0].fitted(bare.answer(Access.SCORES, own), bare.answer(Access.SCORES, pool), 0)]
        target = shielded(bare, made)
        label = name or "no defence"
        shown = target.answer(Access.LABEL, held)
        yield Row(f"{label}: accuracy of what is shown", float((shown == held.y).mean()))
        port = next(p for p in (Access.SCORES, Access.TOPK, Access.LABEL) if p in target.offers)
        if port is not Access.LABEL:
            moved = np.abs(np.exp(target.answer(port, held)) - np.exp(truth)).sum(axis=1).mean() / 2
            yield Row(f"{label}: scores moved by (total variation)", float(moved))
        for attacked in ("knockoff", "copycat", "active_thief")[: 2 if quick else 3]:
            threat = replace(OPEN, access=frozenset({port}))
            _, theft, _, _ = steal(target, held, attack(attacked, queries=queries), pool, threat, steps=steps)
            yield agreement(f"{label}: {attacked}, {queries[0]:,} queries, agreement", theft)
        if port is Access.SCORES:
            solved = f"{label}: equation solving on digits"
            try:
                _, theft, _, _ = steal(shielded(softmax, made), plain[1], attack("equation_solving"))
                yield agreement(f"{solved}, agreement", theft)
            except Impossible:  # it sees by further answers that what it has solved for does not hold
                yield Row(f"{solved}, refused by its own check", 1.0)


def detectors(quick: bool) -> Iterator[Row]:
    """What detectors notice, at one false alarm in a thousand benign queries."""
    sizes = (3_000, 1_500, 1_000, 6_000) if quick else (10_000, 5_000, 2_000, 20_000)
    own, pool, held, benign = split(fashion_mnist(), sizes)
    target = TorchTarget(TorchRecipe(perceptron, epochs=10).fit(own, 0))
    size = 500 if quick else 3_000
    asking = ("knockoff", "active_thief", "jacobian", "knockoff_random", "equation_solving")
    asking = ("knockoff", "knockoff_random", "equation_solving") if quick else asking
    streams = {name: questions_of(target, held, pool, name, size) for name in asking}
    reference, rest = benign.take(np.arange(sizes[1])), benign.take(np.arange(sizes[1], sizes[3]))
    calm = [rest.take(part) for part in np.array_split(np.arange(len(rest)), len(rest) // size)]
    half = len(calm) // 2
    for made in (Prada(), DistributionTest(reference.flat())):
        quiet = [made.suspicion(s.flat(), target.answer(Access.LABEL, s)) for s in calm]
        above = threshold(quiet[:half], 1.0)
        alarms = sum(int((s > above).sum()) for s in quiet[half:])
        watched = sum(len(s) for s in calm[half:])
        yield Row(f"{made.name}: false alarms in a thousand other benign queries", 1_000 * alarms / watched)
        for name, stream in streams.items():
            seen = made.suspicion(stream.flat(), target.answer(Access.LABEL, stream))
            first = first_alarm(seen, above)
            tail = np.concatenate(quiet[half:])
            area = float((seen[:, None] > tail[None]).mean() + 0.5 * (seen[:, None] == tail[None]).mean())
            yield Row(f"{made.name}: {name}, area under the ROC over windows", area)
            yield Row(f"{made.name}: {name}, share of windows noticed", float((seen > above).mean()))
            yield Row(f"{made.name}: {name}, queries until the first alarm (-1: never)", -1 if first is None else first)


def questions_of(target: Target, held: Records, pool: Records | None, name: str, size: int) -> Records:
    """What an attack asks, in order."""
    from divulge.core.records import concat

    made = attack(name, queries=(size,)) if name != "equation_solving" else attack(name)
    _, oracle, view = opened(target, held, made, pool, steps=300)  # what it asks is looked at, and no copy judged
    with suppress(Impossible):
        made.run(view)
    assert oracle.watched is not None
    asked = concat(oracle.watched)
    return asked.take(np.arange(min(len(asked), size)))
