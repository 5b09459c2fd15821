"""Recipes of PyTorch modules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array, digest
from divulge.core.records import Records
from divulge.core.threat import Task
from divulge.training.stacked import layers, train_stacked


class Optimiser(Enum):
    """Which optimiser."""

    ADAM = "adam"
    ADAMW = "adamw"
    SGD = "sgd"


OPTIMISERS: dict[Optimiser, Callable[..., torch.optim.Optimizer]] = {
    Optimiser.ADAM: torch.optim.Adam,
    Optimiser.ADAMW: torch.optim.AdamW,
    Optimiser.SGD: torch.optim.SGD,
}


@dataclass(frozen=True)
class TorchRecipe:
    """Train what `factory()` builds with cross-entropy, or squared error for regression.

    factory: makes an untrained module; it is called under the seed of the training.
    learning_rate, weight_decay: of the optimiser.  momentum: of SGD.
    """

    factory: Callable[[], nn.Module]
    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 1e-3
    optimiser: Optimiser = Optimiser.ADAM
    weight_decay: float = 0.0
    momentum: float = 0.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                raise InputError(f"recipe.{name} is {getattr(self, name)}: it must be above 0")

    def fit(self, records: Records, seed: int) -> nn.Module:
        """A trained module; equal records and seed give equal weights.  Raises TargetError where training fails."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = self.factory()
            try:
                self._train(module, records)
            except (RuntimeError, ValueError, TypeError, IndexError) as error:
                first = (str(error).splitlines() or [""])[0]
                raise TargetError(f"training {self.describe()} failed: {type(error).__name__}: {first}") from error
        return module.eval()

    def _train(self, module: nn.Module, records: Records) -> None:
        regression = records.schema.task is Task.REGRESSION
        x = torch.from_numpy(np.ascontiguousarray(records.x, dtype=np.float32))
        y = torch.from_numpy(records.y.astype(np.float32 if regression else np.int64))
        if any(isinstance(part, nn.Conv2d) for part in module.modules()):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            x = x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x
        optimiser = self.optimiser_for(module.parameters(), fused=True)
        module.train()
        for _ in range(self.epochs):
            for batch in torch.split(torch.randperm(len(x)), self.batch_size):
                optimiser.zero_grad(set_to_none=True)
                loss = _loss(module(x[batch]), y[batch], regression)
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()

    def optimiser_for(self, parameters: Iterable[Tensor], fused: bool = False) -> torch.optim.Optimizer:
        """The recipe's optimiser for these parameters.  fused: one pass over memory a step, equal results."""
        settings: dict[str, Any] = {"lr": self.learning_rate, "weight_decay": self.weight_decay}
        if self.optimiser is Optimiser.SGD:
            settings["momentum"] = self.momentum
        return OPTIMISERS[self.optimiser](parameters, fused=fused or None, **settings)

    def stackable(self) -> bool:
        """Whether many of these networks can be trained as one."""
        return layers(self.factory()) is not None

    def parameter_bytes(self) -> int:
        """Size of one network's weights in memory."""
        return sum(p.numel() * p.element_size() for p in self.factory().parameters())

    def half_is_fast(self) -> bool:
        """Whether this machine multiplies in bfloat16 much faster than in float32: a GPU, or a CPU with AMX."""
        tiles = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
        return torch.cuda.is_available() or bool(tiles())

    def fit_stack(
        self, records: Records, keep: Array, seeds: Sequence[int], *, half: bool = False, steps: int | None = None
    ) -> list[nn.Module]:
        """Many networks at once; see training.stacked."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return train_stacked(self, records, keep, seeds, device=device, half=half, steps=steps)

    def one_thread(self) -> None:
        """Keep to one thread from here on: there is a worker for every core."""
        torch.set_num_threads(1)

    def pack(self, model: nn.Module) -> bytes:
        """The weights in the safetensors format."""
        from safetensors.torch import save

        return save({name: value.contiguous() for name, value in model.state_dict().items()})

    def unpack(self, packed: bytes) -> nn.Module:
        """A module with these weights."""
        from safetensors.torch import load

        with torch.random.fork_rng(devices=[]):
            module = self.factory()
        module.load_state_dict(load(packed))
        return module.eval()

    def overfitted(self) -> TorchRecipe:
        """Three times the epochs and no weight decay."""
        return replace(self, epochs=3 * self.epochs, weight_decay=0.0)

    def describe(self) -> str:
        """The recipe on one line."""
        name = getattr(self.factory, "__name__", type(self.factory).__name__)
        return (
            f"{name}, {self.optimiser.value} {self.learning_rate:g}, {self.epochs} epochs, batches of "
            f"{self.batch_size}, weight decay {self.weight_decay:g}"
        )

    def fingerprint(self) -> str:
        """Of the settings and of the module that the factory builds."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            shapes = str([(k, tuple(v.shape)) for k, v in self.factory().state_dict().items()])
            return digest(self.describe(), str(self.momentum), str(self.factory()), shapes)


def _loss(outputs: Tensor, y: Tensor, regression: bool) -> Tensor:
    if regression:
        return functional.mse_loss(outputs.reshape(len(y)), y)
    if outputs.ndim == 2 and outputs.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(outputs[:, 0], y.float())
    return functional.cross_entropy(outputs, y)
