"""How a fine-tune by adapters is trained as one stack with others of its recipe, and whether it can be."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from divulge.core.hashing import Array
from divulge.core.records import Records

MOST_TOKENS, MOST_TOKENS_ON_GPU = 1536, 32768
"""Of one step of a stack: a processor gains nothing from more, and a GPU little."""

MOST_BYTES = 1.5e9
"""Of what a stack on a processor keeps for its way back."""

MOST_MODELS = 8
"""In one stack on a processor."""

WINDOWS = ("sliding_window", "attention_chunk_size")
"""Where a configuration says how far back a token sees."""

TINY = 5_000_000
"""Weights of a base whose steps cost calls, not products: threads would wait for each other."""


@dataclass
class StackParts:
    """What a stack is made of.

    recipe: a FineTune, with the learning rate that counts.  model: a copy of the base that may be changed.
    drawn: the adapters that a seed begins with, by the names that peft gives them.
    finished: a model from its adapters.  enter: given a Flat, lets what is known of its texts enter; None for nothing.
    """

    recipe: Any
    model: Any
    drawn: Callable[[int], dict[str, Any]]
    finished: Callable[[dict[str, Any]], Any]
    enter: Callable[[Any], None] | None = None


class AdapterStack:
    """What FineTune and its proxies have in common; see core.capability.recipes.Stackable and SizesStacks."""

    def stack_parts(self) -> StackParts:
        """What a stack of this recipe is made of."""
        raise NotImplementedError

    def tuned(self) -> Any:
        """The FineTune that is stacked."""
        raise NotImplementedError

    def stackable(self) -> bool:
        """Whether the base is one in which adapters of several models can be trained at once, with the same result."""
        recipe = self.tuned()
        most, config = recipe.max_tokens or recipe.base.max_tokens, recipe.base.model.config
        windows = [getattr(config, name, None) for name in WINDOWS]
        if recipe.method != "lora" or recipe.dropout > 0 or any(window and window < most for window in windows):
            return False
        from divulge.training.networks.lean_model import covered

        return covered(recipe.base.model)

    def stack_sizes(self, records: Records, keep: Array, workers: int) -> tuple[int, int, bool]:
        """See SizesStacks: from the tokens of a step, the base and the machine."""
        import torch

        recipe = self.tuned()
        model, models = recipe.base.model, len(keep)
        tokens = float(np.mean([len(text.ids) for text in recipe.encoded(records)] or [1])) * recipe.batch_size
        place = next(model.parameters()).device
        if place.type == "cuda":
            free = torch.cuda.mem_get_info(place)[0]
            most = min(MOST_TOKENS_ON_GPU, free / 2 / _bytes_of_token(model)) / tokens
            side_by_side = 1
        else:
            most = min(MOST_TOKENS, MOST_BYTES / _bytes_of_token(model)) / tokens
            most = min(most, MOST_MODELS)
            side_by_side = 1 if sum(p.numel() for p in model.parameters()) < TINY else min(workers, models)
        rounds = math.ceil(models / (side_by_side * max(int(most), 1)))
        return (
            math.ceil(models / (side_by_side * rounds)),
            side_by_side,
            self is not recipe and recipe.proxy_layers is not None,
        )

    def fit_stack(
        self, records: Records, keep: Array, seeds: Sequence[int], *, half: bool = False, steps: int | None = None
    ) -> Iterator[Any]:
        """The models of each row of `keep`; those of training one after the other, up to the order of additions in the
        base's type.  Each is put together when it is asked for.
        """
        from divulge.training.networks.stacked_adapters import fit_adapters

        parts = self.stack_parts()
        return map(parts.finished, fit_adapters(parts, records, keep, seeds, steps))

    def one_thread(self) -> None:
        """See LimitsThreads."""
        self.all_threads(1)

    def threads(self) -> int:
        """How many threads one operation uses."""
        import torch

        return torch.get_num_threads()

    def all_threads(self, number: int) -> None:
        """One operation may use so many from here on."""
        import torch

        torch.set_num_threads(number)


def _bytes_of_token(model: Any) -> float:
    """About what is kept of a token for the way back."""
    config, weight = model.config, next(model.parameters())
    width = int(getattr(config, "hidden_size", 768))
    inner = int(getattr(config, "intermediate_size", None) or 4 * width)
    return float(getattr(config, "num_hidden_layers", 12) * weight.element_size() * (12 * width + 5 * inner))
