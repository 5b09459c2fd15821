"""Data, small networks, and the way from both to a handshake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits, make_classification, make_regression
from torch import nn

from divulge.auditing.handshake import shake
from divulge.core.results.handshake import Handshake
from divulge.setup.assemble import job_from_records
from divulge.setup.settings import Options
from divulge.setup.sources.recipes_from import recipe_for
from divulge.setup.sources.records_from import met, records_from
from divulge.setup.sources.targets_from import target_from

Pair = tuple[Any, Any]


@dataclass(frozen=True)
class Case:
    """A model as an audit is given it, with what it is asked about; recipe: as `divulge.audit` takes it."""

    model: Any
    members: Pair
    nonmembers: Pair
    recipe: Any = "auto"

    def handshake(self) -> Handshake:
        """What the handshake says of it."""
        target = target_from(self.model)
        sets = met(target, records_from(target, self.members, self.nonmembers, classes=self._stated(target)))
        job = job_from_records(
            target,
            sets,
            Options(attacks=["loss"] if target.task.value == "classification" else None, duplicates="keep"),
            recipe=recipe_for(self.recipe, self.model, target),
        )
        return shake(job)

    def _stated(self, target: Any) -> list[Any] | None:
        """The classes in the order of the alphabet, as an owner says who believes in it; none where labels are numbers,
        or where the model knows them.
        """
        labels = np.unique(np.concatenate([np.asarray(pair[1]) for pair in (self.members, self.nonmembers)]))
        needed = getattr(target, "needs_classes", False) and not getattr(target, "classes", ())
        ordered = labels.dtype.kind in "iu" and labels.min() >= 0
        return labels.tolist() if needed and labels.dtype.kind != "f" and not ordered else None


Made = Callable[[], Case]


@cache
def patients(noise: float = 0.0, scaled: bool = False) -> tuple[Pair, Pair]:
    """Breast cancer in two halves, with labels turned round at this rate; scaled: columns standardised."""
    x, y = load_breast_cancer(return_X_y=True)
    return _halves(x, y, noise, scaled)


@cache
def digits(noise: float = 0.0) -> tuple[Pair, Pair]:
    """Handwritten digits, 8 x 8, 0 to 16, in two parts of 600."""
    x, y = load_digits(return_X_y=True)
    return _halves(x, y, noise, False, 600)


@cache
def table(classes: int = 2, seed: int = 0, records: int = 1200, **how: Any) -> tuple[Pair, Pair]:
    """A made table of 12 columns."""
    settings = {"n_features": 12, "n_informative": 8, "n_redundant": 0, "class_sep": 1.5, "flip_y": 0.05} | how
    settings["weights"] = list(settings["weights"]) if "weights" in settings else None
    x, y = make_classification(records, n_classes=classes, random_state=seed, **settings)
    return _halves(x, y, 0.0, False)


@cache
def values(noise: float = 20.0) -> tuple[Pair, Pair]:
    """A made table with a value to predict, 800 records, mean 300."""
    x, y = make_regression(800, 10, noise=noise, bias=300, random_state=0)
    return _halves(x, y, 0.0, False)


def _halves(x: Any, y: Any, noise: float, scaled: bool, size: int | None = None) -> tuple[Pair, Pair]:
    rng = np.random.default_rng(0)
    order = rng.permutation(len(x))
    x, y = x[order], y[order]
    if noise:
        wrong = rng.random(len(y)) < noise
        y = np.where(wrong, (y + rng.integers(1, y.max() + 1, len(y))) % (y.max() + 1), y)
    if scaled:
        x = (x - x.mean(axis=0)) / x.std(axis=0)
    size = size or len(x) // 2
    return (x[:size], y[:size]), (x[size : 2 * size], y[size : 2 * size])


def net(columns: int, classes: int, hidden: int = 64) -> nn.Sequential:
    """One hidden layer."""
    return nn.Sequential(nn.Linear(columns, hidden), nn.ReLU(), nn.Linear(hidden, classes))


def trained(
    module: nn.Module, x: Any, y: Any, epochs: int = 150, rate: float = 5e-3, tokens: bool = False
) -> nn.Module:
    """The module after full-batch Adam; for float targets by squared error."""
    torch.manual_seed(0)
    for layer in module.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    inputs = torch.as_tensor(np.asarray(x), dtype=torch.long if tokens else torch.float32)
    truth = torch.as_tensor(np.asarray(y))
    optimizer = torch.optim.Adam(module.parameters(), rate)
    module.train()
    for _ in range(epochs):
        optimizer.zero_grad()
        out = module(inputs)
        if truth.is_floating_point():
            loss = nn.functional.mse_loss(out.squeeze(-1), truth.float())
        else:
            loss = nn.functional.cross_entropy(out, truth.long())
        loss.backward()
        optimizer.step()
    return module.eval()


def scores_of(module: nn.Module) -> Callable[[Any], Any]:
    """A module as a function from x to probabilities, in whatever mode it is left in."""

    def scores(x: Any) -> Any:
        with torch.no_grad():
            return module(torch.as_tensor(np.asarray(x), dtype=torch.float32)).softmax(dim=1).double().numpy()

    return scores
