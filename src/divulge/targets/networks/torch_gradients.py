"""Gradients of the loss, record by record, and what layers compute on the way: the white-box ports of a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from divulge.core.hashing import Array
from divulge.core.outputs import OutputReading
from divulge.targets.networks.torch_updates import loss_from

GRADIENTS_AT_ONCE = 64


def gradient_norms(module: nn.Module, x: Tensor, y: Tensor, reading: OutputReading) -> Tensor:
    """Of each record's own loss by each parameter tensor: [records, parameter tensors], in double precision.

    Batched by torch.func; where a module resists that (scripted ones, and such as look at their values), one by one.
    """
    try:
        return _together(module, x, y, reading)
    except Exception:  # torch.func has no common error for what it cannot map
        return _one_by_one(module, x, y, reading)


def _together(module: nn.Module, x: Tensor, y: Tensor, reading: OutputReading) -> Tensor:
    parameters = {name: p.detach() for name, p in module.named_parameters()}
    buffers = {name: b.detach() for name, b in module.named_buffers()}

    def loss(values: dict[str, Tensor], one: Tensor, label: Tensor) -> Tensor:
        returned = torch.func.functional_call(module, (values, buffers), (one[None],))
        return loss_from(returned, one[None], label[None], reading)

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    rows = []
    for start in range(0, len(x), GRADIENTS_AT_ONCE):
        part = slice(start, start + GRADIENTS_AT_ONCE)
        found = each(parameters, x[part], y[part])
        norms = [found[name].flatten(1).to(_wide(found[name])).norm(dim=1) for name in parameters]
        rows.append(torch.stack([n.double() for n in norms], dim=1).cpu())
    return torch.cat(rows)


def _wide(gradient: Tensor) -> torch.dtype:
    """A type in which squares of half-precision gradients do not vanish."""
    return torch.float64 if gradient.dtype is torch.float64 else torch.float32


def _one_by_one(module: nn.Module, x: Tensor, y: Tensor, reading: OutputReading) -> Tensor:
    rows = []
    with watched(module) as parameters:
        for n in range(len(x)):
            loss = loss_from(module(x[n : n + 1]), x[n : n + 1], y[n : n + 1], reading)
            found = torch.autograd.grad(loss, parameters, allow_unused=True)
            norms = [0.0 * loss.detach() if g is None else g.to(_wide(g)).norm() for g in found]
            rows.append(torch.stack([norm.double() for norm in norms]).cpu())
    return torch.stack(rows)


@contextmanager
def watched(module: nn.Module) -> Iterator[list[Tensor]]:
    """Its parameters, all of them open to gradients meanwhile."""
    parameters = list(module.parameters())
    frozen = [p for p in parameters if not p.requires_grad]
    for p in frozen:
        p.requires_grad_(True)
    try:
        with torch.enable_grad():
            yield list(parameters)
    finally:
        for p in frozen:
            p.requires_grad_(False)


def activations(module: nn.Module, x: Tensor, ask: Callable[[Tensor], object]) -> Tensor:
    """Of what every layer passes on: its norm, its largest value and how much of it is above 0 (Nasr et al. 2019,
    section III, as numbers that do not depend on the order of neurons): [records, 3 layers].
    """
    layers = [part for part in module.modules() if not list(part.children())]
    passed: dict[int, Tensor] = {}

    def note(layer: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor) and output.dim() and len(output) == len(x):
            flat = output.detach().reshape(len(output), -1).float()
            statistics = (flat.norm(dim=1), flat.amax(dim=1), (flat > 0).float().mean(dim=1))
            passed[id(layer)] = torch.stack(statistics, dim=1).cpu()

    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        with torch.no_grad():
            ask(x)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat([passed[id(layer)] for layer in layers if id(layer) in passed], dim=1)


def slopes(module: nn.Module, x: Tensor, log_scores: Array, reading: OutputReading) -> Tensor:
    """Of the probability of each record's answer by its inputs: [records, inputs]; p times the slope of log p."""
    if not x.is_floating_point():
        raise TypeError("its inputs are whole numbers, which have no slope")
    rows = []
    for start in range(0, len(x), GRADIENTS_AT_ONCE):
        given = x[start : start + GRADIENTS_AT_ONCE].detach().clone().requires_grad_()
        said = torch.as_tensor(log_scores[start : start + GRADIENTS_AT_ONCE], device=x.device)
        with torch.enable_grad():
            loss = loss_from(module(given), given, said.argmax(dim=1), reading)  # a mean over the records
            (slope,) = torch.autograd.grad(loss, given)
        share = said.amax(dim=1).exp()[:, None]
        rows.append((-share * len(given) * slope.flatten(1)).double().cpu())
    return torch.cat(rows)
