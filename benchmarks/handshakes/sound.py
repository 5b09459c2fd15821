"""Forty models with nothing between them and their owner, many of them poor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from divulge.targets.function import FunctionTarget
from divulge.targets.networks.pytorch import TorchTarget
from divulge.training.recipes.pytorch import TorchRecipe
from handshakes.cases import Case, Made, Pair, digits, net, patients, table, trained, values


def _fitted(name: str, model: Any, sets: Any, recipe: Any = "auto", shown: Any = None) -> Made:
    """shown: from the fitted model to what is audited, where that is not the model itself."""

    def case() -> Case:
        inside, outside = sets()
        fitted = model().fit(*inside)
        return Case(fitted if shown is None else shown(fitted), inside, outside, recipe)

    case.__name__ = name
    return case


def _noise_alone(records: int = 600) -> tuple[Pair, Pair]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2 * records, 8)), rng.integers(0, 2, 2 * records)
    return (x[:records], y[:records]), (x[records:], y[records:])


def _checkerboard() -> tuple[Pair, Pair]:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(1200, 4))
    y = ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(int)
    return (x[:600], y[:600]), (x[600:], y[600:])


def _rare() -> tuple[Pair, Pair]:
    return table(seed=20, records=3000, weights=(0.97,), flip_y=0.02)


def _rare_of_five() -> tuple[Pair, Pair]:
    return table(5, seed=21, records=2000, weights=(0.8, 0.1, 0.05, 0.03), flip_y=0.02)


def _few(count: int) -> Any:
    (x, y), (u, v) = patients(0.1)
    return (x[:count], y[:count]), (u[:count], v[:count])


class NoisyLine(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Logistic regression with noise on its weights, as output perturbation adds it."""

    def __init__(self, noise: float = 0.3, random_state: int = 0) -> None:
        self.noise, self.random_state = noise, random_state

    def fit(self, x: Any, y: Any) -> NoisyLine:
        self.line_ = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
        last = self.line_[-1]
        last.coef_ = last.coef_ + self.noise * np.random.default_rng(self.random_state).laplace(size=last.coef_.shape)
        self.classes_ = self.line_.classes_
        return self

    def predict(self, x: Any) -> Any:
        return self.line_.predict(x)

    def predict_proba(self, x: Any) -> Any:
        return self.line_.predict_proba(x)


def _small_net() -> nn.Module:
    return net(12, 3)


def _net(name: str, module: Any, recipe: Any = None, sets: Any = None, **how: Any) -> Made:
    def case() -> Case:
        inside, outside = (sets or (lambda: table(3, seed=22)))()
        return Case(trained(module(), *inside, **how), inside, outside, recipe)

    case.__name__ = name
    return case


class Sigmoid(nn.Module):
    """One output, through a sigmoid."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.end = inner, nn.Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.end(self.inner(x)[:, 1:] - self.inner(x)[:, :1])


def sigmoid_at_the_end() -> Case:
    inside, outside = table(seed=23)
    return Case(Sigmoid(trained(net(12, 2), *inside)), inside, outside, None)


def network_of_values() -> Case:
    inside, outside = values()
    module = trained(nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 1)), inside[0], inside[1] / 300, 400)
    pairs = [(x, y / 300) for x, y in (inside, outside)]
    from divulge.core.threat import Task

    return Case(TorchTarget(module, task=Task.REGRESSION), pairs[0], pairs[1], None)


def categories_in_a_frame() -> Case:
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"job": rng.choice(list("abcde"), 800), "age": rng.normal(40, 10, 800)})
    y = ((x["job"].isin(["a", "d"])) ^ (rng.random(800) < 0.2)).astype(int).to_numpy()
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["job"]), remainder="passthrough")
    model = make_pipeline(encode, RandomForestClassifier(40, max_depth=4, random_state=0)).fit(x[:400], y[:400])
    return Case(model, (x[:400], y[:400]), (x[400:], y[400:]))


def trained_on_more_records() -> Case:
    """Only a part of its members is asked about."""
    inside, outside = table(seed=24, records=4000, flip_y=0.2)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(*inside)
    return Case(model, (inside[0][:300], inside[1][:300]), (outside[0][:300], outside[1][:300]))


SOUND: list[Made] = [
    _fitted("line", lambda: LogisticRegression(max_iter=5000), lambda: patients(0.1)),
    _fitted("forest", lambda: RandomForestClassifier(random_state=0), lambda: patients(0.1)),
    _fitted("tree", lambda: DecisionTreeClassifier(max_depth=4), lambda: patients(0.1)),
    _fitted("boosting", lambda: GradientBoostingClassifier(random_state=0), lambda: patients(0.1)),
    _fitted("neighbours", KNeighborsClassifier, lambda: patients(0.1)),
    _fitted("kernel", SVC, lambda: patients(0.1)),
    _fitted("network", lambda: MLPClassifier((30,), max_iter=200, random_state=3), lambda: patients(0.1)),
    _fitted("adaboost", lambda: AdaBoostClassifier(random_state=0), patients),
    _fitted("line on noise", LogisticRegression, _noise_alone),
    _fitted("forest on noise", lambda: RandomForestClassifier(random_state=0), _noise_alone),
    _fitted("line on a checkerboard", LogisticRegression, _checkerboard),
    _fitted("strongly regularised", lambda: LogisticRegression(C=1e-5), lambda: patients(0.0, True)),
    _fitted("always the commonest", DummyClassifier, patients),
    _fitted("rare class", lambda: LogisticRegression(C=0.01), _rare),
    _fitted("rare class, weighted", lambda: LogisticRegression(class_weight="balanced"), _rare),
    _fitted("rare class, forest", lambda: RandomForestClassifier(random_state=0), _rare),
    _fitted("rare class, weighted far", lambda: LogisticRegression(class_weight={0: 1, 1: 1000}), _rare),
    _fitted("ten classes", lambda: LogisticRegression(max_iter=500), lambda: digits(0.2)),
    _fitted("ten classes, a stump", lambda: DecisionTreeClassifier(max_depth=1), digits),
    _fitted("five classes, some rare", lambda: RandomForestClassifier(max_depth=4, random_state=0), _rare_of_five),
    _fitted("ridge", Ridge, values),
    _fitted("ridge, shrunken", lambda: Ridge(alpha=5000), values),
    _fitted("the mean", DummyRegressor, values),
    _fitted("an upper quantile", lambda: HistGradientBoostingRegressor(loss="quantile", quantile=0.9), values),
    _fitted("kernel of values", SVR, values),
    _fitted("neighbours of values", lambda: KNeighborsRegressor(20), lambda: values(200.0)),
    _fitted("noisy weights", NoisyLine, lambda: patients(0.1)),
    _fitted("very noisy weights", lambda: NoisyLine(3.0), lambda: table(seed=25)),
    _net("network with its recipe", _small_net, TorchRecipe(_small_net, epochs=60, learning_rate=5e-3)),
    _net("network after two steps", _small_net, sets=lambda: table(3, seed=26, flip_y=0.3), epochs=2),
    _net("dropout, switched off", lambda: nn.Sequential(net(12, 32), nn.Dropout(0.5), nn.ReLU(), nn.Linear(32, 3))),
    _net("batch normalisation", lambda: nn.Sequential(nn.Linear(12, 32), nn.BatchNorm1d(32), nn.ReLU(), net(32, 3))),
    sigmoid_at_the_end,
    network_of_values,
    categories_in_a_frame,
    trained_on_more_records,
    _fitted(
        "weak line as a function",
        LogisticRegression,
        lambda: table(seed=27, flip_y=0.6),
        None,
        lambda m: m.predict_proba,
    ),
    _fitted(
        "labels of a tree",
        lambda: DecisionTreeClassifier(max_depth=3),
        lambda: table(seed=28),
        None,
        lambda m: FunctionTarget(m.predict, "labels"),
    ),
    _fitted(
        "boosting as a function", HistGradientBoostingClassifier, lambda: patients(0.2), None, lambda m: m.predict_proba
    ),
    _fitted("twenty records", lambda: DecisionTreeClassifier(max_depth=2), lambda: _few(10)),
]
"""Forty."""
