"""Adapters of low rank of several models beside the layers of one frozen base."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.adamw import adamw

from divulge.training.networks.flat_texts import Flat


class _Adapted(torch.autograd.Function):
    """A frozen layer, and to each model's tokens what its own adapter adds.

    x [tokens, inputs]; down [models, rank, inputs] and up [models, rank, outputs], whose gradients are added to
    tensors of the same shape, so that autograd need not carry them about.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: LowRank, flat: Flat, trained: Tensor) -> Tensor:
        y = layer.frozen(x)
        if flat.even:
            inner = torch.bmm(x.view(len(layer.down), -1, x.shape[1]), layer.down.mT)
            y.view(len(layer.up), -1, y.shape[1]).baddbmm_(inner, layer.up, alpha=layer.scale)
            inner = inner.view(len(x), -1)
        elif layer.few:
            inner = torch.mm(x, layer.down.flatten(0, 1).T).mul_(flat.own(layer.down, layer.scale))
            y.addmm_(inner, layer.up.flatten(0, 1))
        else:
            inner = x.new_empty(len(x), layer.down.shape[1])
            for m, (start, end) in enumerate(zip(flat.bounds, flat.bounds[1:], strict=False)):
                torch.mm(x[start:end], layer.down[m].T, out=inner[start:end])
                y[start:end].addmm_(inner[start:end], layer.up[m], alpha=layer.scale)
        ctx.save_for_backward(x, inner)
        ctx.layer, ctx.flat = layer, flat
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, inner = ctx.saved_tensors
        layer, gradient = ctx.layer, gradient.contiguous()
        back = layer.unfrozen(gradient) if ctx.needs_input_grad[0] else None
        way = _evenly if ctx.flat.even else _masked if layer.few else _one_by_one
        way(layer, ctx.flat, gradient, x, inner, back)
        return back, None, None, None


def _evenly(layer: LowRank, flat: Flat, gradient: Tensor, x: Tensor, inner: Tensor, back: Tensor | None) -> None:
    """Adds to the gradients of adapters, and to that of x; all models have as many tokens."""
    each = (len(layer.down), -1)
    g, x, inner = (part.view(*each, part.shape[1]) for part in (gradient, x, inner))
    outer = torch.bmm(g, layer.up.mT).mul_(layer.scale)
    layer.up_gradient.add_(torch.bmm(inner.mT, g), alpha=layer.scale)
    layer.down_gradient.add_(torch.bmm(outer.mT, x))
    if back is not None:
        back.view(*each, back.shape[1]).baddbmm_(outer, layer.down)


def _masked(layer: LowRank, flat: Flat, gradient: Tensor, x: Tensor, inner: Tensor, back: Tensor | None) -> None:
    """The same of few models: what each adapter makes of all tokens, and of those of others nothing is kept.  That is
    more arithmetic than one model after the other, in fewer and wider products.
    """
    down, up = layer.down, layer.up
    outer = torch.mm(gradient, up.flatten(0, 1).T).mul_(flat.own(down, layer.scale))
    layer.up_gradient.add_(torch.mm(inner.T, gradient).view(up.shape))
    layer.down_gradient.add_(torch.mm(outer.T, x).view(down.shape))
    if back is not None:
        back.addmm_(outer, down.flatten(0, 1))


def _one_by_one(layer: LowRank, flat: Flat, gradient: Tensor, x: Tensor, inner: Tensor, back: Tensor | None) -> None:
    for m, (start, end) in enumerate(zip(flat.bounds, flat.bounds[1:], strict=False)):
        g = gradient[start:end]
        outer = torch.mm(g, layer.up[m].T).mul_(layer.scale)
        layer.up_gradient[m].add_(torch.mm(inner[start:end].T, g), alpha=layer.scale)
        layer.down_gradient[m].add_(torch.mm(outer.T, x[start:end]))
        if back is not None:
            back[start:end].addmm_(outer, layer.down[m])


FEW = 64
"""Models times rank, up to which adapters are one wide product."""


class LowRank(nn.Module):
    """In the place of a linear layer, or of transformers' Conv1D, whose weight lies the other way round.

    down, up, down_gradient, up_gradient: see `Adapters`; in the base's type, and in float32.
    """

    down: Tensor
    up: Tensor
    down_gradient: Tensor
    up_gradient: Tensor
    trained: Tensor

    def __init__(self, layer: Any, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.flat: Flat | None = None
        weight: Tensor = layer.weight.detach()
        self._weight = weight.T if type(layer).__name__ == "Conv1D" else weight
        self._bias: Tensor | None = None if layer.bias is None else layer.bias.detach()

    @property
    def few(self) -> bool:
        """Whether all adapters together are narrow."""
        return self.down.shape[0] * self.down.shape[1] <= FEW

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs."""
        return self._weight.shape[0], self._weight.shape[1]

    def frozen(self, x: Tensor) -> Tensor:
        """The layer's own output, in memory of its own."""
        found: Tensor = functional.linear(x, self._weight, self._bias)
        return found

    def unfrozen(self, gradient: Tensor) -> Tensor:
        """Its gradient."""
        found: Tensor = gradient @ self._weight
        return found

    def forward(self, x: Tensor) -> Tensor:
        """[1, tokens, outputs]."""
        found: Tensor = _Adapted.apply(x[0].contiguous(), self, self.flat, self.trained)  # type: ignore[no-untyped-call]
        return found[None]


class Adapters:
    """The adapters of several models, their gradients and moments: [models, numbers] each, in float32.

    layers: by name.  weights: of each model, by the names that peft gives them.
    """

    def __init__(self, layers: dict[str, LowRank], weights: Sequence[dict[str, Tensor]]) -> None:
        some = next(iter(layers.values()))
        device, kind = some._weight.device, some._weight.dtype
        self._layers, self._names = (
            layers,
            [(f"{PREFIX}{n}.lora_A.weight", f"{PREFIX}{n}.lora_B.weight") for n in layers],
        )
        rank = weights[0][self._names[0][0]].shape[0]
        size = sum(rank * sum(layer.shape) for layer in layers.values())
        self.weights = torch.zeros(len(weights), size, device=device)
        self.gradient = torch.zeros_like(self.weights)
        self._moments = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        self._steps = [torch.zeros((), device=device) for _ in weights]
        trained, start = torch.zeros((), device=device, requires_grad=True), 0
        self._parts: list[tuple[Tensor, Tensor]] = []
        for layer in layers.values():
            views = []
            for width in (layer.shape[1], layer.shape[0]):
                part = slice(start, start + rank * width)
                views += [kept[:, part].view(-1, rank, width) for kept in (self.weights, self.gradient)]
                views.append(torch.empty(len(weights), rank, width, device=device, dtype=kind))
                start += rank * width
            layer.down_gradient, layer.down, layer.up_gradient, layer.up = views[1], views[2], views[4], views[5]
            layer.trained = trained
            self._parts.append((views[0], views[3]))
        for (down, up), names in zip(self._parts, self._names, strict=True):
            for m, own in enumerate(weights):
                down[m], up[m] = own[names[0]], own[names[1]].T
        self._work()

    def _work(self) -> None:
        """What products read, in the base's type and block by block."""
        used = [part for layer in self._layers.values() for part in (layer.down, layer.up)]
        torch._foreach_copy_(used, [part for pair in self._parts for part in pair])

    def of(self, model: int) -> dict[str, Tensor]:
        """The adapters of one model, by the names that peft gives them."""
        found = {}
        for (down, up), names in zip(self._parts, self._names, strict=True):
            found[names[0]], found[names[1]] = down[model].cpu().clone(), up[model].T.cpu().contiguous()
        return found

    def step(self, rates: Sequence[float | None], clip: float, weight_decay: float) -> Tensor:
        """One step of AdamW of each model that has a learning rate, its gradient clipped to this norm; the norms."""
        norms: Tensor = torch.linalg.vector_norm(self.gradient, dim=1)
        self.gradient.mul_((clip / (norms + 1e-6)).clamp(max=1.0)[:, None])
        for rate in dict.fromkeys(rate for rate in rates if rate is not None):
            same = [m for m, other in enumerate(rates) if other == rate]
            rows = [[kept[m] for m in same] for kept in (self.weights, self.gradient, *self._moments)]
            adamw(
                rows[0],
                rows[1],
                rows[2],
                rows[3],
                [],
                [self._steps[m] for m in same],
                fused=True,
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=rate,
                weight_decay=weight_decay,
                eps=1e-8,
                maximize=False,
            )
        self.gradient.zero_()
        self._work()
        return norms


PREFIX = "base_model.model."
"""Before the names of a model's layers, where peft names them."""


def merged(model: Any, adapters: dict[str, Tensor], scale: float) -> Any:
    """A model, changed in place, with adapters added to its weights, as peft adds them."""
    model.requires_grad_(False)
    for name, down in adapters.items():
        if ".lora_A." not in name:
            continue
        layer = model.get_submodule(name.removeprefix(PREFIX).removesuffix(".lora_A.weight"))
        up = adapters[name.replace(".lora_A.", ".lora_B.")]
        added = up.to(layer.weight.device).float() @ down.to(layer.weight.device).float() * scale
        layer.weight.data += added.T if type(layer).__name__ == "Conv1D" else added
    return model.eval()


def drawn_again(like: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Adapters with another seed, as peft draws them layer by layer, in a fraction of the time it takes to build them:
    once as PyTorch's linear layers, and then those that count.  The caller holds them against peft's own.
    """
    torch.manual_seed(seed)
    found = {}
    for name, down in like.items():
        if ".lora_A." in name:
            up = like[name.replace(".lora_A.", ".lora_B.")]
            fresh = torch.empty(down.shape)
            for part in (fresh, torch.empty(up.shape), fresh):
                nn.init.kaiming_uniform_(part, a=5**0.5)
            found[name], found[name.replace(".lora_A.", ".lora_B.")] = fresh.to(down), torch.zeros_like(up)
    return found
