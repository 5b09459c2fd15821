"""Networks of PyTorch, skorch and Keras, in the forms in which people write them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import divulge
from estimators.case import Case

STEPS = 60
BINARY_NETWORKS = ("Module, one logit", "Module, one probability")
"""Of two classes."""


def network_cases() -> Iterator[Case]:
    """All of them; those of a library that is not installed are left out."""
    yield from _torch()
    yield from _skorch()
    yield from _keras()


Form = tuple[str, bool, Callable[[], Any], Callable[[Any, Any], Any]]
"""Its name, whether it classifies, what builds it, and how its owner reads its answers."""


def _torch() -> Iterator[Case]:
    try:
        import torch  # noqa: F401  # without it there is nothing to try
    except ModuleNotFoundError:
        return
    for name, classifies, build, said in _forms():
        made = _trained(build, classifies, said)
        recipe = divulge.TorchRecipe(build, epochs=20, learning_rate=0.02, batch_size=60)
        yield Case(name, "PyTorch", "array", classifies, made, _asked(said), recipe=recipe)


def _forms() -> list[Form]:
    import torch
    from torch import nn

    def softmax(model: Any, x: Any) -> Any:
        said = model(x)
        return torch.softmax((said["logits"] if isinstance(said, dict) else said).double(), dim=1)

    def single(model: Any, x: Any) -> Any:
        return torch.sigmoid(model(x).double())[:, 0]

    def itself(model: Any, x: Any) -> Any:
        return model(x).double()

    def logarithms(model: Any, x: Any) -> Any:
        return itself(model, x).exp()

    named, sure = _modules()
    return [
        ("Module, logits", True, lambda: _layers(3), softmax),
        ("Module, ten outputs", True, lambda: _layers(10), softmax),
        ("Module, dropout and batch norm", True, lambda: _layers(3, nn.BatchNorm1d(24), nn.Dropout(0.3)), softmax),
        ("Module, double precision", True, lambda: _layers(3).double(), softmax),
        ("Module, a dictionary", True, named, softmax),
        ("Module, softmax", True, lambda: nn.Sequential(_layers(3), nn.Softmax(1)), itself),
        ("Module, log-softmax", True, lambda: nn.Sequential(_layers(3), nn.LogSoftmax(1)), logarithms),
        ("Module, one logit", True, lambda: _layers(1), single),
        ("Module, one probability", True, sure, itself),
        ("Module, one value", False, lambda: _layers(1), itself),
    ]


def _modules() -> tuple[type[Any], type[Any]]:
    """Modules that answer with a dictionary, and with one probability a record."""
    import torch
    from torch import nn

    class Named(nn.Module):
        """Answers with a dictionary."""

        def __init__(self) -> None:
            super().__init__()
            self.net = _layers(3)

        def forward(self, x: Any) -> Any:
            return {"logits": self.net(x)}

    class Sure(nn.Module):
        """One probability, by a function."""

        def __init__(self) -> None:
            super().__init__()
            self.net = _layers(1)

        def forward(self, x: Any) -> Any:
            return torch.sigmoid(self.net(x)).squeeze()

    return Named, Sure


def _layers(outputs: int, *between: Any) -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(4, 24), *between, nn.ReLU(), nn.Linear(24, outputs))


def _trained(build: Callable[[], Any], classifies: bool, said: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """What fits it: by the likelihood that it gives itself, or by squared error."""

    def make(x: Any, y: Any) -> Any:
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = build()
            wide = next(model.parameters()).dtype
            given, wanted = torch.tensor(x).to(wide), torch.tensor(y)
            adam = torch.optim.Adam(model.parameters(), 0.02)
            for _ in range(STEPS):
                adam.zero_grad()
                told = said(model, given)
                if not classifies:
                    loss = ((told.reshape(-1) - wanted) ** 2).mean()
                elif told.dim() == 2:
                    loss = -torch.log(told[torch.arange(len(y)), wanted]).mean()
                else:
                    loss = -torch.log(torch.where(wanted == 1, told, 1 - told)).mean()
                loss.backward()
                adam.step()
        return model

    return make


def _asked(said: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """As its owner asks it: in evaluation mode, all records at once."""

    def ask(model: Any, x: Any) -> Any:
        import torch

        mode = model.training
        model.eval()
        with torch.no_grad():
            told = said(model, torch.tensor(x).to(next(model.parameters()).dtype)).numpy()
        model.train(mode)
        return told

    return ask


def _skorch() -> Iterator[Case]:
    try:
        import skorch
        from torch import nn
    except ModuleNotFoundError:
        return
    from skorch import NeuralNetClassifier

    del skorch
    settings = {"max_epochs": 20, "lr": 0.05, "verbose": 0, "train_split": None, "device": "cpu"}

    def make(x: Any, y: Any) -> Any:
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = NeuralNetClassifier(_layers(3).double(), criterion=nn.CrossEntropyLoss, **settings)
            return net.fit(x, y.astype(np.int64))

    yield Case("NeuralNetClassifier", "skorch", "array", True, make)


def _keras() -> Iterator[Case]:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        import keras
    except ModuleNotFoundError:
        return

    def made(outputs: int, last: str | None, loss: str) -> Callable[[Any, Any], Any]:
        def make(x: Any, y: Any) -> Any:
            keras.utils.set_random_seed(0)
            layers = [keras.Input((4,)), keras.layers.Dense(24, "relu"), keras.layers.Dense(outputs, last)]
            model = keras.Sequential(layers)
            model.compile("adam", loss)
            model.fit(x, y, epochs=20, verbose=0)
            return model

        return make

    def told(model: Any, x: Any) -> Any:
        said = np.asarray(model.predict(x, verbose=0), dtype=np.float64)
        return said[:, 0] if said.shape[1] == 1 else said

    likely, wrong = "sparse_categorical_crossentropy", "mean_squared_error"
    yield Case("Sequential, softmax", "Keras", "array", True, made(3, "softmax", likely), told)
    yield Case("Sequential, one value", "Keras", "array", False, made(1, None, wrong), told)
