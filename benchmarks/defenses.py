"""What do defences leave of each attack, alone and together, and do the guarantees hold?"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from opacus.optimizers import DPOptimizer
from opacus.utils.uniform_sampler import UniformWithReplacementSampler
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

import divulge
from divulge.auditing.resources import Resources
from divulge.catalog.defenses import defense
from divulge.claims.dp_training import dp_training
from divulge.core.hashing import derived_rng
from divulge.core.matrix import Matrix
from divulge.core.records import Kind, Records
from divulge.core.threat import Access
from divulge.data.arrays import from_arrays
from divulge.data.sources import SOURCES, census_income, fashion_mnist
from divulge.data.splits import split
from divulge.defenses.accounting import cost_of
from divulge.defenses.dp_sgd import DpSgd
from divulge.defenses.memguard import MemGuard
from divulge.defenses.shield import shielded
from divulge.games.properties import PropertyPlan
from divulge.games.rebuild import RebuildPlan
from divulge.setup.comparison import MatrixPlan
from divulge.setup.parts import threat_from
from divulge.setup.recipes_from import recipe_for
from divulge.setup.sets import Sets
from divulge.targets.encrypted import EncryptedTarget
from divulge.targets.pytorch import TorchTarget
from divulge.targets.sklearn import SklearnTarget
from divulge.training.artifact_cache import ArtifactCache
from divulge.training.defended import defended_recipe
from divulge.training.engine import Trainer
from divulge.training.pytorch import TorchRecipe
from divulge.workflows.compare_defenses import write
from divulge.workflows.defense_matrix import matrix
from harness import Row, main

WOMEN = "share(sex == 'Female')"
PRIVATE = 7
"""Classes of Fashion-MNIST that the model learns; the other three are public."""


# Guarantees


def accounting() -> Iterator[Row]:
    """Two accountants, over noise, rates and steps."""
    grid = [(s, q, t) for s in (0.7, 1.0, 2.0, 4.0) for q in (0.01, 0.064, 0.2) for t in (50, 400)]
    apart = [abs(c.opacus / c.dp_accounting - 1) for c in (cost_of(s, 1e-5, q, t) for s, q, t in grid)]
    yield Row("epsilon by Opacus over epsilon by dp-accounting, less 1: most", max(apart), bar=0.01, better="below")
    rate, steps = DpSgd(epsilon=1.0).schedule(1_000, 64, 5)
    noise = DpSgd(epsilon=1.0).multiplier(rate, steps)
    yield Row("epsilon of the noise chosen for an epsilon of 1", cost_of(noise, 1e-5, rate, steps).stated, bar=1.0,
              better="below")  # fmt: skip


def small_net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def watched(quick: bool) -> Iterator[Row]:
    """Trainings at a claimed epsilon of 1, as they should be and with planted bugs."""
    records = SOURCES["digits"]().take(np.arange(1_000))
    recipe = TorchRecipe(small_net, epochs=5, batch_size=64, learning_rate=3e-3)
    honest = DpSgd(epsilon=1.0)
    rate, steps = honest.schedule(1_000, 64, 5)
    weak = DpSgd(noise=honest.multiplier(rate, steps) / 10)
    runs = 8 if quick else 40

    def seen(made: DpSgd) -> list[Any]:
        return [dp_training(lambda s=s: made.fit(recipe, records, s), 1_000, claimed=1.0, seed=s) for s in range(runs)]

    right = seen(honest)
    bounds = [max(f.one_run, f.by_step) for f in right]
    yield Row("epsilon 1: runs whose bounds stay at or below 1", float(np.mean([b <= 1 for b in bounds])), bar=0.95)
    yield Row("epsilon 1: runs that are accused", float(np.mean([f.verdict == "leak" for f in right])), bar=0.05,
              better="below")  # fmt: skip
    yield Row(
        "epsilon 1: bound of one run, whatever the mechanism (median)", float(np.median([f.one_run for f in right]))
    )
    yield Row("epsilon 1: bound from steps, composed (median)", float(np.median([f.by_step for f in right])))
    bad = seen(weak)
    yield Row("noise / 10: runs caught", float(np.mean([f.verdict == "leak" for f in bad])), bar=0.95)
    yield Row("noise / 10: runs caught by canaries alone", float(np.mean([max(f.one_run, f.by_step) > 1 for f in bad])),
              bar=0.95)  # fmt: skip
    yield Row("noise / 10: bound from steps, composed (median)", float(np.median([f.by_step for f in bad])))
    plain = DPOptimizer.clip_and_accumulate, UniformWithReplacementSampler.__iter__
    try:
        DPOptimizer.clip_and_accumulate = _unclipped
        yield Row("no clipping: runs caught", float(np.mean([f.verdict == "leak" for f in seen(honest)])), bar=0.95)
        DPOptimizer.clip_and_accumulate = plain[0]
        UniformWithReplacementSampler.__iter__ = _shuffled
        yield Row("no Poisson samples: runs caught", float(np.mean([f.verdict == "leak" for f in seen(honest)])),
                  bar=0.95)  # fmt: skip
    finally:
        DPOptimizer.clip_and_accumulate, UniformWithReplacementSampler.__iter__ = plain


def _unclipped(self: Any) -> None:
    for p in self.params:
        p.summed_grad = self._get_flat_grad_sample(p).sum(dim=0)


def _shuffled(self: Any) -> Iterator[list[int]]:
    for _ in range(self.steps):
        yield torch.randperm(self.num_samples, generator=self.generator)[
            : int(self.sample_rate * self.num_samples)
        ].tolist()


# Interfaces


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
    count = 600 if quick else 1_500
    records = fashion_mnist()
    sets = split(records, (count, count, 1_500), derived_rng(0, "memguard"))
    recipe = TorchRecipe(_wide_net, epochs=60, batch_size=64, learning_rate=1e-3)
    model = TorchTarget(recipe.fit(sets[0], 0))
    ask, unseen = (model.answer(Access.SCORES, part) for part in (sets[0], sets[2]))
    guarded = shielded(model, [MemGuard().fitted(ask, unseen, 0)])
    for name, target, chosen in (
        ("none", model, []),
        ("MemGuard, unknown to the attacker", guarded, []),
        ("MemGuard", model, ["memguard"]),
        ("labels only", model, ["label_only"]),
    ):
        with tempfile.TemporaryDirectory() as place:
            run = divulge.audit(
                target, *sets, recipe=recipe, attacks=[*BY_SCORES, *WITH_CLASSES], shadows=8, defenses=chosen,
                out=Path(place) / "run", cache=False,
            )  # fmt: skip
        found = {f.attack: f for f in run.findings if f.metric == "auc"}
        for attack in (a for a in (*BY_SCORES, *WITH_CLASSES) if a in found):
            f = found[attack]
            bar = 0.55 if name.startswith("MemGuard") and attack in (*BY_SCORES, "shokri") else None
            yield Row(f"{name}: {attack}, AUC", f.value or 0, f.low, f.high, bar, "below")


def _wide_net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


# Encryption


def encrypted() -> Iterator[Row]:
    """Logistic regression on breast cancer, in the clear, under CKKS, and among three parties."""
    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]
    (records,) = from_arrays([(x, y)])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e3, max_iter=5_000)).fit(x[:150], y[:150])
    plain = SklearnTarget(model)
    known = plain.answer(Access.SCORES, records)
    readings: dict[str, Any] = {}
    for name in ("plain", "ckks", "mpc"):
        target: Any = plain if name == "plain" else EncryptedTarget(plain, name, records.take(np.arange(300, 569)))
        if name != "plain":
            told = target.answer(Access.SCORES, records)
            same = float((told.argmax(axis=1) == known.argmax(axis=1)).mean())
            yield Row(f"{name}: records with the same label as in the clear", same, bar=1.0)
            yield Row(f"{name}: largest difference of a score", float(np.abs(np.exp(told) - np.exp(known)).max()),
                      bar=1e-3, better="below")  # fmt: skip
            asked = target.cost.questions
            yield Row(f"{name}: milliseconds a question", 1e3 * target.cost.seconds / asked)
            yield Row(f"{name}: kilobytes sent by whoever asks", target.cost.sent / asked / 1e3)
            yield Row(f"{name}: kilobytes received, or between the others", target.cost.received / asked / 1e3)
        with tempfile.TemporaryDirectory() as place:
            run = divulge.audit(
                target, (x[:150], y[:150]), (x[150:300], y[150:300]), (x[300:], y[300:]),
                recipe=LogisticRegression(C=1e3, max_iter=5_000), shadows=8,
                attacks=["loss", "lira", *(["knockoff"] if name != "ckks" else [])],  # it asks thousands of times
                out=Path(place) / "run", cache=False,
            )  # fmt: skip
        for f in run.findings:
            if f.metric in ("auc", "fidelity") and f.value is not None:
                readings[f"{name} {f.attack}"] = f
                yield Row(f"{name}: {f.attack}, {f.metric}", f.value, f.low, f.high)
                if name != "plain":
                    clear = readings[f"plain {f.attack}"]
                    yield Row("  within its interval in the clear", float(clear.low <= f.value <= clear.high), bar=1.0)


# Federated learning


def federated(quick: bool) -> Iterator[Row]:
    """Ten clients on digits; updates with and without secure aggregation."""
    parts = split(SOURCES["digits"](), (1_000, 500, 297), derived_rng(0, "federated"))
    recipe = TorchRecipe(small_net, epochs=40, batch_size=32, learning_rate=0.01)
    central = recipe.fit(parts[0], 0)
    rounds = 20 if quick else 40

    def accuracy(module: nn.Module) -> float:
        return float((TorchTarget(module).answer(Access.LABEL, parts[1]) == parts[1].y).mean())

    yield Row("digits, trained in one place: accuracy", accuracy(central))
    for name, settings in (
        ("FedAvg", {}),
        ("FedAvg under SecAgg+", {"secure": True}),
        ("FedProx, classes skewed (0.3)", {"strategy": "fedprox", "proximal": 0.01, "skew": 0.3}),
        ("FedAvg, central noise (clip 1, noise 0.3)", {"clip": 1.0, "noise": 0.3}),
    ):
        made = defended_recipe(recipe, [defense("federated", rounds=rounds, local_epochs=5, **settings)], None)
        started = perf_counter()
        found = accuracy(made.fit(parts[0], 0))
        bar = accuracy(central) - 0.02 if name.startswith("FedAvg") and not settings.get("clip") else None
        yield Row(f"{name}, 10 clients: accuracy", found, bar=bar)
        yield Row("  seconds", perf_counter() - started)
    one = {"trials": 10, "rate": 10.0, "clients": 10}
    for name, attack, plan, bar, better in (
        ("one client's update", "analytic_gradient", {"sees": "client"}, 0.9, "above"),
        ("one client's update under SecAgg+", "analytic_gradient", {"sees": "client", "secure": True}, 0.05, "below"),
        ("sum of 10 under SecAgg+", "analytic_gradient", {"secure": True, "batch": 40}, 0.05, "below"),
        ("sum of 10 under SecAgg+, made-up module", "imprint_block", {"secure": True, "batch": 40}, 0.2, "above"),
    ):
        with tempfile.TemporaryDirectory() as place:
            run = divulge.audit(
                TorchTarget(central), *parts, recipe=recipe, threat="federated-server", attacks=[attack],
                reconstruction=RebuildPlan(**{**one, **plan}), out=Path(place) / "run", cache=False,
            )  # fmt: skip
        f = next(f for f in run.findings if f.metric == "records_rebuilt")
        yield Row(f"{name}: {attack}, records rebuilt", f.value or 0, f.low, f.high, bar, better)


# The matrix


class Coded(nn.Module):
    """Categories one by one, numbers as they are."""

    draws_no_lots = True

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes = sizes

    def forward(self, x: Tensor) -> Tensor:
        parts = []
        for place, size in enumerate(self.sizes):
            column = x[:, place]
            whole = column.round().long().clamp(0, max(size - 1, 0))
            parts.append(nn.functional.one_hot(whole, size).float() if size else column[:, None])
        return torch.cat(parts, dim=1)


class CensusNet:
    """A dense network on coded columns."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self.sizes = sizes

    def __call__(self) -> nn.Module:
        width = sum(size or 1 for size in self.sizes)
        return nn.Sequential(Coded(self.sizes), nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 2))


def fashion_net() -> nn.Module:
    return nn.Sequential(
        _Channel(),
        nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 5, stride=2), nn.ReLU(), nn.Flatten(),
        nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, PRIVATE),
    )  # fmt: skip


class _Channel(nn.Module):
    """[records, height, width] to [records, 1, height, width]."""

    draws_no_lots = True

    def forward(self, x: Tensor) -> Tensor:
        return x[:, None] if x.dim() == 3 else x


def census_records() -> Records:
    """Both incomes alike often, so that there is something to learn; numbers standardised."""
    records = census_income()
    rich = np.flatnonzero(records.y == 1)
    poor = derived_rng(0, "census").permutation(np.flatnonzero(records.y == 0))[: len(rich)]
    records = records.take(derived_rng(0, "order").permutation(np.concatenate([rich, poor])))
    x = np.array(records.x, dtype=np.float64)
    for place, column in enumerate(records.schema.columns):
        if column.kind is not Kind.CATEGORICAL:
            values = np.log1p(np.maximum(x[:, place], 0)) if x[:, place].max() > 1_000 else x[:, place]
            x[:, place] = (values - values.mean()) / max(values.std(), 1e-9)
    columns = tuple(replace(column, sensitive=column.name == "sex") for column in records.schema.columns)
    return replace(records, x=x, schema=replace(records.schema, columns=columns))


def compositions(images: bool) -> list[list[Any]]:
    """At least twelve defences and four combinations, with settings that suit the data."""
    private = {"learning_rate": 0.01, "norm": 1.0, "epochs": 15}
    rows: list[list[Any]] = [
        [],
        [defense("weight_decay", strength=0.01)],
        [defense("dropout", rate=0.5)],
        [defense("early_stopping")],
        [defense("mixup")],
        [defense("adversarial_regularisation", weight=3.0)],
        [defense("relaxloss", alpha=0.4)],
        [defense("hamp")],
        [defense("distillation")],
        [defense("pate", teachers=10, votes=400, epsilon=20.0)],
        [defense("dp_sgd", epsilon=1.0, **private)],
        [defense("dp_sgd", epsilon=8.0, **private)],
        [defense("memguard", steps=100)],
        [defense("label_only")],
        [defense("early_stopping"), defense("rounding", decimals=1)],
        [defense("dp_sgd", epsilon=8.0, **private), defense("label_only")],
        [defense("dropout", rate=0.5), defense("mixup"), defense("top_k", k=1)] if images else
        [defense("dropout", rate=0.5), defense("weight_decay", strength=0.01), defense("label_only")],
        [defense("relaxloss", alpha=0.4), defense("rounding", decimals=1)],
    ]  # fmt: skip
    if images:
        return [*rows, [defense("label_smoothing", amount=0.2)], [defense("selena", models=8, unseen=4)]]
    sensitive = defense("minimisation", drop=("sex", "race", "marital_status"))
    return [*rows, [sensitive], [defense("k_anonymity", k=5, columns=("age", "education", "marital_status"))]]


def laid(images: bool, quick: bool) -> MatrixPlan:
    artifact_cache = ArtifactCache(Path(tempfile.mkdtemp()))
    tools = Resources(artifact_cache, Trainer(artifact_cache))
    shadows = 4 if quick else 8
    if images:
        records = fashion_mnist()
        own, rest = records.y < PRIVATE, records.y >= PRIVATE
        x, public = (
            records.x[own],
            (records.x[rest][:2_000], np.array([f"public {c}" for c in records.y[rest][:2_000]])),
        )
        (kept,) = from_arrays([(x, records.y[own])], classes=list(range(PRIVATE)))
        parts = split(kept, (800, 800, 1_600), derived_rng(0, "matrix"))
        recipe = TorchRecipe(fashion_net, epochs=30, batch_size=64, learning_rate=2e-3)
        target: Any = TorchTarget(fashion_net(), name="Fashion-MNIST CNN")
        attacks = ["learned_ratio", "label_only_noise", "inversion_network", "knockoff"]
        more: dict[str, Any] = {"public": public}
    else:
        records = census_records()
        parts = split(records, (600, 600, 2_000), derived_rng(0, "matrix"))
        sizes = tuple(len(c.categories) if c.kind is Kind.CATEGORICAL else 0 for c in records.schema.columns)
        net = CensusNet(sizes)
        recipe = TorchRecipe(net, epochs=25, batch_size=64, learning_rate=3e-3)
        target = TorchTarget(net(), name="Census network")
        attacks = ["learned_ratio", "label_only_noise", "attribute_learned", "property_chosen", "knockoff"]
        plan = PropertyPlan((WOMEN,), victims=16 if quick else 32, shadows=16 if quick else 32, size=400, queries=200)
        more = {"properties": plan}
    return MatrixPlan(
        target, recipe_for(recipe, None, target, tools), Sets(*parts), threat_from("acquaintance"), target.name,
        attacks=attacks, shadows=shadows, resources=tools, duplicates="drop", **more,
    )  # fmt: skip


def matrices(quick: bool) -> Iterator[Row]:
    """All of it, into build/defenses: a run that is cut short goes on where it stopped."""
    folder = Path(tempfile.mkdtemp()) if quick else Path("build/defenses")
    took = 0.0
    for name, images in (("census", False), ("fashion", True)):
        rows = compositions(images)
        started = perf_counter()
        found = matrix(laid(images, quick), rows[:2] if quick else rows, folder / name)
        took += perf_counter() - started
        page = write(found, folder / name)
        yield from _told(name, found)
        print(f"  the picture: {page}", file=sys.stderr)
    yield Row("both matrices: minutes", took / 60, bar=60, better="below")


def _told(name: str, found: Matrix) -> Iterator[Row]:
    failed = [row.name for row in found.rows if row.failed]
    yield Row(f"{name}: rows measured of {len(found.rows)}", len(found.rows) - len(failed), bar=len(found.rows))
    for row in found.rows:
        if row.quality is None:
            continue
        yield Row(
            f"{name}, {row.name[:44]}: {found.quality_name}", row.quality.value, row.quality.low, row.quality.high
        )
        for column, cell in zip(found.columns, row.cells, strict=True):
            if cell.reading is not None:
                told = cell.reading
                yield Row(f"    {column.attack}, {column.metric[:38]}", told.value, told.low, told.high)
        if row.canaries is not None and row.canaries.reading is not None:
            told = row.canaries.reading
            yield Row("    wrong labels, AUC", told.value, told.low, told.high)
    yield Row(f"{name}: models trained", found.models_trained)
    yield Row(f"{name}: models without sharing, over models trained", found.models_apart / max(found.models_trained, 1))


def measure(quick: bool) -> Iterator[Row]:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    yield from accounting()
    yield from watched(quick)
    yield from encrypted()
    yield from federated(quick)
    yield from hidden(quick)
    yield from matrices(quick)


if __name__ == "__main__":
    main("Defences against attacks, and whether guarantees hold", measure)
