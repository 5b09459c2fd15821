"""The models that are attacked: every estimator of the first table, and networks of ten architectures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimators import zoo

INPUTS = 4
WIDE = 16
HELD, PUBLIC = 300, 600
STEPS = 80


@dataclass(frozen=True)
class Subject:
    """One model to be attacked.  make: what fits it.  inputs: how many.  classes: 0 for regression.  neurons: whether
    it is a network with one hidden layer of ReLU in double precision.
    """

    name: str
    library: str
    make: Callable[[Any, Any], Any]
    inputs: int = INPUTS
    classes: int = 3
    neurons: bool = False


@dataclass(frozen=True)
class Tables:
    """Training, unseen and public records with their labels or values."""

    own: tuple[Any, Any]
    held: tuple[Any, Any]
    public: tuple[Any, Any]


def tables(subject: Subject, seed: int = 0) -> Tables:
    """Records [.., inputs] in [0, 3]; three classes by a difference of two inputs, or positive values."""

    def drawn(count: int, part: int) -> tuple[Any, Any]:
        rng = np.random.default_rng([seed, part])
        x = rng.uniform(0, 3, (count, subject.inputs))
        score = x[:, 0] - x[:, 1] + 0.5 * rng.normal(size=count)
        bounds = [-0.7, 0.7] if subject.classes == 3 else [0.0]
        y = np.digitize(score, bounds) if subject.classes else np.exp(score / 2)
        return x, y

    return Tables(drawn(zoo.RECORDS, 0), drawn(HELD, 1), drawn(PUBLIC, 2))


def subjects() -> Iterator[Subject]:
    """All of them."""
    for case in (*zoo.sklearn_cases(), *zoo.booster_cases()):
        if case.form != "array" or case.owner is not None:
            continue
        classes = 0 if not case.classifies else 2 if case.name in zoo.BINARY else 3
        relu = case.name in ("MLPClassifier", "MLPRegressor")
        yield Subject(case.name, case.library, case.make, INPUTS, classes, relu)
    yield from networks()


def networks() -> Iterator[Subject]:
    """Ten architectures of PyTorch; none where it is not installed."""
    try:
        import torch
    except ModuleNotFoundError:
        return
    from attacked import architectures as kinds

    for name, build, kind in (
        ("ReLU MLP, float64", kinds.perceptron, torch.float64),
        ("ReLU MLP, float32", kinds.perceptron, torch.float32),
        ("ReLU MLP, bfloat16", kinds.perceptron, torch.bfloat16),
        ("GELU MLP, float64", kinds.smooth, torch.float64),
        ("tanh MLP, float64", kinds.bounded, torch.float64),
        ("MLP with BatchNorm and dropout, float32", kinds.normed, torch.float32),
        ("ResNet with BatchNorm, float32", kinds.Residual, torch.float32),
        ("LSTM, float32", kinds.Recurrent, torch.float32),
        ("ViT-like, float32", kinds.Attentive, torch.float32),
        ("ViT-like, bfloat16", kinds.Attentive, torch.bfloat16),
    ):
        made = kinds.trained(build, kind, STEPS)
        yield Subject(name, "PyTorch", made, WIDE, 3, neurons=name == "ReLU MLP, float64")
