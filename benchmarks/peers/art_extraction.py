"""ART's extraction attacks on the same victims.  Runs in an environment of its own.

`given` holds either weights of a network with one hidden layer (exact = 1: w0 [hidden, in], b0, w1 [out, hidden], b1 in
double precision), or a victim's weights, thieving records, unseen records and numbers of queries (exact = 0).
"""

from __future__ import annotations

import signal
import sys
import time
import warnings
from typing import Any

import numpy as np
import torch
from art.attacks.extraction import CopycatCNN, FunctionallyEquivalentExtraction, KnockoffNets
from art.estimators.classification import BlackBoxClassifierNeuralNetwork, PyTorchClassifier
from torch import nn

POINTS = 10_000
EPOCHS = 20
PATIENCE = 120


class Late(Exception):
    """ART took longer than PATIENCE seconds."""


def give_up(*_: object) -> None:
    raise Late


def exact(given: Any) -> dict[str, Any]:
    """Functionally equivalent extraction: queries, seconds, largest error of a logit on random points."""
    w0, b0, w1, b1 = (given[name] for name in ("w0", "b0", "w1", "b1"))
    asked = [0]

    def victim(x: np.ndarray) -> np.ndarray:
        asked[0] += len(x)
        out = np.maximum(np.asarray(x, dtype=np.float64) @ w0.T + b0, 0) @ w1.T + b1
        return np.column_stack([out, -out]) if out.shape[1] == 1 else out  # ART wants two columns at least

    features, outputs = w0.shape[1], max(len(w1), 2)
    estimator = BlackBoxClassifierNeuralNetwork(victim, (features,), outputs, channels_first=True)
    attack = FunctionallyEquivalentExtraction(estimator, num_neurons=len(w0))
    rng = np.random.default_rng(0)
    np.random.seed(0)  # noqa: NPY002  # ART draws from it
    started, error = time.perf_counter(), np.inf
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    try:
        copy = attack.extract(rng.uniform(-0.5, 0.5, (2_000, features)))
        signal.alarm(0)
        queries, took = asked[0], time.perf_counter() - started
        x = rng.uniform(-0.5, 0.5, (POINTS, features))
        error = float(np.abs(copy.predict(x) - victim(x)).max())
    except (AssertionError, Late, ValueError, FloatingPointError) as reason:
        signal.alarm(0)
        queries, took = asked[0], time.perf_counter() - started
        print(f"ART: {type(reason).__name__}: {reason}", file=sys.stderr)
    return {"queries": queries, "seconds": took, "error": error}


def network() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))


def classifier(module: nn.Module) -> PyTorchClassifier:
    """For logits: the loss is the one that fits them."""
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    return PyTorchClassifier(module, nn.CrossEntropyLoss(), (28, 28), 10, optimizer=optimizer)


class Softmaxed(nn.Module):
    """A victim that answers with probabilities, as its interface does."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.inner(x), dim=1)


def learned(given: Any) -> dict[str, Any]:
    """Agreement on unseen records after each number of queries."""
    module = network()
    module.load_state_dict({name: torch.from_numpy(given[name]) for name in module.state_dict()})
    victim = classifier(Softmaxed(module))
    held = given["held"].astype(np.float32)
    answer = victim.predict(held).argmax(axis=1)
    found: dict[str, list[float]] = {"copycat": [], "knockoff": []}
    for queries in given["queries"].tolist():
        x = given["x"][:queries].astype(np.float32)
        common = {"batch_size_fit": 64, "batch_size_query": 512, "nb_epochs": EPOCHS, "nb_stolen": queries}
        for name, kind, extra in (
            ("copycat", CopycatCNN, {}),
            ("knockoff", KnockoffNets, {"sampling_strategy": "random", "verbose": False}),
        ):
            torch.manual_seed(0)
            np.random.seed(0)  # noqa: NPY002  # ART draws from it
            thief = classifier(network())
            attack = kind(victim, **common, **extra, use_probability=name == "knockoff")
            copy = attack.extract(x, np.zeros(len(x), dtype=int), thieved_classifier=thief)
            found[name].append(float((copy.predict(held).argmax(axis=1) == answer).mean()))
    return {name: np.array(values) for name, values in found.items()}


def main(source: str, answer: str) -> None:
    """See the module's docstring."""
    warnings.filterwarnings("ignore")
    with np.load(source) as given:
        np.savez(answer, **(exact(given) if int(given["exact"]) else learned(given)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
