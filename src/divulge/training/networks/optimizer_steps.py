"""The optimiser's step over the weights of many networks at once, in pieces that stay in a core's cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

if TYPE_CHECKING:
    from divulge.training.recipes.pytorch import TorchRecipe

PIECE = 200_000
"""Weights updated at once: with gradient and moments a few megabytes, less than a core's share of the cache."""

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


class WeightUpdate:
    """weights: float32 [weights].  working, gradient: what products read and where they write, [weights] each; in
    bfloat16 where `half`, else the weights themselves and their gradient in float32.
    """

    def __init__(self, recipe: TorchRecipe, size: int, device: str, half: bool) -> None:
        kind = torch.bfloat16 if half else torch.float32
        self._recipe, self._half = recipe, half
        self.weights = torch.zeros(size, device=device)
        self.working = torch.zeros(size, device=device, dtype=kind) if half else self.weights
        self.gradient = torch.zeros(size, device=device, dtype=kind)
        first, second = torch.zeros(size, device=device), torch.zeros(size, device=device)
        exact = torch.zeros(min(size, PIECE), device=device) if half else None
        self._pieces = [
            Piece(self.weights[at:to], self.working[at:to], self.gradient[at:to], first[at:to], second[at:to], exact)
            for at, to in ((at, at + PIECE) for at in range(0, size, PIECE))
        ]

    def begin(self) -> None:
        """To be called when the weights have been set."""
        if self._half:
            self.working.copy_(self.weights)

    def step(self, rate: float) -> None:
        """One step of the recipe's optimiser with this learning rate."""
        for piece in self._pieces:
            piece.move(self._recipe, rate)


class Piece:
    """Some of the weights.  exact: room for their gradient in float32, shared by all; None where it is already."""

    def __init__(
        self, weights: Tensor, working: Tensor, gradient: Tensor, first: Tensor, second: Tensor, exact: Tensor | None
    ) -> None:
        self._weights, self._working, self._gradient = weights, working, gradient
        self._first, self._second = first, second
        self._exact = None if exact is None else exact[: len(gradient)]
        self._steps = torch.zeros((), device=weights.device)

    def move(self, recipe: TorchRecipe, rate: float) -> None:
        """One step."""
        gradient = self._gradient if self._exact is None else self._exact.copy_(self._gradient)
        if recipe.optimizer.value == "sgd":
            self._slide(recipe, gradient, rate)
        else:
            (adamw if recipe.optimizer.value == "adamw" else adam)(
                [self._weights],
                [gradient],
                [self._first],
                [self._second],
                [],
                [self._steps],
                fused=True,
                amsgrad=False,
                beta1=BETA1,
                beta2=BETA2,
                lr=rate,
                weight_decay=recipe.weight_decay,
                eps=EPS,
                maximize=False,
            )
        if self._exact is not None:
            self._working.copy_(self._weights)

    def _slide(self, recipe: TorchRecipe, gradient: Tensor, rate: float) -> None:
        sgd(
            [self._weights],
            [gradient],
            [self._first if recipe.momentum else None],
            fused=True,
            weight_decay=recipe.weight_decay,
            momentum=recipe.momentum,
            lr=rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )
