"""A causal language model of transformers as adapters are trained in it: the same numbers for less work."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from divulge.core.errors import FOREIGN
from divulge.training.networks.flat_texts import FLAT, Collected, Flat, attend, flat_of
from divulge.training.networks.head_loss import HeadLoss
from divulge.training.networks.low_rank import LowRank


class _Normed(torch.autograd.Function):
    """Root-mean-square norm with a frozen weight, computed in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        scale = scale.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        return torch.mul(x, scale).to(x.dtype).mul_(weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, weight, scale = ctx.saved_tensors
        scaled = torch.mul(gradient, weight)
        along = (scaled * x).sum(-1, keepdim=True, dtype=torch.float32).mul_(scale**3).div_(x.shape[-1])
        return torch.mul(scaled, scale).addcmul_(x, along, value=-1).to(x.dtype), None, None


class Norm(nn.Module):
    """In the place of a root-mean-square norm of transformers."""

    def __init__(self, weight: Tensor, eps: float) -> None:
        super().__init__()
        self.weight, self._eps = nn.Parameter(weight, requires_grad=False), eps

    def forward(self, hidden_states: Tensor) -> Tensor:
        """The same shape."""
        if hidden_states.device.type == "cuda":
            return functional.rms_norm(hidden_states, self.weight.shape, self.weight, self._eps)
        found: Tensor = _Normed.apply(hidden_states, self.weight, self._eps)  # type: ignore[no-untyped-call]
        return found


def sharing(model: Any) -> Any:
    """A copy of a model with the very same, frozen, weights."""
    same: dict[int, Any] = {id(p): nn.Parameter(p.detach(), requires_grad=False) for p in model.parameters()}
    return copy.deepcopy(model, same | {id(buffer): buffer for buffer in model.buffers()})


def leaned(model: Any) -> None:
    """Give a model lean norms, where they come to the same, and attention over texts in one row; in place."""
    from transformers import AttentionInterface

    AttentionInterface.register(FLAT, attend)
    model.set_attn_implementation(FLAT)
    for name, part in list(model.named_modules()):
        eps = getattr(part, "variance_epsilon", getattr(part, "eps", None))
        if type(part).__name__.endswith("RMSNorm") and isinstance(eps, float) and _alike(part, eps):
            replaced(model, name, Norm(part.weight.detach(), eps))


def _alike(part: Any, eps: float) -> bool:
    weight = part.weight.detach()
    x = torch.randn(4, len(weight), generator=torch.Generator().manual_seed(0)).to(weight)
    with torch.no_grad():
        return torch.allclose(part(x).float(), Norm(weight, eps)(x).float(), rtol=0.02, atol=1e-4)


def replaced(model: nn.Module, name: str, part: nn.Module) -> None:
    """Put a module in the place of the one of this name."""
    above, _, last = name.rpartition(".")
    setattr(model.get_submodule(above), last, part)


_COVERED: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()
PROBES = (7, 4, 1)
"""Tokens of the texts by which a lean model is compared with the plain one."""


def covered(model: Any) -> bool:
    """Whether a model's lean copy answers as it does: asked once, of texts of several lengths; no for one that draws
    lots in training, whose weights are of several types or places, or which has layers of another kind.
    """
    if model not in _COVERED:
        _COVERED[model] = _plain(model) and not _draws_lots(model) and _answers_alike(model)
    return _COVERED[model]


def _plain(model: Any) -> bool:
    kinds = {(p.dtype, p.device) for p in model.parameters()}
    layers = [
        part for part in model.modules() if type(part).__name__ in ("Linear", "Conv1D") or hasattr(part, "qweight")
    ]
    return (
        len(kinds) == 1
        and next(iter(kinds))[0] in (torch.float32, torch.bfloat16)
        and next(iter(kinds))[1].type in ("cpu", "cuda")
        and not hasattr(model, "hf_device_map")
        and all(type(part) is nn.Linear or type(part).__module__ == "transformers.pytorch_utils" for part in layers)
    )


def _draws_lots(model: Any) -> bool:
    """Whether any part drops what it is given at random while it is trained."""
    rates = [vars(part).get("p") for part in model.modules() if isinstance(part, nn.modules.dropout._DropoutNd)]
    rates += [value for part in model.modules() for name, value in vars(part).items() if "drop" in name]
    return any(isinstance(rate, float) and rate > 0 for rate in rates)


def _answers_alike(model: Any) -> bool:
    rng = np.random.default_rng(0)
    texts = [_Probe(tuple(rng.integers(0, model.config.vocab_size, length).tolist())) for length in PROBES]
    try:
        lean, plain = LeanModel(sharing(model).eval(), [], 1.0), sharing(model).eval()
        flat = flat_of([texts[:2], texts[2:]], lean.device, False)
        with torch.no_grad():
            own = [plain(torch.tensor([text.ids], device=lean.device)).logits[0].float() for text in texts]
            found = lean.logits(flat).float()
    except FOREIGN:  # a model is foreign code
        return False
    told, most = torch.cat(own), 0.05 if next(model.parameters()).dtype is torch.bfloat16 else 1e-3
    return found.shape == told.shape and bool((found - told).norm() <= most * (told - told.mean(-1, True)).norm())


@dataclass(frozen=True)
class _Probe:
    ids: tuple[int, ...]
    first: int = 1


class LeanModel:
    """A model of which the layers named have adapters beside them.

    model: changed in place; see `sharing`.  scale: of what adapters add.
    """

    def __init__(self, model: Any, names: list[str], scale: float) -> None:
        self._model = model
        self.layers: dict[str, LowRank] = {}
        for name in names:
            self.layers[name] = LowRank(model.get_submodule(name), scale)
            replaced(model, name, self.layers[name])
        leaned(model)
        self._inner = getattr(model, model.base_model_prefix)
        self._head = model.get_output_embeddings()

    @property
    def device(self) -> Any:
        """Where it lies."""
        return self._head.weight.device

    def hidden(self, flat: Flat) -> Tensor:
        """What the head is given: [tokens, width]."""
        for config in {id(p.config): p.config for p in self._model.modules() if hasattr(p, "config")}.values():
            config.divulge_flat = flat
        for layer in self.layers.values():
            layer.flat = flat
        found = self._inner(input_ids=flat.ids, position_ids=flat.positions, use_cache=False)
        return found.last_hidden_state[0]  # type: ignore[no-any-return]

    def logits(self, flat: Flat) -> Tensor:
        """[tokens, vocabulary]."""
        return self._head(self.hidden(flat))  # type: ignore[no-any-return]

    def loss(self, flat: Flat) -> Tensor:
        """The sum over models of the mean loss of their tokens that count."""
        hidden: Tensor = Collected.apply(self.hidden(flat), flat.wanted)  # type: ignore[no-untyped-call]
        loss: Tensor = HeadLoss.apply(hidden, self._head.weight, self._head.bias, flat.labels, flat.shares)  # type: ignore[no-untyped-call]
        return loss
