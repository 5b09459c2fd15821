"""Many networks trained as one: their weights are stacked, and every step is a batched matrix product.

The networks do not meet: network m sees its own records in its own order and starts from its own weights, so in
float32 the result is that of training one after the other, up to the order of additions.

What costs time beside the products is memory, so nothing is allocated in a step, gradients are written where the
optimiser reads them, and the optimiser goes through them in pieces that stay in a core's cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.threat import Task
from divulge.training.networks.optimizer_steps import WeightUpdate
from divulge.training.networks.sparse_layer import FEWEST_OUTPUTS, Apart, Bags, Sparse, apart

if TYPE_CHECKING:
    from divulge.training.recipes.pytorch import TorchRecipe

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


def stack_of(module: nn.Module) -> list[nn.Module] | None:
    """See `layers`; None also for a network that ends in a sigmoid, whose loss is another."""
    found = layers(module)
    last = next((part for part in reversed(found or []) if not isinstance(part, nn.Flatten | nn.Identity)), None)
    return None if isinstance(last, nn.Sigmoid) else found


class Room:
    """Memory for one result, used again whenever a result of the same size is wanted."""

    def __init__(self, kind: torch.dtype, device: str) -> None:
        self._kind, self._device = kind, device
        self._held: dict[tuple[int, ...], Tensor] = {}

    def of(self, *shape: int) -> Tensor:
        """Uninitialised memory of this shape."""
        if shape not in self._held:
            self._held[shape] = torch.empty(shape, dtype=self._kind, device=self._device)
        return self._held[shape]


class Dense:
    """One linear layer of all networks.  weight and gradient: [models, inputs, outputs]; bias: [models, 1, outputs]."""

    def __init__(self, weight: Tensor, weight_grad: Tensor, bias: Tensor | None, bias_grad: Tensor | None) -> None:
        self.weight, self.bias = weight, bias
        self._weight_grad, self._bias_grad = weight_grad, bias_grad
        self._out = Room(weight.dtype, str(weight.device))
        self._back = Room(weight.dtype, str(weight.device))
        self._x = weight

    def forward(self, x: Tensor) -> Tensor:
        """[models, batch, outputs] for x [models, batch, inputs], which must stay as it is until `backward`."""
        self._x = x
        out = self._out.of(x.shape[0], x.shape[1], self.weight.shape[2])
        if self.bias is None:
            return torch.bmm(x, self.weight, out=out)
        return torch.baddbmm(self.bias, x, self.weight, out=out)

    def backward(self, gradient: Tensor, wanted: bool) -> Tensor:
        """Keeps the gradients of weight and bias; returns that of x where it is wanted."""
        torch.bmm(self._x.transpose(1, 2), gradient, out=self._weight_grad)
        if self._bias_grad is not None:
            torch.sum(gradient, 1, keepdim=True, out=self._bias_grad)
        if not wanted:
            return gradient
        return torch.bmm(gradient, self.weight.transpose(1, 2), out=self._back.of(*self._x.shape))


class Rectifier:
    """ReLU, in place."""

    def forward(self, x: Tensor) -> Tensor:
        """max(x, 0)."""
        self._y = x.relu_()
        return self._y

    def backward(self, gradient: Tensor, wanted: bool) -> Tensor:
        """The gradient where the output is above 0."""
        back: Tensor = torch.ops.aten.threshold_backward(gradient, self._y, 0)
        return back


class Elementwise:
    """Any other elementwise layer; its derivative is autograd's."""

    def __init__(self, layer: nn.Module) -> None:
        self._layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        with torch.enable_grad():
            self._x = x.clone().requires_grad_()
            self._y = self._layer(self._x)
        return self._y.detach()  # type: ignore[no-any-return]

    def backward(self, gradient: Tensor, wanted: bool) -> Tensor:
        """The chain rule."""
        return torch.autograd.grad(self._y, self._x, gradient)[0]


class Stack:
    """Several networks of one kind, trained by hand-written steps.

    half: multiply in bfloat16; weights, their moments and their updates stay in float32.  usual: the first layer is
    given bags of what sets records apart from this one.
    """

    def __init__(
        self, recipe: TorchRecipe, modules: Sequence[nn.Module], device: str, half: bool, usual: Array | None = None
    ) -> None:
        self._kinds, self._usual = [layers(module) or [] for module in modules], usual
        self._update = WeightUpdate(recipe, len(modules) * recipe.parameter_bytes() // 4, device, half)
        self._layers: list[Dense | Sparse | Rectifier | Elementwise] = []
        start = 0
        for place, layer in enumerate(self._kinds[0]):
            if isinstance(layer, nn.Linear):
                start = self._dense(place, start)
            elif type(layer) is nn.ReLU:
                self._layers.append(Rectifier())
            elif not isinstance(layer, nn.Flatten | nn.Identity):
                self._layers.append(Elementwise(layer))
        self._update.begin()

    def _tensors(self, place: int) -> Iterator[tuple[str, Tensor]]:
        """Weight and bias of one linear layer, stacked: [models, inputs, outputs] and [models, 1, outputs]."""
        same = [kind[place] for kind in self._kinds]
        yield "weight", torch.stack([m.weight.detach().T for m in same])  # type: ignore[operator]
        if self._kinds[0][place].bias is not None:
            yield "bias", torch.stack([m.bias.detach()[None] for m in same])  # type: ignore[operator]

    def _dense(self, place: int, start: int) -> int:
        views: list[Tensor | None] = []
        for _, values in self._tensors(place):
            part = slice(start, start + values.numel())
            self._update.weights[part] = values.reshape(-1).to(self._update.weights.device)
            views += [flat[part].view(values.shape) for flat in (self._update.working, self._update.gradient)]
            start += values.numel()
        views += [None] * (4 - len(views))
        if self._usual is not None and not self._layers:
            self._layers.append(Sparse(self._usual, *views))  # type: ignore[arg-type]
        else:
            self._layers.append(Dense(*views))  # type: ignore[arg-type]
        return start

    def step(self, given: Tensor | Bags, y: Tensor, regression: bool, rate: float) -> None:
        """One step on x [models, batch, inputs], or bags, and y [models, batch] with this learning rate."""
        x: Any = given
        for layer in self._layers:
            x = layer.forward(x)
        gradient = _gradient_of_loss(x.float(), y, regression).to(x.dtype)
        for number in range(len(self._layers) - 1, -1, -1):
            gradient = self._layers[number].backward(gradient, wanted=number > 0)
        self._update.step(rate)

    def unstack(self, modules: Sequence[nn.Module]) -> None:
        """Write the weights back into the networks."""
        start = 0
        for place, layer in enumerate(self._kinds[0]):
            if not isinstance(layer, nn.Linear):
                continue
            for name, values in list(self._tensors(place)):
                found = self._update.weights[start : start + values.numel()].view(values.shape).cpu()
                start += values.numel()
                for kind, mine in zip(self._kinds, found, strict=True):
                    getattr(kind[place], name).data.copy_(mine.T if name == "weight" else mine[0])


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
    modules, generators = zip(*(recipe.untrained(seed) for seed in seeds), strict=True)
    regression = records.schema.task is Task.REGRESSION
    kind = torch.bfloat16 if half else torch.float32
    bags = _bags(records, modules[0]) if device == "cpu" and not half else None
    x = torch.from_numpy(np.ascontiguousarray(records.x.reshape(len(records), -1), dtype=np.float32))
    x = x.to(device=device, dtype=kind)
    y = torch.from_numpy(records.y.astype(np.float32 if regression else np.int64)).to(device)
    rows = torch.from_numpy(np.stack([np.flatnonzero(row) for row in keep]))
    rate, room = recipe.rates(rows.shape[1]), Room(kind, device)
    with torch.no_grad():
        stack = Stack(recipe, modules, device, half, None if bags is None else bags.usual)
        for number, batch in enumerate(islice(batches(recipe, rows, generators), steps)):
            here = batch.reshape(-1).to(device)
            labels = torch.index_select(y, 0, here).view(batch.shape)
            if bags is not None:
                stack.step(bags.take(here, len(batch)), labels, regression, rate(number))
                continue
            chosen = torch.index_select(x, 0, here, out=room.of(len(here), x.shape[1]))
            stack.step(chosen.view(*batch.shape, -1), labels, regression, rate(number))
        stack.unstack(modules)
    return [module.eval() for module in modules]


def _bags(records: Records, module: nn.Module) -> Apart | None:
    """What sets records apart, where they are mostly alike and the first layer is a linear one."""
    first = next((part for part in layers(module) or [] if not isinstance(part, nn.Flatten | nn.Identity)), None)
    if not isinstance(first, nn.Linear) or first.out_features < FEWEST_OUTPUTS:
        return None
    return apart(records)


def batches(
    recipe: TorchRecipe, rows: Tensor, generators: Sequence[torch.Generator], merged: bool = False
) -> Iterator[Tensor]:
    """Positions [models, batch] of the records of each step, each network's in an order of its own.

    merged: a last batch of one record joins the one before.
    """
    for _ in range(recipe.epochs):
        order = torch.stack([torch.randperm(rows.shape[1], generator=g) for g in generators])
        parts = list(torch.split(rows.gather(1, order), recipe.batch_size, dim=1))
        if merged and len(parts) > 1 and parts[-1].shape[1] == 1:
            parts[-2:] = [torch.cat(parts[-2:], dim=1)]
        yield from parts


def _gradient_of_loss(outputs: Tensor, y: Tensor, regression: bool) -> Tensor:
    """By the outputs [models, batch, outputs]: of each network's mean loss, so that each gets what it would alone."""
    count = y.shape[1]
    if regression:
        return (outputs - y[..., None]).mul_(2 / count)
    if outputs.shape[-1] == 1:
        return torch.sigmoid(outputs).sub_(y[..., None]).div_(count)
    likely = torch.exp(outputs - outputs.amax(-1, keepdim=True))
    likely.div_(likely.sum(-1, keepdim=True))
    return likely.scatter_add_(-1, y[..., None], likely.new_full((1, 1, 1), -1.0).expand(*y.shape, 1)).div_(count)
