"""Whether runs are entered in an index that several machines share: asked often, without the library for it."""

from __future__ import annotations

import os

SHARED = "DIVULGE_RUNS"
"""The environment variable that names a shared index, see runs.index."""


def is_shared() -> bool:
    """Whether a shared index is named."""
    return bool(os.environ.get(SHARED))
