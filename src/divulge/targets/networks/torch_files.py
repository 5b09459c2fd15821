"""Files that hold a PyTorch module or its weights."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from divulge.core.errors import InputError
from divulge.targets.known_names import CONSTRUCTORS, VALUES
from divulge.targets.pickles import GuardedUnpickler, NameGuard

INSIDE = ("state_dict", "model_state_dict", "model", "net", "weights", "params")
"""Where checkpoints of usual training loops keep the weights."""

PLACES = ("torch.nn.modules", "torch.ao.nn", "torchvision.models", "torchvision.ops", "transformers", "divulge")
"""Where classes of layers and of whole networks are defined."""

FUNCTIONS = (
    (
        "torch.nn.functional",
        "relu gelu elu selu celu silu leaky_relu mish hardtanh hardswish softmax log_softmax softplus",
    ),
    ("torch._C._nn", "gelu softplus"),
    ("torch", "relu tanh sigmoid selu"),
)

VALUES_OF_TORCH = VALUES | frozenset(
    [(module, name) for module, names in FUNCTIONS for name in names.split()]
    + [
        ("torch", n)
        for n in ("float32", "float16", "bfloat16", "float64", "int64", "int32", "qint8", "quint8", "strided")
    ]
    + [("torch", n) for n in ("per_tensor_affine", "per_channel_affine", "FloatStorage", "dtype")]
    + [("torch", f"{kind}Storage") for kind in ("Double", "Half", "BFloat16", "Long", "Int", "Bool", "Byte", "QInt8")]
    + [("torch.storage", "UntypedStorage"), ("torch.storage", "TypedStorage"), ("torch._tensor", "Tensor")]
)
CONSTRUCTORS_OF_TORCH = CONSTRUCTORS | frozenset(
    [("torch._utils", f"_rebuild_{kind}") for kind in ("tensor_v2", "parameter", "parameter_with_state", "qtensor")]
    + [("torch", "Size"), ("torch", "device"), ("torch.nn.parameter", "Parameter"), ("torch", "ScriptObject")]
    + [("torch.serialization", "_get_layout")]
)
"""What the pickle of a whole module needs besides classes of layers."""


def is_known_module(found: Any, module: str, name: str) -> bool:
    """Whether an object is a class of layers, networks or their settings, defined under this very name."""
    if not isinstance(found, type) or (found.__module__, found.__qualname__) != (module, name):
        return False
    settings = any(
        base.__name__ in ("PretrainedConfig", "PreTrainedConfig", "GenerationConfig") for base in found.__mro__
    )
    return issubclass(found, nn.Module) or (module.startswith("transformers.") and settings)


def load_weights(module: nn.Module | None, path: Path, trust: bool = False, modules: tuple[str, ...] = ()) -> nn.Module:
    """The module with the weights of a safetensors file, a state dict or a checkpoint; no code in the file is run.

    trust: a whole module, saved by torch.save(net), is loaded as well, with classes of torch, the usual libraries and
    `modules` only; `module` may then be None.  Raises InputError when the file holds something else, or does not fit.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(str(path))
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen kinds here, all with one meaning
        if trust:
            return _whole(path, modules)
        raise InputError(
            f"target.path: {path.name} is not a state dict that loads without running code (save it with "
            "torch.save(model.state_dict(), path) or as safetensors; a whole module loads with `trust: true` only)"
        ) from error
    if module is None:
        raise InputError(f"target.factory: is missing: {path.name} holds weights, and no module that they belong to")
    try:
        module.load_state_dict(_unwrapped(state, module))
    except (RuntimeError, AttributeError, TypeError) as error:
        first = " ".join(str(error).split())[:160]
        raise InputError(f"target.path: the weights of {path.name} do not fit the factory's module: {first}") from error
    return module


def _unwrapped(state: Any, module: nn.Module) -> Any:
    """The weights in a checkpoint, without the prefix that DataParallel or torch.compile puts before their names."""
    expected = set(module.state_dict())
    for name in INSIDE:
        if isinstance(state, Mapping) and not set(state) & expected and isinstance(state.get(name), Mapping):
            state = state[name]
    while isinstance(state, Mapping) and state and not set(state) & expected:
        prefix = next((p for p in ("module.", "_orig_mod.", "model.", "net.") if all(_at(k, p) for k in state)), None)
        if prefix is None:
            break
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _at(name: Any, prefix: str) -> bool:
    return isinstance(name, str) and name.startswith(prefix)


def _whole(path: Path, modules: tuple[str, ...]) -> nn.Module:
    """A module in a pickle of somebody who is trusted, or in a TorchScript file."""

    class Guarded(GuardedUnpickler):
        guard = NameGuard(modules, CONSTRUCTORS_OF_TORCH, VALUES_OF_TORCH, PLACES, is_known_module)

    reader = SimpleNamespace(
        Unpickler=Guarded, load=lambda file, **how: Guarded(file, **how).load(), __name__="guarded"
    )
    try:
        loaded = _scripted(path)
        if loaded is None:
            loaded = torch.load(path, map_location="cpu", weights_only=False, pickle_module=reader)
    except InputError:
        raise
    except Exception as error:  # a damaged file raises anything
        first = (str(error).splitlines() or [""])[0]
        raise InputError(f"target.path: cannot load {path.name}: {type(error).__name__}: {first}") from error
    if not isinstance(loaded, nn.Module):
        raise InputError(f"target.path: {path.name} holds a {type(loaded).__name__}, and no module")
    return loaded


def _scripted(path: Path) -> nn.Module | None:
    """The module in a TorchScript file; None for any other file."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        if not any(name.endswith("/constants.pkl") for name in archive.namelist()):
            return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript as such
        module: nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    return module
