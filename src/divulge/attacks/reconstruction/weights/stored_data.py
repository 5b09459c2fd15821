"""Training records that a model carries in its own file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from divulge.attacks.reconstruction.weights.undone_preparation import undone, widths
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.threat import Access, Asset, Challenge, Family, Needs, Task
from divulge.core.views.reconstruction import FileView, SampleGuess

DEEPEST = 8
LEARNED = frozenset(
    {"coef_", "coefs_", "theta_", "var_", "means_", "components_", "cluster_centers_", "weight", "dual_coef_"}
)
"""Attributes with one value for each input that are no records."""


@dataclass(frozen=True)
class StoredData:
    """Looks through everything that hangs on the model (k-NN keeps its records, an SVM its support vectors, a Gaussian
    process its inputs, a careless wrapper its loader) for arrays as wide as a record, and undoes the preparation that
    a pipeline or a column transformer put before it.
    """

    card: ClassVar[Card] = Card(
        name="stored_data",
        title="Records in the model file",
        family=Family.RECONSTRUCTION,
        asset=Asset.RECORDS,
        challenge=Challenge.FILE,
        paper="divulge2026",
        equations="inspection",
        summary="looks for training records in the model file itself",
        needs=Needs(Access.PARAMETERS, tasks=frozenset({Task.CLASSIFICATION, Task.REGRESSION})),
        strength=1.0,
    )

    def run(self, view: FileView) -> SampleGuess:
        """Cost: no query."""
        model = view.target.parameters()
        found, notes = [], []
        raw = int(np.prod(view.shape))
        for where, rows in _arrays(model, widths(model, raw), type(model).__name__, DEEPEST, set()):
            plain = undone(model, rows, view.schema)
            if plain is not None and plain.shape[1] == raw and np.isfinite(plain).all():
                found.append(plain.reshape(len(plain), *view.shape))
                notes.append(f"{where} holds {len(plain):,} rows")
        return SampleGuess((np.concatenate(found),) if found else (), told=tuple(notes))


def _arrays(thing: Any, width: set[int], where: str, depth: int, seen: set[int]) -> Iterator[tuple[str, Array]]:
    """Arrays [rows, width] below an object, each with its name; every object once."""
    if depth < 0 or id(thing) in seen or isinstance(thing, str | bytes | int | float | type(None)):
        return
    seen.add(id(thing))
    rows = _as_rows(thing, width)
    if rows is not None:
        yield where, rows
        return
    if isinstance(thing, dict):
        parts = [(str(key), value) for key, value in thing.items()]
    elif isinstance(thing, list | tuple | set):
        parts = [(str(place), value) for place, value in enumerate(list(thing)[:10_000])]
    else:
        parts = list(getattr(thing, "__dict__", {}).items())
        named = getattr(thing, "named_buffers", None)
        parts += list(named()) if named is not None else []
        state = getattr(thing, "__getstate__", None)
        if not parts and state is not None and type(thing).__module__.startswith("sklearn."):
            parts = [("state", state())]
    for name, value in parts:
        if name.rpartition(".")[2] not in LEARNED and name != "_parameters":
            yield from _arrays(value, width, f"{where}.{name}", depth - 1, seen)


def _as_rows(thing: Any, width: set[int]) -> Array | None:
    """[rows, width], where a thing is at least two rows of numbers that are as wide as a record may be."""
    if hasattr(thing, "detach"):
        thing = thing.detach().cpu().numpy()
    if hasattr(thing, "toarray"):
        thing = thing.toarray()
    if hasattr(thing, "to_numpy") and hasattr(thing, "columns"):
        thing = thing.to_numpy()
    if not isinstance(thing, np.ndarray) or thing.ndim < 2 or thing.dtype.kind not in "iuf" or len(thing) < 2:
        return None
    rows = thing.reshape(len(thing), -1)
    return rows.astype(np.float64) if rows.shape[1] in width else None
