"""Records as people look at them, and how near two of them are."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np

from divulge.core.hashing import Array
from divulge.core.records import Records, Schema
from divulge.core.results.exhibits import Picture

BEST = 200.0
"""PSNR that stands for equal to the last bit, in dB."""

MOST_COLUMNS = 8
COLORS = 3


@dataclass(frozen=True, eq=False)
class Scale:
    """Brings every input to [0, 1], by the range that is publicly known.  low, high: shaped like a record."""

    low: Array
    high: Array
    schema: Schema

    def __call__(self, x: Array) -> Array:
        """[records, ...] as floats."""
        return np.asarray(
            (np.asarray(x, dtype=np.float64) - self.low) / np.where(self.high > self.low, self.high - self.low, 1)
        )


def squared_errors(a: Array, b: Array) -> Array:
    """Mean squared error between all pairs: [len(a), len(b)]; a, b: [records, ...]."""
    flat_a, flat_b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    if len(flat_a) * len(flat_b) * flat_a.shape[1] <= 4_000_000:  # exact to the last bit
        return np.asarray(((flat_a[:, None, :] - flat_b[None, :, :]) ** 2).mean(axis=2))
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(flat_a, flat_b, "sqeuclidean") / flat_a.shape[1])


def psnr(error: Array) -> Array:
    """Peak signal-to-noise ratio in dB of mean squared errors on a scale of [0, 1]."""
    return np.asarray(np.minimum(-10 * np.log10(np.maximum(error, 1e-30)), BEST))


def as_picture(record: Array) -> Array:
    """[height, width] or [height, width, 3], from that, or with the channels first."""
    record = np.asarray(record)
    if record.ndim == 3 and record.shape[0] in (1, COLORS) and record.shape[2] not in (1, COLORS):
        record = np.moveaxis(record, 0, 2)
    return record[..., 0] if record.ndim == 3 and record.shape[2] == 1 else record


def ssim(a: Array, b: Array) -> float:
    """Structural similarity (Wang et al. 2004) of two records on a scale of [0, 1], by scikit-image."""
    from skimage.metrics import structural_similarity

    a, b = as_picture(a), as_picture(b)
    side = min(a.shape[:2])
    window = min(7, side if side % 2 else side - 1)
    similarity: Any = structural_similarity
    channels = 2 if a.ndim == 3 else None
    return float(similarity(a, np.clip(b, 0, 1), win_size=window, data_range=1.0, channel_axis=channels))


def image_string(record: Array) -> tuple[str, tuple[int, ...]]:
    """A record on a scale of [0, 1] as bytes in base64, and the picture's shape."""
    drawn = (np.clip(np.nan_to_num(as_picture(record)), 0, 1) * 255).round().astype(np.uint8)
    return base64.b64encode(drawn.tobytes()).decode(), drawn.shape


def row_string(record: Array, schema: Schema) -> str:
    """'age 44, sex Female, ...', the first columns of it."""
    cells = []
    for value, column in list(zip(record.reshape(-1), schema.columns, strict=False))[:MOST_COLUMNS]:
        cells.append(f"{column.name} {column.word(float(value))}")
    more = record.size - len(cells)
    return ", ".join(cells) + (f", and {more} more" if more > 0 else "")


def picture(
    scale: Scale, truth: Array, guess: Array, blind: Array, scores: tuple[str, str], title: str = ""
) -> Picture:
    """Truth, guess and blind guess side by side; records in their own units."""
    if not scale.schema.is_image:
        strings = [row_string(np.asarray(r), scale.schema) for r in (truth, guess, blind)]
        return Picture("row", strings[0], strings[1], strings[2], scores[0], scores[1], title=title)
    drawn = [image_string(scale(r)) for r in (truth, guess, blind)]
    texts = [text for text, _ in drawn]
    return Picture("image", texts[0], texts[1], texts[2], scores[0], scores[1], drawn[0][1], title)


def class_means(public: Records, classes: int) -> Array:
    """The mean record of every class, of all where a class has none: [classes, ...]."""
    everywhere = public.x.astype(np.float64).mean(axis=0)
    if not classes:
        return np.asarray(everywhere[None])
    rows = [public.x[public.y == c].astype(np.float64) for c in range(classes)]
    return np.stack([part.mean(axis=0) if len(part) else everywhere for part in rows])
