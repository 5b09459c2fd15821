"""Language models: what they are made targets with, what their texts are, and how they are trained.

from divulge.language import CausalTarget, Chat, FineTune, OpenAITarget, Prompted, TokenFunction, TokenTable
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from divulge.core.language.texts import Chat, Prompted
    from divulge.core.language.token_scores import TokenScores
    from divulge.targets.language.causal import CausalTarget
    from divulge.targets.language.function import TokenFunction
    from divulge.targets.language.openai import OpenAITarget
    from divulge.targets.language.table import TokenTable
    from divulge.training.recipes.fine_tune import FineTune

_HOME = {
    "CausalTarget": "targets.language.causal",
    "Chat": "core.language.texts",
    "FineTune": "training.recipes.fine_tune",
    "OpenAITarget": "targets.language.openai",
    "Prompted": "core.language.texts",
    "TokenFunction": "targets.language.function",
    "TokenScores": "core.language.token_scores",
    "TokenTable": "targets.language.table",
}
_EXTRA = {"torch": "text", "transformers": "text", "peft": "text", "httpx": "http", "httpcore": "http"}

__all__ = [
    "CausalTarget",
    "Chat",
    "FineTune",
    "OpenAITarget",
    "Prompted",
    "TokenFunction",
    "TokenScores",
    "TokenTable",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'divulge.language' has no attribute {name!r}")
    try:
        return getattr(import_module(f"divulge.{_HOME[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name in _EXTRA:
            from divulge.core.errors import MissingExtra

            raise MissingExtra(error.name, _EXTRA[error.name]) from error
        raise


def __dir__() -> list[str]:
    return __all__
