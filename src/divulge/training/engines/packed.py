"""One model trained by a worker, and sent back as bytes."""

from __future__ import annotations

from typing import Any

from divulge.core.capability.recipes import limit_threads
from divulge.core.hashing import Array
from divulge.core.records import Records


def fit_packed(recipe: Any, records: Records, row: Array, seed: int) -> bytes:
    """One model as bytes, trained on one thread: what a worker does."""
    limit_threads(recipe)
    return bytes(recipe.pack(recipe.fit(records.take(row), seed)))
