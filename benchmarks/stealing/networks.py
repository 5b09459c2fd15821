"""Parameters of ReLU networks, ART beside."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from divulge.catalog.attacks import attack
from divulge.core.results.metric import FIDELITY_BOUNDARY
from divulge.core.threat import Access
from divulge.data.arrays import from_arrays
from divulge.targets.networks.pytorch import TorchTarget
from harness import Row
from stealing.playing import agreement, peer, steal


def relu(quick: bool) -> Iterator[Row]:
    """ReLU networks in double precision, ART beside."""
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (12_000, 64))
    for shape in ((32, 8, 1), (16, 8, 4)) if quick else ((64, 16, 1), (64, 32, 10), (32, 16, 8, 4)):
        torch.manual_seed(0)
        parts: list[nn.Module] = []
        for a, b in pairwise(shape):
            parts += [nn.Linear(a, b), nn.ReLU()]
        module = nn.Sequential(*parts[:-1]).double()
        with torch.no_grad():
            out = module(torch.from_numpy(x[:, : shape[0]])).numpy()
        y = (out[:, 0] > 0).astype(int) if shape[-1] == 1 else out.argmax(axis=1)
        (records,) = from_arrays([(x[:, : shape[0]], y)], classes=list(range(max(shape[-1], 2))))
        held = records.take(np.arange(10_000))
        target, name = TorchTarget(module), "-".join(map(str, shape))
        made = attack("relu_network", hidden_layers=len(shape) - 2)
        guess, theft, oracle, took = steal(target, held, made)
        said, true = guess.surrogate.log_scores(held), target.answer(Access.SCORES, held)
        error = float(np.abs((said - said.mean(1, keepdims=True)) - (true - true.mean(1, keepdims=True))).max())
        yield Row(f"ReLU {name}: largest logit error on 10,000 points", error, bar=1e-6, better="below")
        for found in theft.exact:  # none where a neuron never switches
            yield Row(f"ReLU {name}: parameters recovered", found.recovered / found.values)
        if quick or len(shape) > 3:
            yield Row(f"ReLU {name}: queries", oracle.queries)
            yield Row(f"ReLU {name}: seconds", took)
            continue
        arrays = dict(zip(("w0", "b0", "w1", "b1"), (p.detach().numpy() for p in module.parameters()), strict=True))
        theirs = peer(exact=1, **arrays)
        yield Row(f"ReLU {name}: queries (bar: ART's)", oracle.queries, bar=float(theirs["queries"]), better="below")
        yield Row(f"ReLU {name}: seconds (bar: ART's)", took, bar=float(theirs["seconds"]), better="below")
        yield Row(f"ReLU {name}, ART: largest logit error (inf: no result in 120 s)", float(theirs["error"]))


def relu_labels(quick: bool) -> Iterator[Row]:
    """The same from labels alone, which takes minutes even for the smallest."""
    if quick:
        return
    for inputs, hidden in ((10, 8), (20, 10)):
        torch.manual_seed(1)
        module = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 1)).double()
        x = np.random.default_rng(0).uniform(-3, 3, (10_000, inputs))
        with torch.no_grad():
            module[-1].bias -= module(torch.from_numpy(x)).mean()
        (held,) = from_arrays([(x, np.arange(len(x)) % 2)])
        _, theft, oracle, took = steal(TorchTarget(module), held, attack("relu_network_from_labels"))
        name = f"ReLU {inputs}-{hidden}-1, labels only"
        yield agreement(f"{name}: agreement on 10,000 records", theft)
        yield agreement(f"{name}: agreement at the boundary", theft, FIDELITY_BOUNDARY)
        for found in theft.exact:
            yield Row(f"{name}: parameters recovered", found.recovered / found.values)
        yield Row(f"{name}: queries", oracle.queries)
        yield Row(f"{name}: seconds", took)
