"""A module as a chain of layers that are linear and activations that can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev

from divulge.core.errors import Impossible

LARGEST = 30_000_000
"""Entries of the largest matrix that is solved."""

SAME = 1e-6
"""By how much, of its spread, the chain may answer otherwise than the module."""

Activation = nn.ReLU | nn.LeakyReLU | nn.Sigmoid | nn.Tanh | nn.ELU | nn.Softplus
SHAPES = (nn.Flatten, nn.Unflatten, nn.Identity)
LINEAR = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True, eq=False)
class Link:
    """One layer, or an activation.  given, made: shapes of what it is given and gives out for one record."""

    layer: nn.Module
    given: tuple[int, ...]
    made: tuple[int, ...]

    @property
    def linear(self) -> bool:
        """Whether it has weights, and is no activation."""
        return isinstance(self.layer, LINEAR)

    def applied(self, x: Tensor) -> Tensor:
        """What it gives out for one record, both flat."""
        out: Tensor = self.layer(x.reshape(1, *self.given))
        return out.reshape(-1)

    def undone(self, made: Tensor) -> tuple[Tensor, Tensor]:
        """What an activation was given, and where that is known: both flat.  A ReLU tells what is above zero alone."""
        layer: Any = self.layer
        everywhere = torch.ones_like(made, dtype=torch.bool)
        if isinstance(layer, nn.ReLU):
            return made, made > 0
        if isinstance(layer, nn.LeakyReLU):
            return torch.where(made > 0, made, made / max(layer.negative_slope, 1e-12)), everywhere
        if isinstance(layer, nn.Sigmoid):
            return torch.logit(made), (made > 0) & (made < 1)
        if isinstance(layer, nn.Tanh):
            return torch.atanh(made), made.abs() < 1
        if isinstance(layer, nn.ELU):
            low = torch.log1p(made / layer.alpha)
            return torch.where(made > 0, made, low), made > -layer.alpha
        beta = layer.beta  # softplus
        return torch.where(made * beta > layer.threshold, made, torch.log(torch.expm1(made * beta)) / beta), made > 0

    def pulled(self, x: Tensor, slope: Tensor) -> Tensor:
        """The slope of the loss by what it is given, of that by what it gives out: both flat."""
        return torch.func.vjp(self.applied, x)[1](slope)[0]  # type: ignore[no-any-return]

    def equations(self, slope: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Of a layer with weights: matrices of what follows from its outputs, those that are known, and from the
        gradient of its weights, where the loss has this slope by its outputs (weight and gradient constraints of Zhu
        and Blaschko 2021).
        """
        size = int(torch.tensor(self.given).prod())
        layer: Any = self.layer
        most = size * max(len(slope), layer.weight.numel())
        if most > LARGEST:
            raise Impossible(f"a layer makes {most:,} entries of a matrix, more than {LARGEST:,}")
        nowhere = torch.zeros(size, dtype=slope.dtype)
        weights: Tensor = jacrev(self.applied)(nowhere)[known]
        return weights, jacrev(lambda x: self.by_weights(x, slope))(nowhere)

    def by_weights(self, x: Tensor, slope: Tensor) -> Tensor:
        """The gradient of the weights, flat."""
        layer: Any = self.layer
        others = {name: p.detach() for name, p in layer.named_parameters() if name != "weight"}

        def loss(weight: Tensor) -> Tensor:
            out: Tensor = functional_call(layer, {**others, "weight": weight}, (x.reshape(1, *self.given),))
            return (out.reshape(-1) * slope).sum()

        return grad(loss)(layer.weight.detach()).reshape(-1)  # type: ignore[no-any-return]


def chain_of(module: nn.Module, shape: Sequence[int], dropped: bool) -> list[Link]:
    """The layers in the order in which a record goes through them; raises Impossible where they are no chain of dense
    and convolutional layers and of activations that can be undone.  dropped: whether dropout was on.
    """
    seen: list[tuple[nn.Module, tuple[int, ...], tuple[int, ...]]] = []

    def note(layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        seen.append((layer, tuple(given[0].shape[1:]), tuple(out.shape[1:])))

    hooks = [part.register_forward_hook(note) for part in module.modules() if not list(part.children())]
    x = torch.rand((1, *shape), dtype=next(module.parameters()).dtype)
    try:
        with torch.no_grad():
            out = module(x).reshape(-1)
    finally:
        for hook in hooks:
            hook.remove()
    for layer, _, _ in seen:
        silent = isinstance(layer, nn.Dropout) and not (dropped and layer.p > 0)
        if not isinstance(layer, (*LINEAR, *SHAPES, *Activation.__args__)) and not silent:
            raise Impossible(f"a {type(layer).__name__} is no layer that can be solved for")
    links = [Link(*each) for each in seen if isinstance(each[0], (*LINEAR, *Activation.__args__))]
    if len({id(link.layer) for link in links if link.linear}) < sum(link.linear for link in links):
        raise Impossible("a layer is asked twice")
    own = x.reshape(-1)
    with torch.no_grad():
        for link in links:
            if own.numel() != int(torch.tensor(link.given).prod()):
                raise Impossible("its layers are no chain")
            own = link.applied(own)
    if own.shape != out.shape or float((own - out).abs().max()) > SAME * max(float(out.abs().max()), 1.0):
        raise Impossible("its layers are no chain: something besides them is computed")
    return links
