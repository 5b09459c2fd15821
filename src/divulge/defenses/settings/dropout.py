"""Dropout: part of a network is switched off at random in every step of the training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from divulge.core.capability.declared import able
from divulge.core.capability.recipes import FitsTexts, HasFactory
from divulge.core.defense import DefenseCard, Stage
from divulge.core.errors import InputError

if TYPE_CHECKING:
    from torch import nn

ACTIVATIONS = ("ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Tanh", "Sigmoid", "Softplus")
"""Of torch.nn."""


@dataclass(frozen=True)
class _WithDropout:
    """A factory whose modules drop out what follows each activation."""

    factory: Callable[[], nn.Module]
    rate: float

    @property
    def __name__(self) -> str:  # what a recipe calls itself by
        return f"{getattr(self.factory, '__name__', 'network')} with dropout {self.rate:g}"

    def __call__(self) -> nn.Module:
        module = self.factory()
        if not self._insert(module):
            raise InputError("defenses: 'dropout' finds no activation in this network after which it could act")
        return module

    def _insert(self, module: nn.Module) -> int:
        from torch import nn

        activations = tuple(getattr(nn, kind) for kind in ACTIVATIONS)
        found = 0
        for name, part in list(module.named_children()):
            if isinstance(part, activations):
                setattr(module, name, nn.Sequential(part, nn.Dropout(self.rate)))
                found += 1
            else:
                found += self._insert(part)
        return found


@dataclass(frozen=True)
class Dropout:
    """Srivastava et al. 2014; against membership inference Salem et al. 2019, section 6.1.  After every activation.

    rate: of what is switched off.
    """

    rate: float = 0.5

    card: ClassVar[DefenseCard] = DefenseCard(
        name="dropout",
        title="Dropout",
        paper="salem2019",
        summary="switches part of the network off in every step of the training",
        stage=Stage.SETTINGS,
        extra="torch",
        breaks_bound="",
    )

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise InputError(f"dropout: a rate of {self.rate} is none: give one between 0 and 1")

    def adjust(self, recipe: Any) -> Any:
        """See SettingsDefense."""
        if able(recipe, FitsTexts) and hasattr(recipe, "method"):
            fine_tune: Any = recipe
            if fine_tune.method != "lora":
                raise InputError("defenses: 'dropout' of a fine-tune acts on its adapters: train it with method lora")
            return replace(fine_tune, dropout=self.rate)
        if not able(recipe, HasFactory):
            raise InputError("defenses: 'dropout' needs a recipe of a PyTorch network")
        return replace(cast(Any, recipe), factory=_WithDropout(recipe.factory, self.rate))
