"""How much neighboring pixels differ: what is known of images in general."""

from __future__ import annotations

from torch import Tensor


def sides_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """Which dimensions of a record are its height and width, from the end."""
    return (-3, -2) if len(shape) == 3 and shape[2] in (1, 3) and shape[0] not in (1, 3) else (-2, -1)


def variation(inputs: Tensor, sides: tuple[int, int]) -> Tensor:
    """Mean absolute difference between neighbours, per guess: [guesses]."""
    steps = [inputs.diff(dim=side).abs().flatten(1).mean(dim=1) for side in sides]
    return steps[0] + steps[1]
