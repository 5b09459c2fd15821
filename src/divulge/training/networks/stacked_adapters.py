"""Adapters of several models trained over one frozen base, as each alone would be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from divulge.core.errors import TargetError
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.training.networks.flat_texts import flat_of
from divulge.training.networks.lean_model import LeanModel
from divulge.training.networks.low_rank import PREFIX, Adapters, drawn_again

DRAWING = threading.Lock()
"""Adapters are drawn from the process's own generator."""

CHECKED = 16
"""Steps after which it is looked whether gradients are still numbers: a GPU is kept waiting by every look."""


def fit_adapters(
    parts: Any, records: Records, keep: Array, seeds: Sequence[int], steps: int | None = None
) -> Iterator[dict[str, Any]]:
    """The adapters of each row of `keep` [models, records], by the names that peft gives them.

    parts: see recipes.adapter_stack.StackParts.  steps: stop after so many.
    Raises TargetError where a gradient is no number any more.
    """
    texts = parts.recipe.encoded(records)
    own = [[texts[place] for place in np.flatnonzero(row)] for row in keep]
    with DRAWING, torch.random.fork_rng():
        weights = _drawn(parts.drawn, seeds)
    names = [name.removeprefix(PREFIX).removesuffix(".lora_A.weight") for name in weights[0] if ".lora_A." in name]
    lean = LeanModel(parts.model, names, parts.recipe.alpha / parts.recipe.rank)
    adapters = Adapters(lean.layers, weights)
    _descend(parts.recipe, lean, adapters, own, seeds, parts.enter, steps)
    return (adapters.of(number) for number in range(len(keep)))


def _drawn(draw: Callable[[int], dict[str, Tensor]], seeds: Sequence[int]) -> list[dict[str, Tensor]]:
    """The adapters that each seed begins with."""
    first = draw(seeds[0])
    again = drawn_again(first, seeds[0])
    alike = again.keys() == first.keys() and all(torch.equal(again[name], value) for name, value in first.items())
    return [first, *((drawn_again(first, seed) if alike else draw(seed)) for seed in seeds[1:])]


def _descend(
    recipe: Any,
    lean: LeanModel,
    adapters: Adapters,
    texts: Sequence[Sequence[Any]],
    seeds: Sequence[int],
    enter: Callable[[Any], None] | None,
    steps: int | None,
) -> None:
    """All steps of all models: each sees its own texts in the order in which it would see them alone."""
    even = lean.device.type != "cpu"
    totals = [recipe.epochs * -(-len(own) // recipe.batch_size) for own in texts]
    orders = [recipe.batches(own, seed) for own, seed in zip(texts, seeds, strict=True)]
    failed = torch.zeros(len(texts), dtype=torch.bool, device=lean.device)
    last = min(max(totals), steps or max(totals))
    for number in range(last):
        flat = flat_of([next(order, ()) for order in orders], lean.device, even)
        if enter is not None:
            enter(flat)
        loss: Any = lean.loss(flat)
        loss.backward()
        rates = [recipe.rate(number, total) if number < total else None for total in totals]
        failed |= ~torch.isfinite(adapters.step(rates, recipe.clip, recipe.weight_decay))
        if ((number + 1) % CHECKED == 0 or number + 1 == last) and bool(failed.any()):
            raise TargetError(f"the loss of {recipe.describe()} is no number any more: lower the learning rate")
