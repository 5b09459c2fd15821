"""Settings: hyper-parameters, hidden width, architecture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import torch
from scipy import stats
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from torch import nn

from divulge.attacks.extraction.architecture import CHOICES, Reader, random_designs
from divulge.attacks.extraction.objectives import solve
from divulge.catalog.attacks import attack
from divulge.data.arrays import from_arrays
from divulge.data.sources import breast_cancer, fashion_mnist
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.surrogates.zoo import train_zoo
from harness import Row
from stealing.playing import split, steal


def settings() -> Iterator[Row]:
    """Hyper-parameters from parameters and training data."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    for model, name, true, bar in (
        (Ridge(0.37), "alpha", 0.37, 1e-6),
        (Lasso(0.05, tol=1e-10, max_iter=100_000), "alpha", 0.05, None),
        (ElasticNet(0.01, l1_ratio=0.3, tol=1e-12, max_iter=100_000), "l1_ratio", 0.3, None),
        (KernelRidge(alpha=0.2, kernel="rbf"), "alpha", 0.2, None),
    ):
        found = solve(model.fit(x, y), x, y)[name].value
        yield Row(f"{type(model).__name__} {name}: relative error", abs(found / true - 1), bar=bar, better="below")
    own = breast_cancer()
    x, y = StandardScaler().fit_transform(own.flat()), own.y
    for model, true, bar in (
        (LogisticRegression(C=0.7, tol=1e-8, max_iter=10_000), 0.7, 1e-3),
        (LinearSVC(C=0.3, tol=1e-10, max_iter=1_000_000), 0.3, None),
        (SVC(C=0.4), 0.4, None),
    ):
        found = solve(model.fit(x, y), x, y)["C"].value
        yield Row(f"{type(model).__name__} C: relative error", abs(found / true - 1), bar=bar, better="below")


def width() -> Iterator[Row]:
    """Hidden width from the rank of logits."""
    x = np.random.default_rng(0).standard_normal((2_000, 64)).astype(np.float32)
    (records,) = from_arrays([(x, np.arange(2_000) % 100)])
    for hidden in (16, 37, 64):
        torch.manual_seed(hidden)
        target = TorchTarget(
            nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, hidden), nn.ReLU(), nn.Linear(hidden, 100))
        )
        guess, _, oracle, _ = steal(target, records, attack("last_layer"))
        found = float(guess.claims[0].value)
        yield Row(
            f"hidden width {hidden}, 100 classes, {oracle.queries} queries: error",
            abs(found - hidden),
            bar=0,
            better="below",
        )


def architecture(quick: bool) -> Iterator[Row]:
    """Seven attributes of unseen networks."""
    pool, theirs, sent = split(fashion_mnist(), (1_000, 1_000, 200) if quick else (3_000, 3_000, 200))
    rng = np.random.default_rng(0)
    mine, victims = random_designs(rng, 30 if quick else 400), random_designs(rng, 12 if quick else 100)
    own = np.stack([net.log_scores(sent) for net in train_zoo(pool, mine, 1)])
    seen = np.stack([net.log_scores(sent) for net in train_zoo(theirs, victims, 2)])
    reader, p_values = Reader(own, mine, 0), {}
    for name, values in CHOICES.items():
        truth = [asdict(design)[name] for design in victims]
        right = sum(a == b for a, b in zip(reader.read(name, seen), truth, strict=True))
        test = stats.binomtest(right, len(victims), 1 / len(values), alternative="greater")
        p_values[name] = test.pvalue
        interval = stats.binomtest(right, len(victims)).proportion_ci(1 - 0.05 / len(CHOICES), "exact")
        yield Row(
            f"architecture, {name} (chance {1 / len(values):.2f})", right / len(victims), interval.low, interval.high
        )
    ordered = sorted(p_values.values())
    above = 0
    for place, p in enumerate(ordered):
        if p > 0.05 / (len(ordered) - place):
            break
        above += 1
    yield Row("architecture: attributes above chance (Holm), of 7", above, bar=None if quick else 5)
