"""Networks of any layers trained as one on a GPU, by torch.func: the weights are stacked, the step is mapped."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.core.threat import Task
from divulge.training.networks.feed import feed_of, numbers_of
from divulge.training.networks.stacked import batches

if TYPE_CHECKING:
    from divulge.training.recipes.pytorch import TorchRecipe


def train_vmapped(
    recipe: TorchRecipe,
    records: Records,
    keep: Array,
    seeds: Sequence[int],
    *,
    device: str,
    half: bool = False,
    steps: int | None = None,
) -> list[nn.Module]:
    """See `train_stacked`; for modules without buffers."""
    modules, generators = zip(*(recipe.untrained(seed) for seed in seeds), strict=True)
    found, _ = stack_module_state([module.to(device) for module in modules])
    weights = {name: value.detach().requires_grad_() for name, value in found.items()}
    shape = copy.deepcopy(modules[0]).to("meta")
    regression = records.schema.task is Task.REGRESSION
    given = numbers_of(records)
    feed = feed_of(modules[0], given[np.flatnonzero(keep[0])], recipe.batch_size, regression)

    def loss(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        with torch.autocast(device, dtype=torch.bfloat16, enabled=half):
            outputs = functional_call(shape, weights, (x,))
        if feed.plain:
            return recipe.loss(outputs.float(), y, regression)
        return feed.loss(outputs, x, y, regression)

    gradients = vmap(grad(loss), randomness="different")
    x = feed.x(given).to(device)
    y = torch.from_numpy(records.y.astype(np.float32 if regression else np.int64)).to(device)
    rows = torch.from_numpy(np.stack([np.flatnonzero(row) for row in keep]))
    optimizer, rate = recipe.optimizer_for(weights.values(), fused=True), recipe.rates(rows.shape[1], feed.merged)
    for number, batch in enumerate(islice(batches(recipe, rows, generators, feed.merged), steps)):
        here = batch.to(device)
        for name, value in gradients(weights, x[here], y[here]).items():
            weights[name].grad = value
        optimizer.param_groups[0]["lr"] = rate(number)
        optimizer.step()
    with torch.no_grad():
        for number, module in enumerate(modules):
            for name, value in module.named_parameters():
                value.copy_(weights[name][number])
    return [module.cpu().eval() for module in modules]
