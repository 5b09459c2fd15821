"""The search behind the KKT attack, in PyTorch."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from divulge.core.hashing import Array
from divulge.core.views.reconstruction import FileView

SHARPNESS = 150.0
SHIFT = 5.0
SPREAD = 0.3

NORMALIZING = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)


class _Step(torch.autograd.Function):
    """ReLU whose slope is a steep sigmoid, so that the slope has a slope too (Haim et al. 2022, appendix B)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.relu(x)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return slope * torch.sigmoid(SHARPNESS * x)


class _SoftRelu(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = _Step.apply(x)  # type: ignore[no-untyped-call]
        return output


def _softened(module: nn.Module) -> nn.Module:
    """A copy of a module with every ReLU replaced."""
    softened = copy.deepcopy(module)
    for parent in list(softened.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, nn.ReLU):
                setattr(parent, name, _SoftRelu())
    return softened.eval()


def outside_theory(module: nn.Module, view: FileView, seed: int) -> str:
    """What of a module the theory excludes (Haim et al. 2022, theorem 3.1, of Lyu and Li 2020): it is of networks of
    ReLU whose outputs are homogeneous in their weights, f(c w) = c^L f(w); empty where nothing is found.
    """
    if not any(isinstance(part, _SoftRelu) for part in _softened(module).modules()):
        return "it has no ReLU layer"
    if any(isinstance(part, NORMALIZING) for part in module.modules()):  # grows with its weights, but not while trained
        return "its outputs do not grow with a power of its weights while it is trained: it normalises"
    tried = copy.deepcopy(module).double().eval()
    rng = np.random.default_rng(seed)
    x = torch.as_tensor(view.low + (view.high - view.low) * rng.random((16, *view.shape)), dtype=torch.float64)
    try:
        with torch.no_grad():
            plain = tried(x)
            wider = functional_call(tried, {name: 2 * p for name, p in tried.named_parameters()}, (x,))
    except RuntimeError:  # turns its inputs into floats itself
        return ""
    degree = float(torch.log2((wider.norm() / plain.norm().clamp_min(1e-300)).clamp_min(1e-300)).round())
    if degree >= 1 and torch.allclose(wider, 2**degree * plain, rtol=1e-6, atol=1e-9 * float(plain.abs().max())):
        return ""
    return (
        "its outputs do not grow with a power of its weights: biases after the first layer, normalisation, or "
        "activations other than ReLU"
    )


def solve(
    module: nn.Module,
    view: FileView,
    middle: Array,
    seed: int,
    candidates: int,
    steps: int,
    rate: float,
    least: float,
) -> tuple[Array, float]:
    """Records [candidates, ...], those with the largest multipliers first, and the share of the squared weights that
    they do not explain.

    middle: where the search begins, the mean of public records.
    """
    soft = _softened(module)
    params = {name: p.detach() for name, p in soft.named_parameters()}
    dtype = next(iter(params.values())).dtype
    low, high, center = (torch.as_tensor(np.asarray(part), dtype=dtype) for part in (view.low, view.high, middle))
    width = torch.where(high > low, high - low, torch.zeros_like(high))
    start = (center - low) / torch.where(width > 0, width, torch.ones_like(width))
    generator = torch.Generator().manual_seed(seed)
    classes = max(view.classes, 2)
    wanted = torch.arange(candidates) % classes
    free = start + SPREAD * torch.randn((candidates, *view.shape), generator=generator, dtype=dtype)
    free = free.clamp(0, 1).requires_grad_()
    raw = (torch.rand(candidates, generator=generator, dtype=dtype) - float(SHIFT)).requires_grad_()
    whole = sum(float(p.square().sum()) for p in params.values())
    optimizer = torch.optim.Adam([{"params": [free], "lr": rate}, {"params": [raw], "lr": rate}])
    falls = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    weights = {name: p.clone().requires_grad_() for name, p in params.items()}
    off = torch.zeros(())
    for _ in range(steps):
        multipliers = least + nn.functional.softplus(raw)
        margins = _margins(functional_call(soft, weights, (low + free * width,)), wanted)
        sums = torch.autograd.grad((multipliers * margins).sum(), list(weights.values()), create_graph=True)
        off = torch.stack([(p - s).square().sum() for p, s in zip(params.values(), sums, strict=True)]).sum()
        free.grad, raw.grad = torch.autograd.grad(off, (free, raw))
        optimizer.step()
        falls.step()
        with torch.no_grad():
            free.clamp_(0, 1)
    order = torch.argsort(raw.detach(), descending=True)
    records = (low + free * width).detach().double().numpy()[order.numpy()]
    return records, float(off.detach()) / max(whole, 1e-30)


def _margins(out: Tensor, wanted: Tensor) -> Tensor:
    """How far the wanted class is ahead of the next: [records]; a single output is the logit of the second class."""
    out = out.reshape(len(out), -1)
    if out.shape[1] == 1:
        return out[:, 0] * (2 * wanted - 1)
    own = out.gather(1, wanted[:, None])[:, 0]
    others = out.scatter(1, wanted[:, None], -torch.inf)
    return own - others.max(dim=1).values
