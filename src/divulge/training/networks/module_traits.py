"""What can be told of a module by its layers."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

_QUIET = (
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Flatten, nn.Unflatten, nn.Identity, nn.Embedding),
    *(nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm),
    *(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Softmax, nn.LogSoftmax),
    *(nn.Hardtanh, nn.ReLU6, nn.SELU, nn.CELU, nn.Mish),
)


def draws_no_lots(module: nn.Module) -> bool:
    """Whether training it draws nothing from the process's generator, as dropout does: known layers in
    sequence, and those of a class that says so by an attribute `draws_no_lots`.
    """
    return all(type(part) in (*_QUIET, nn.Sequential) or _says_so(part) for part in module.modules())


def _says_so(part: nn.Module) -> bool:
    return bool(getattr(type(part), "draws_no_lots", False))


def pooled_first(module: nn.Module) -> nn.Module:
    """The same layers with max-pooling before ReLU instead of after it, where one follows the other.

    The larger of two rectified numbers is the larger one, rectified: outputs and gradients are equal, and ReLU has a
    quarter of the work.
    """
    parts = _parts(module)
    if parts is None or not any(_swappable(a, b) for a, b in pairwise(parts)):
        return module
    place = 0
    while place < len(parts) - 1:
        if _swappable(parts[place], parts[place + 1]):
            parts[place], parts[place + 1] = parts[place + 1], parts[place]
            place += 1
        place += 1
    return nn.Sequential(*parts)


def _swappable(first: nn.Module, second: nn.Module) -> bool:
    pools = type(second) in (nn.MaxPool1d, nn.MaxPool2d) and not getattr(second, "return_indices", False)
    return type(first) is nn.ReLU and pools


def _parts(module: nn.Module) -> list[nn.Module] | None:
    """The layers of nested sequences, in order; None for anything else."""
    if type(module) is not nn.Sequential:
        return None
    found: list[nn.Module] = []
    for part in module:
        inner = _parts(part) if type(part) is nn.Sequential else [part]
        found += inner or []
    return found
