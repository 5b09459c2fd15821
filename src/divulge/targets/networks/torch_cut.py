"""A module cut in two: what its first layers make of records, and what training sends back to whoever holds them."""

from __future__ import annotations

import copy
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn

from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.outputs import OutputReading
from divulge.core.records import Records
from divulge.targets.answers import guarded
from divulge.targets.networks.torch_lent import bare, lent
from divulge.targets.networks.torch_updates import Front, front_of, loss_of


class _HasModule(Protocol):
    """What a target of PyTorch has."""

    module: nn.Module
    _name: str

    def _tensor(self, x: Any) -> Any: ...

    def _pair(self, records: Records) -> tuple[Tensor, Tensor]: ...

    def _reading_for(self, records: Records) -> OutputReading: ...

    def alike(self, model: Any) -> Any: ...


class CutInTwo:
    """Of TorchTarget: see core.capability.targets.SplitModel and SendsCutGradients."""

    def front(self: _HasModule, layer: str | None = None) -> Front:
        """The layers up to one of them: half way, or the first learned one ('first'); a copy in evaluation mode."""
        return front_of(copy.deepcopy(bare(self.module)).eval(), layer)

    def through(self: _HasModule, front: nn.Module, x: Array) -> Array:
        """What a front makes of inputs: [records, ...]."""
        with lent(front), torch.no_grad():
            return np.asarray(front(self._tensor(x)).float().cpu().numpy())

    def cut_gradients(self: _HasModule, records: Records, layer: str | None = None) -> Array:
        """Slope of each record's own loss by what the layer gives out for it: [records, numbers]."""
        front = front_of(copy.deepcopy(bare(self.module)).eval(), layer)
        x, y = self._pair(records)
        reading = self._reading_for(records)
        found: Any = guarded(self._name, lambda: _slopes(front, x, y, reading))
        return cast(Array, found)

    def sure_of_shares(self: _HasModule, shares: Array) -> Any:
        """A target of the same form whose module says these class shares whatever it is asked; Impossible where its
        last layer is not dense with an output for each class.
        """
        module = copy.deepcopy(bare(self.module))
        learned = [part for part in module.modules() if list(part.parameters(recurse=False))]
        last = learned[-1]
        if not isinstance(last, nn.Linear) or last.bias is None or last.out_features not in (1, len(shares)):
            raise Impossible("its last layer is not dense with an output for each class")
        logits = torch.log(torch.as_tensor(np.maximum(shares, 1e-6), dtype=last.bias.dtype))
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.copy_(logits if last.out_features > 1 else (logits[1] - logits[0])[None])
        return self.alike(module)


def _slopes(front: Front, x: Any, y: Tensor, reading: OutputReading) -> Array:
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _given: Any, out: Tensor) -> Tensor:
        kept.append(out if out.requires_grad else out.detach().requires_grad_())
        return kept[-1]

    hook = dict(front.module.named_modules())[front.layer].register_forward_hook(keep)
    try:
        loss = loss_of(front.module, x, y, reading)
    finally:
        hook.remove()
    if len(kept) != 1 or not loss.requires_grad:
        raise Impossible("the module cannot be cut there: the layer is not asked once, or nothing follows from it")
    (slope,) = torch.autograd.grad(loss * len(y), kept, allow_unused=True)
    if slope is None or len(slope) != len(y):
        raise Impossible("the module cannot be cut there: its output does not follow from the layer, record by record")
    return np.asarray(slope.detach().double().flatten(1).cpu().numpy())
