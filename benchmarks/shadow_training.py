"""How fast are shadow models trained?  Against a plain PyTorch loop of the same recipe, at equal accuracy."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional

from divulge.core.hashing import Array, derived_rng
from divulge.core.records import Records
from divulge.data.arrays import from_arrays
from divulge.data.sources import fashion_mnist
from divulge.training.engines.engine import Plan, Trainer, Way, choose, train
from divulge.training.recipes.pytorch import TorchRecipe
from divulge.training.recipes.sklearn import SklearnRecipe
from harness import Row, main


def small() -> nn.Module:
    """100-64-2."""
    return nn.Sequential(nn.Linear(100, 64), nn.ReLU(), nn.Linear(64, 2))


def wide() -> nn.Module:
    """784-256-10."""
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def convolutional() -> nn.Module:
    """Two convolutions of 16 and 32 channels, then 64 units: 28 x 28 images."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


@dataclass(frozen=True)
class Case:
    """One figure of the table.  bar: how many times as fast as the plain loop."""

    name: str
    recipe: TorchRecipe
    shape: tuple[int, ...]
    bar: float
    models: int
    baseline_models: int


def records_for(shape: tuple[int, ...]) -> Records:
    """10,000 images of clothing, or 4,000 records of a hundred numbers with two classes that can be learned."""
    if shape == (100,):
        x, y = made_up(100)
        return from_arrays([(x, y)])[0]
    records = fashion_mnist()
    part = derived_rng(0, "shadow training").permutation(len(records))[:10_000]
    return from_arrays([(records.x[part].reshape(len(part), *shape), records.y[part])])[0]


def made_up(features: int, n: int = 4000) -> tuple[Array, Array]:
    """Two classes that can be learned, not perfectly."""
    x, y = make_classification(n, features, n_informative=20, n_redundant=0, class_sep=1.5, random_state=0)
    return (x / x.std()).astype(np.float32), y


def plain(recipe: TorchRecipe, records: Records, seed: int) -> nn.Module:
    """What one writes without thinking about speed: one model, one loop."""
    torch.manual_seed(seed)
    module = recipe.factory()
    optimizer = torch.optim.Adam(module.parameters(), lr=recipe.learning_rate)
    x, y = torch.from_numpy(records.x), torch.from_numpy(records.y)
    for _ in range(recipe.epochs):
        for batch in torch.randperm(len(x)).split(recipe.batch_size):
            optimizer.zero_grad()
            functional.cross_entropy(module(x[batch]), y[batch]).backward()
            optimizer.step()
    return module.eval()


def accuracy(module: nn.Module, records: Records) -> float:
    """Share of right predictions."""
    with torch.inference_mode():
        return float((module(torch.from_numpy(records.x)).argmax(dim=1).numpy() == records.y).mean())


def halves(models: int, n: int) -> Array:
    """Bool [models, n], half of each row True."""
    rng = np.random.default_rng(1)
    return np.stack([rng.permutation(n) < n // 2 for _ in range(models)])


def networks(case: Case) -> Iterator[Row]:
    """Ratio of seconds a model, and of accuracies."""
    records = records_for(case.shape)
    keep = halves(case.models, len(records))
    trainer = Trainer()
    loops: list[nn.Module] = []

    def loop(some: range) -> float:
        started = time.perf_counter()
        loops.extend(plain(case.recipe, records.take(keep[m]), m) for m in some)
        return time.perf_counter() - started

    loop(range(1))  # the allocator's first steps are slow, whoever makes them
    loops.clear()
    half = case.baseline_models // 2
    slow = loop(range(half))  # one half before and one after, since a machine's speed drifts
    started = time.perf_counter()
    found = dict(trainer.fit_many(case.recipe, records, keep, list(range(case.models))))
    fast = (time.perf_counter() - started) / case.models
    slow = (slow + loop(range(half, case.baseline_models))) / case.baseline_models
    yield Row(
        f"{case.name}: times as fast ({trainer.told[0].split(': ')[1].split(' (')[0]})", slow / fast, bar=case.bar
    )
    unseen = [records.take(~row) for row in keep[: case.baseline_models]]
    apart = [accuracy(a, u) - accuracy(found[m], u) for m, (a, u) in enumerate(zip(loops, unseen, strict=True))]
    yield Row(f"{case.name}: accuracy given up, points", 100 * abs(float(np.mean(apart))), bar=0.5, better="below")


def estimators(name: str, recipe: SklearnRecipe, models: int) -> Iterator[Row]:
    """Worker processes against one fit after the other."""
    (records,) = from_arrays([made_up(20, 8000)])
    keep = halves(models, len(records))
    workers = choose(recipe, records, keep, 2)
    dict(train(recipe, records, keep[:2], [0, 1], workers))  # the workers are started once for all that follows
    seconds = []
    for plan in (Plan(Way.SEQUENTIAL), workers):
        started = time.perf_counter()
        dict(train(recipe, records, keep, list(range(models)), plan))
        seconds.append(time.perf_counter() - started)
    yield Row(f"{name}: times as fast ({workers.way.value})", seconds[0] / seconds[1], bar=1.8)


def throughput() -> float:
    """Gigaflops a second of one large float32 product."""
    a = torch.randn(2048, 2048)
    work: Callable[[], torch.Tensor] = lambda: a @ a  # noqa: E731
    work()
    started = time.perf_counter()
    for _ in range(10):
        work()
    return 10 * 2 * 2048**3 / (time.perf_counter() - started) / 1e9


def scaling(quick: bool) -> Iterator[Row]:
    """Seconds a model at growing numbers of models, and the share of the machine's throughput that they reach."""
    recipe = TorchRecipe(wide, epochs=2 if quick else 5, batch_size=128)
    records = records_for((784,))
    peak = throughput()
    for models in (16, 64) if quick else (16, 64, 256):
        keep = halves(models, len(records))
        started = time.perf_counter()
        for _ in Trainer().fit_many(recipe, records, keep, list(range(models))):
            pass
        took = time.perf_counter() - started
        yield Row(f"784-256-10, {models} models: seconds a model", took / models)
        flops = (
            2 * 3 * (784 * 256 + 256 * 10) * 5000 * recipe.epochs * models
            - 2 * 784 * 256 * 5000 * recipe.epochs * models
        )
        yield Row(f"784-256-10, {models} models: share of {peak:.0f} GFLOP/s", flops / took / 1e9 / peak)


def measure(quick: bool) -> Iterator[Row]:
    """All of it."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    epochs = 3 if quick else 10
    cases = (
        Case("MLP 100-64-2", TorchRecipe(small, epochs=5 * epochs, batch_size=64), (100,), 10, 64, 8),
        Case("MLP 784-256-10", TorchRecipe(wide, epochs=epochs, batch_size=128), (784,), 3, 32 if quick else 64, 8),
        Case(
            "small CNN", TorchRecipe(convolutional, epochs=epochs, batch_size=128), (1, 28, 28), 2, 8, 2 if quick else 6
        ),
    )
    for case in cases:
        yield from networks(case)
    yield from estimators("random forest", SklearnRecipe(RandomForestClassifier(60)), 16 if quick else 48)
    logistic = SklearnRecipe(LogisticRegression(C=100.0, max_iter=2000, tol=1e-9, solver="saga"))
    yield from estimators("logistic regression", logistic, 16 if quick else 64)
    yield from scaling(quick)


if __name__ == "__main__":
    main("How fast are shadow models trained?", measure)
