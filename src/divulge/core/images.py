"""Images moved and mirrored: what both training and attacks may do to a record that is a picture."""

from __future__ import annotations

import numpy as np

from divulge.core.hashing import Array


def axes_of(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Which axes of [records, ...] are height and width: of 28 x 28, 28 x 28 x 3 or 3 x 28 x 28; None for no image."""
    if len(shape) == 3:
        return 1, 2
    if len(shape) == 4:
        return (2, 3) if shape[1] in (1, 3) else (1, 2)
    return None


def mirrored(images: Array) -> Array:
    """Left and right exchanged; images as in `axes_of`."""
    axes = axes_of(images.shape)
    assert axes is not None
    return np.flip(images, axis=axes[1])


def shifted(images: Array, down: int, right: int) -> Array:
    """Moved by whole pixels, zeros coming in; images as in `axes_of`."""
    axes = axes_of(images.shape)
    assert axes is not None
    moved = np.roll(images, (down, right), axis=axes)
    for axis, by in zip(axes, (down, right), strict=True):
        gone = [slice(None)] * images.ndim
        gone[axis] = slice(0, by) if by >= 0 else slice(by, None)
        if by:
            moved[tuple(gone)] = 0
    return moved
