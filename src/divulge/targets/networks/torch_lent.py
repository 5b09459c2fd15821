"""Somebody else's module, used and given back as it was: its modes, its device, its weights; and what it is fed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from divulge.core.hashing import Array, digest
from divulge.core.identity import code_hash, content_hash, well_known
from divulge.core.outputs import whole


@dataclass
class _Loan:
    """What a module was like when the first of its users took it."""

    module: nn.Module
    users: int = 0
    modes: list[tuple[nn.Module, bool]] = field(default_factory=list)
    home: torch.device | None = None


_LOANS: dict[int, _Loan] = {}
_GATE = threading.Lock()


@contextmanager
def lent(module: nn.Module, device: str | torch.device | None = None) -> Iterator[nn.Module]:
    """The module in evaluation mode, on `device` where one is named; afterwards every part is in the mode, and the
    whole on the device, that it was.  Threads may borrow it at the same time: the last one gives it back.
    """
    with _GATE:
        loan = _LOANS.setdefault(id(module), _Loan(module))
        loan.users += 1
        if loan.users == 1:
            loan.modes = [(part, part.training) for part in module.modules() if hasattr(part, "training")]
            if any(mode for _, mode in loan.modes):
                module.eval()
            here = device_of(module)
            if device is not None and here is not None and not _same(here, torch.device(device)):
                loan.home = here
                module.to(device)
    try:
        yield module
    finally:
        with _GATE:
            loan.users -= 1
            if loan.users == 0:
                del _LOANS[id(module)]
                if loan.home is not None:
                    module.to(loan.home)
                for part, mode in loan.modes:
                    if part.training != mode:
                        part.training = mode


def _same(here: torch.device, there: torch.device) -> bool:
    return here.type == there.type and there.index in (None, here.index)


def bare(module: nn.Module) -> nn.Module:
    """The module behind torch.compile; any other is returned as it is."""
    inner = getattr(module, "_orig_mod", module)
    return inner if isinstance(inner, nn.Module) else module


def device_of(module: nn.Module) -> torch.device | None:
    """Where its first weight lies; None for a module without any."""
    return next((t.device for t in _tensors(module)), None)


def type_of(module: nn.Module) -> torch.dtype:
    """The floating type that it computes in: double where any weight is, else that of the first weight."""
    kinds = [t.dtype for t in _tensors(module) if t.dtype.is_floating_point]
    if torch.float64 in kinds:
        return torch.float64
    return kinds[0] if kinds else torch.float32


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()


def is_quantized(module: nn.Module) -> bool:
    """Whether parts of it hold integers for weights, so that nothing can be differentiated by them."""
    return any(".quantized" in type(part).__module__ or _packed(part) for part in module.modules())


def _packed(part: nn.Module) -> bool:
    return any(kind in type(part).__name__ for kind in ("PackedParams", "Linear8bit", "Linear4bit"))


def as_input(x: Array, kind: torch.dtype, ids: bool) -> Tensor:
    """Records as a tensor of its own, which a module may write into: token ids as whole numbers where `ids`, all others
    in the module's own type.
    """
    if ids and whole(x):
        return torch.from_numpy(np.array(x, dtype=np.int64, order="C"))
    wide = np.float64 if kind is torch.float64 else np.float32
    return torch.from_numpy(np.array(x, dtype=wide, order="C")).to(kind)


def structure_of(module: nn.Module) -> str:
    """Hash of what its answers follow from besides its state: its layers, their attributes and hooks, and the code of
    its own classes with all that it calls.
    """
    parts = [str(module)]
    kinds = {type(part) for part in module.modules() if not well_known(type(part).__module__)}
    for kind in sorted(kinds, key=lambda k: f"{k.__module__}.{k.__name__}"):  # cloudpickle forgets where it was defined
        parts += [kind.__name__, code_hash(kind)]
    if isinstance(module, torch.jit.ScriptModule):
        parts.append(str(getattr(module, "code", "")))
    for name, part in module.named_modules():
        parts += [name, *_attributes(part)]
    return digest(*parts)


HOOKS = ("_forward_hooks", "_forward_pre_hooks")
INTERNAL = frozenset(vars(nn.Module())) | {"name_or_path", "warnings_issued"}
"""What torch itself keeps in a module, and what a module says of where it came from."""


def _attributes(part: nn.Module) -> Iterator[str]:
    """Of one module: what stands in it besides weights and modules.  Of a library's, numbers, words and functions,
    since the rest is shown by its layers; of the owner's own, everything.
    """
    own = not well_known(type(part).__module__)
    kept = {name: tuple(getattr(part, name).values()) for name in HOOKS if getattr(part, name, None)}
    lost = getattr(part, "_non_persistent_buffers_set", ())
    kept |= {name: part._buffers[name] for name in lost if part._buffers.get(name) is not None}
    for name, value in vars(part).items():
        plain = isinstance(value, bool | int | float | str | FunctionType | MethodType)
        if name not in INTERNAL and (own or plain):
            kept[name] = value
    for name in sorted(kept):
        yield name
        yield content_hash(kept[name])


def _values(value: Any) -> Iterator[str | bytes | Array]:
    """Of one entry of a state, which need not be a tensor: packed weights are a tuple of them."""
    if isinstance(value, Tensor):
        plain = value.detach().cpu()
        if plain.is_quantized:
            yield str((plain.qscheme(), plain.dtype))
            plain = plain.dequantize()
        if plain.is_complex():
            plain = torch.view_as_real(plain)
        yield np.asarray((plain if plain.dtype is torch.float64 else plain.float()).numpy())
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _values(part)
    else:
        yield repr(value)


def fingerprint_of(module: nn.Module, structure: str | None = None) -> str:
    """Content hash: equal in every process.  structure: see structure_of, where it is known; a module that counts how
    often it is asked would be another after every question.
    """
    parts: list[str | bytes | Array] = [structure or structure_of(module)]
    for name, value in module.state_dict().items():
        parts.append(name)
        parts += list(_values(value))
    return digest(*parts)


class Structure:
    """What a module is besides its weights, as it was when it was first asked for."""

    def __init__(self) -> None:
        self._hash: str | None = None

    def fingerprint(self, module: nn.Module, *how: object) -> str:
        """Hash of the module and of how it is fed."""
        if self._hash is None:
            self._hash = structure_of(module)
        return digest(fingerprint_of(module, self._hash), content_hash(how))
