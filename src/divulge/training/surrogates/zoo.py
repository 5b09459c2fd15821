"""Networks of many designs, for an attack that learns to tell designs apart (Oh et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Generator, nn

from divulge.core.errors import InputError
from divulge.core.hashing import derived_seed
from divulge.core.records import Records
from divulge.core.views.extraction import NetworkDesign
from divulge.training.engines.engine import cores
from divulge.training.surrogates.net_student import NetStudent, inputs

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "elu": nn.ELU}
RATES = {"adam": 1e-3, "sgd": 0.1, "rmsprop": 1e-3}
EPOCHS = 12


def build(design: NetworkDesign, features: int, outputs: int) -> nn.Sequential:
    """An untrained network of a design."""
    if design.activation not in ACTIVATIONS:
        raise InputError(f"activation {design.activation!r} is unknown: choose one of {', '.join(ACTIVATIONS)}")
    parts: list[nn.Module] = [nn.Flatten()]
    size = features
    for _ in range(design.depth):
        parts += [nn.Linear(size, design.width), ACTIVATIONS[design.activation]()]
        parts += [nn.Dropout(design.dropout)] if design.dropout else []
        size = design.width
    return nn.Sequential(*parts, nn.Linear(size, outputs))


def train_one(records: Records, design: NetworkDesign, seed: int, epochs: int = EPOCHS) -> nn.Sequential:
    """A network of a design, trained on its share of the records; equal seeds give equal weights, in threads too, since
    all that is drawn comes from a generator of its own.
    """
    generator = Generator().manual_seed(seed)
    x, y = inputs(records), torch.from_numpy(records.y.astype(np.int64))
    rows = torch.randperm(len(x), generator=generator)[: max(int(design.share * len(x)), design.batch_size)]
    module = build(design, x[0].numel(), len(records.schema.classes))
    for part in module.modules():
        if isinstance(part, nn.Linear):
            bound = part.in_features**-0.5
            with torch.no_grad():
                part.weight.uniform_(-bound, bound, generator=generator)
                part.bias.uniform_(-bound, bound, generator=generator)
    optimizer = _optimizer(design, module)
    module.train()
    for _ in range(epochs):
        order = rows[torch.randperm(len(rows), generator=generator)]
        for start in range(0, len(order), design.batch_size):
            batch = order[start : start + design.batch_size]
            optimizer.zero_grad(set_to_none=True)
            out = _forward(module, x[batch], generator)
            nn.functional.cross_entropy(out, y[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return module.eval()


def _forward(module: nn.Sequential, x: torch.Tensor, generator: Generator) -> torch.Tensor:
    """Training-time pass with dropout from a generator of its own, so that threads do not share one."""
    for part in module:
        if isinstance(part, nn.Dropout):
            keep = torch.rand(x.shape, generator=generator) >= part.p
            x = x * keep / (1 - part.p)
        else:
            x = part(x)
    return x


def _optimizer(design: NetworkDesign, module: nn.Module) -> torch.optim.Optimizer:
    rate = RATES.get(design.optimizer)
    if rate is None:
        raise InputError(f"optimiser {design.optimizer!r} is unknown: choose one of {', '.join(RATES)}")
    if design.optimizer == "sgd":
        return torch.optim.SGD(module.parameters(), lr=rate, momentum=0.5)
    kind = torch.optim.Adam if design.optimizer == "adam" else torch.optim.RMSprop
    return kind(module.parameters(), lr=rate)


def train_zoo(records: Records, designs: Sequence[NetworkDesign], seed: int) -> list[NetStudent]:
    """A network for each design, in threads of one core each."""
    seeds = [derived_seed(seed, "zoo", str(number)) for number in range(len(designs))]
    by_cost = sorted(range(len(designs)), key=lambda n: -designs[n].depth * designs[n].share / designs[n].batch_size)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    networks: dict[int, nn.Sequential] = {}
    try:
        with ThreadPoolExecutor(cores()) as pool:
            for number, module in zip(
                by_cost, pool.map(lambda n: train_one(records, designs[n], seeds[n]), by_cost), strict=True
            ):
                networks[number] = module
    finally:
        torch.set_num_threads(before)
    return [NetStudent(networks[number]) for number in range(len(designs))]
