"""Students that learn from another model's scores, kept as they were after every few epochs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from divulge.core.errors import TargetError
from divulge.core.hashing import Array
from divulge.core.records import Records
from divulge.training.networks.feed import feed_of, numbers_of, rounds
from divulge.training.networks.stacked import batches

if TYPE_CHECKING:
    from divulge.training.recipes.pytorch import TorchRecipe


def distil(recipe: TorchRecipe, records: Records, log_scores: Array, seed: int, snapshots: int) -> list[nn.Module]:
    """A module of the recipe that learns to answer as the teacher does (cross-entropy to its scores; Hinton et al.
    2015), as it was at so many evenly spaced epochs, the last of them included.

    log_scores: of the teacher, [records, classes].
    """
    module, generator = recipe.untrained(seed)
    given = numbers_of(records)
    feed = feed_of(module, given, recipe.batch_size)
    x, asked = feed.x(given), feed.logits(module)
    probabilities = torch.from_numpy(np.exp(log_scores).astype(np.float32))
    optimizer, rate = recipe.optimizer_for(module.parameters(), fused=True), recipe.rates(len(x), feed.merged)
    a_round = rounds(len(x), recipe.batch_size, feed.merged)
    kept = {round(recipe.epochs * (n + 1) / snapshots) * a_round for n in range(snapshots)}
    found: list[nn.Module] = []
    module.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for number, (batch,) in enumerate(batches(recipe, torch.arange(len(x))[None], [generator], feed.merged)):
            optimizer.param_groups[0]["lr"] = rate(number)
            optimizer.zero_grad(set_to_none=True)
            outputs = asked(x[batch])
            if outputs.shape != probabilities[batch].shape:
                raise TargetError(f"{recipe.describe()} has outputs of shape {tuple(outputs.shape[1:])}: one a class")
            loss = -(probabilities[batch] * torch.log_softmax(outputs, dim=1)).sum(dim=1).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if number + 1 in kept:
                found.append(copy.deepcopy(module).eval())
    return found
