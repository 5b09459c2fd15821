"""DP-SGD of a fine-tune: the gradient of every text is clipped, of all weights or of adapters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from divulge.core.capability.declared import able
from divulge.core.capability.recipes import ByBatches, FitsTexts
from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import derived_seed
from divulge.core.records import Records

if TYPE_CHECKING:
    from torch import Tensor

    from divulge.defenses.training.dp_sgd import DpSgd


def fit_texts(private: DpSgd, recipe: Any, records: Records, seed: int) -> Any:
    """A fine-tune in which no text counts for much; raises InputError for a training that is the user's own.

    Gradients are taken text by text: a text's loss is the mean over its tokens, so that a long one counts no more.
    """
    if not (able(recipe, FitsTexts) and able(recipe, ByBatches)):
        raise InputError("defenses: 'dp_sgd' takes the steps of a fine-tune itself: give the recipe as a FineTune")
    how: Any = recipe
    if private.learning_rate is not None:
        how = replace(how, learning_rate=private.learning_rate)
    rate, steps = private.schedule(len(records), recipe.batch_size, recipe.epochs)

    def descend(model: Any, texts: list[Any]) -> None:
        import torch

        weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer, pace = how.optimizer_for(weights, steps)
        lots = np.random.default_rng(derived_seed(seed, "noise"))
        noise = torch.Generator().manual_seed(derived_seed(seed, "noise of texts") % 2**63)
        spread, expected = private.multiplier(rate, steps) * private.norm, rate * len(texts)
        model.train()
        for _ in range(steps):
            sampled = np.flatnonzero(lots.random(len(texts)) < rate)
            total = clipped_sum(how.loss_of, model, weights, [texts[place] for place in sampled], private.norm)
            for parameter, part in zip(weights, total, strict=True):
                drawn = torch.randn(part.shape, generator=noise).to(part.device, part.dtype)
                parameter.grad = (part + spread * drawn) / expected
            optimizer.step()
            pace.step()
        if not all(bool(torch.isfinite(parameter).all()) for parameter in weights):
            raise TargetError("training by DP-SGD failed: weights are no longer finite: lower the learning rate")
        optimizer.zero_grad()

    return how.fit_with(records, seed, descend)


def clipped_sum(
    loss_of: Callable[[Any, list[Any]], Any], model: Any, weights: list[Any], texts: list[Any], norm: float
) -> list[Tensor]:
    """The sum over texts of each one's gradient, which is scaled down to this norm where it is longer."""
    import torch

    total = [torch.zeros_like(parameter) for parameter in weights]
    for text in texts:
        own = torch.autograd.grad(loss_of(model, [text]), weights)
        length = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(part) for part in own]))
        scale = torch.clamp(norm / torch.clamp(length, min=1e-12), max=1.0)
        for part, added in zip(total, own, strict=True):
            part.add_(added, alpha=float(scale))
    return total
