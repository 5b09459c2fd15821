"""Every defence and some combinations, against every kind of attack."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from divulge.auditing.resources import Resources
from divulge.catalog.defenses import defense
from divulge.core.hashing import derived_rng
from divulge.core.records import Kind, Records
from divulge.core.results.matrix import Matrix
from divulge.data.arrays import from_arrays
from divulge.data.sources import census_income, fashion_mnist
from divulge.data.splits import split
from divulge.games.properties import PropertyPlan
from divulge.setup.comparison import MatrixPlan
from divulge.setup.parts import ComparePart
from divulge.setup.settings import Options
from divulge.setup.sources.recipes_from import recipe_for
from divulge.setup.sources.sets import Sets
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.artifact_cache import ArtifactCache
from divulge.training.engines.engine import Trainer
from divulge.training.recipes.pytorch import TorchRecipe
from divulge.workflows.compare_defenses import write
from divulge.workflows.defense_matrix import matrix
from harness import Row

WOMEN = "share(sex == 'Female')"
PRIVATE = 7
"""Classes of Fashion-MNIST that the model learns; the other three are public."""


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
        [defense("adversarial_regularization", weight=3.0)],
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
    sensitive = defense("minimization", drop=("sex", "race", "marital_status"))
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
        parts = split(records, (200, 200, 1_000) if quick else (600, 600, 2_000), derived_rng(0, "matrix"))
        sizes = tuple(len(c.categories) if c.kind is Kind.CATEGORICAL else 0 for c in records.schema.columns)
        net = CensusNet(sizes)
        recipe = TorchRecipe(net, epochs=10 if quick else 25, batch_size=64, learning_rate=3e-3)
        target = TorchTarget(net(), name="Census network")
        attacks = ["learned_ratio", "attribute_learned"]
        attacks += [] if quick else ["label_only_noise", "property_chosen", "knockoff"]
        plan = PropertyPlan((WOMEN,), victims=6 if quick else 32, shadows=8 if quick else 32, size=400, queries=200)
        more = {"properties": plan}
    options = Options(
        name=target.name, threat="acquaintance", attacks=attacks, shadows=shadows, duplicates="drop", **more
    )
    compare = ComparePart(tuned=[]) if quick else ComparePart()
    made = recipe_for(recipe, None, target, tools)
    return MatrixPlan(target, made, Sets(*parts), options, compare, tools)


def matrices(quick: bool) -> Iterator[Row]:
    """All of it, into build/defenses: a run that is cut short goes on where it stopped."""
    folder = Path(tempfile.mkdtemp()) if quick else Path("build/defenses")
    took = 0.0
    for name, images in (("census", False), ("fashion", True))[: 1 if quick else 2]:
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
