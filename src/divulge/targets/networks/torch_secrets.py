"""What the inside of a PyTorch module is, in the words in which attacks claim it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor, nn

from divulge.core.hashing import Array
from divulge.core.views.extraction import LINEAR, NETWORK, Parameters, Secrets

ACTIVATIONS = {nn.ReLU: "relu", nn.Tanh: "tanh", nn.ELU: "elu", nn.Sigmoid: "sigmoid", nn.GELU: "gelu"}


def of_module(module: nn.Module, classifier: bool = True) -> Secrets:
    """Parameters of plain networks of linear layers and ReLU, and for those with any activation the architecture.

    classifier: one output is the logit of the second of two classes.
    """
    found = _of_layers(module, classifier)
    return replace(found, projection=_last_weights(module))


def _of_layers(module: nn.Module, classifier: bool) -> Secrets:
    if not isinstance(module, nn.Sequential):
        return Secrets(settings=_last_width(list(module.modules())))
    parts = [p for p in module if not isinstance(p, (nn.Flatten, nn.Identity))]
    linear = [p for p in parts if isinstance(p, nn.Linear)]
    between = [p for p in parts if not isinstance(p, (nn.Linear, nn.Dropout))]
    settings = _last_width(parts)
    kinds = {type(p) for p in between}
    plain = bool(linear) and len(between) == len(linear) - 1
    if plain and len(linear) > 1:
        settings["depth"] = len(linear) - 1
        settings["width"] = linear[0].out_features
        settings["dropout"] = max((p.p for p in parts if isinstance(p, nn.Dropout)), default=0.0)
        if len(kinds) == 1 and (kind := kinds.pop()) in ACTIVATIONS:
            settings["activation"] = ACTIVATIONS[kind]
    if not plain or any(p.bias is None for p in linear):
        return Secrets(settings=settings)
    arrays = tuple(_array(a) for p in linear for a in (p.weight, p.bias))
    if classifier and len(arrays[-1]) == 1:
        arrays = (*arrays[:-2], np.concatenate([0 * arrays[-2], arrays[-2]]), np.concatenate([[0.0], arrays[-1]]))
    if len(linear) == 1:
        return Secrets(Parameters(LINEAR, arrays), settings)
    if not all(isinstance(p, nn.ReLU) for p in between):
        return Secrets(settings=settings)
    return Secrets(Parameters(NETWORK, arrays), settings)


def _array(tensor: Tensor) -> Array:
    return np.asarray(tensor.detach().cpu().double().numpy())


def _last_weights(module: nn.Module) -> Array | None:
    """Of the last linear layer [outputs, inputs]."""
    last = next((p for p in reversed(list(module.modules())) if isinstance(p, nn.Linear)), None)
    return None if last is None else _array(last.weight)


def _last_width(parts: list[nn.Module]) -> dict[str, float | str]:
    """Inputs of the last linear layer, where its outputs are more: only then do logits tell it."""
    last = next((p for p in reversed(parts) if isinstance(p, nn.Linear)), None)
    return {} if last is None else {"hidden_width": last.in_features}
