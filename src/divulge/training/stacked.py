"""Many networks trained as one: their weights are stacked, and every step is a batched matrix product.

The networks do not meet: network m sees its own records in its own order and starts from its own weights, so in
float32 the result is that of training one after the other, up to the order of additions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.threat import Task

if TYPE_CHECKING:
    from divulge.training.pytorch import TorchRecipe

ELEMENTWISE = (
    *(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Identity, nn.Dropout),
    *(nn.Hardtanh, nn.ReLU6, nn.SELU, nn.CELU, nn.Mish),
)


def layers(module: nn.Module) -> list[nn.Module] | None:
    """The layers of a network of linear and elementwise layers, in order; None for any other kind."""
    if isinstance(module, nn.Linear | nn.Flatten) or type(module) in ELEMENTWISE:
        return [module]
    if type(module) is not nn.Sequential:
        return None
    found = [layers(part) for part in module]
    return None if any(f is None for f in found) else [layer for f in found if f is not None for layer in f]


class Stack:
    """The weights of several networks of one kind: for each linear layer [models, inputs, outputs] and a bias."""

    def __init__(self, modules: Sequence[nn.Module], device: str, half: bool) -> None:
        kinds = [layers(module) for module in modules]
        assert kinds[0] is not None
        self._kind, self._half = kinds[0], half
        self.parameters: list[Tensor] = []
        for place, layer in enumerate(self._kind):
            if isinstance(layer, nn.Linear):
                same = [cast(nn.Linear, kind[place]) for kind in kinds if kind is not None]
                weights = torch.stack([m.weight.detach().T for m in same])
                self.parameters.append(weights.to(device).contiguous().requires_grad_())
                if layer.bias is not None:
                    bias = torch.stack([m.bias.detach() for m in same])
                    self.parameters.append(bias[:, None].to(device).requires_grad_())

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [models, batch, outputs] for inputs [models, batch, inputs]."""
        parameters = iter(self.parameters)
        for layer in self._kind:
            if isinstance(layer, nn.Linear):
                weights = next(parameters)
                bias = next(parameters) if layer.bias is not None else None
                x = _product(x, weights, bias, self._half)
            elif not isinstance(layer, nn.Flatten):
                x = layer(x)
        return x

    def unstack(self, modules: Sequence[nn.Module]) -> None:
        """Write the weights back into the networks."""
        with torch.no_grad():
            for number, module in enumerate(modules):
                parameters = iter(self.parameters)
                for layer in layers(module) or []:
                    if isinstance(layer, nn.Linear):
                        layer.weight.copy_(next(parameters)[number].T)
                        if layer.bias is not None:
                            layer.bias.copy_(next(parameters)[number, 0])


def _product(x: Tensor, weights: Tensor, bias: Tensor | None, half: bool) -> Tensor:
    if half:
        out = torch.bmm(x.to(torch.bfloat16), weights.to(torch.bfloat16)).float()
        return out if bias is None else out + bias
    return torch.bmm(x, weights) if bias is None else torch.baddbmm(bias, x, weights)


def train_stacked(
    recipe: TorchRecipe,
    records: Records,
    keep: Array,
    seeds: Sequence[int],
    *,
    device: str = "cpu",
    half: bool = False,
    steps: int | None = None,
) -> list[nn.Module]:
    """One network for each row of `keep` (bool [models, records], equally many True in each), trained together.

    half: multiply in bfloat16, add and update in float32.  steps: stop after so many, to measure.
    """
    modules, generators = [], []
    for seed in seeds:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            modules.append(recipe.factory())
            generator = torch.Generator()
            generator.set_state(torch.get_rng_state())
            generators.append(generator)
    stack = Stack(modules, device, half)
    regression = records.schema.task is Task.REGRESSION
    x = torch.from_numpy(np.ascontiguousarray(records.x.reshape(len(records), -1), dtype=np.float32)).to(device)
    x = x.to(torch.bfloat16) if half else x
    y = torch.from_numpy(records.y.astype(np.float32 if regression else np.int64)).to(device)
    rows = torch.from_numpy(np.stack([np.flatnonzero(row) for row in keep]))
    optimiser = recipe.optimiser_for(stack.parameters, fused=True)
    for batch in islice(_batches(recipe, rows, generators), steps):
        here = batch.to(device)
        optimiser.zero_grad(set_to_none=True)
        _loss(stack.forward(x[here]), y[here], regression).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    stack.unstack(modules)
    return [module.eval() for module in modules]


def _batches(recipe: TorchRecipe, rows: Tensor, generators: Sequence[torch.Generator]) -> Iterator[Tensor]:
    """Positions [models, batch] of the records of each step, each network's in an order of its own."""
    for _ in range(recipe.epochs):
        order = torch.stack([torch.randperm(rows.shape[1], generator=g) for g in generators])
        yield from torch.split(rows.gather(1, order), recipe.batch_size, dim=1)


def _loss(outputs: Tensor, y: Tensor, regression: bool) -> Tensor:
    """The sum over networks of their mean losses, so that each gets the gradient it would get alone."""
    if regression:
        return functional.mse_loss(outputs[..., 0], y, reduction="sum") / y.shape[1]
    if outputs.shape[-1] == 1:
        return functional.binary_cross_entropy_with_logits(outputs[..., 0], y.float(), reduction="sum") / y.shape[1]
    return functional.cross_entropy(outputs.flatten(0, 1), y.flatten(), reduction="sum") / y.shape[1]
