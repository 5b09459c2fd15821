"""Training records that a model carries in its own file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from divulge.attacks.reconstruction.weights.undone_preparation import Passed, parts_of, undone
from divulge.core.attack import Card
from divulge.core.hashing import Array
from divulge.core.inside import prepared as prepared_rows
from divulge.core.records import Records
from divulge.core.threat import Access, Asset, Challenge, Family, Needs, Task
from divulge.core.views.reconstruction import FileView, PreparedRows, SampleGuess

DEEPEST = 8
LEARNED = frozenset(
    {"coef_", "coefs_", "theta_", "var_", "means_", "components_", "cluster_centers_", "weight", "dual_coef_"}
)
"""Attributes with one value for each input that are no records."""

ONE_COLUMN = "X_thresholds_"
"""Where an isotonic regression keeps the inputs that it was fitted on, flat."""


@dataclass(frozen=True)
class StoredData:
    """Looks through everything that hangs on the model (k-NN keeps its records, an SVM its support vectors, a Gaussian
    process its inputs, a careless wrapper its loader) for arrays as wide as a record, and undoes the preparation that
    the pipelines around it put before it.  Rows that were prepared are handed in as they are too, since not every
    preparation can be undone: whether they are training records can be seen all the same.
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
        found, prepared, notes = [], [], []
        raw = int(np.prod(view.shape))
        for where, rows, steps in _arrays(model, _Place((), raw, raw), type(model).__name__, DEEPEST, set()):
            plain = undone(steps, rows, view.schema)
            if plain is not None and plain.shape[1] == raw and np.isfinite(plain).all():
                found.append(plain.reshape(len(plain), *view.shape))
            elif not steps:
                continue
            kept = tuple(step for step in steps if not isinstance(step, Passed))
            if kept and len(kept) == len(steps):
                prepared.append(PreparedRows(rows, partial(_prepared_by, kept)))
            notes.append(f"{where} holds {len(rows):,} rows")
        samples = (np.concatenate(found),) if found else ()
        return SampleGuess(samples, told=tuple(notes), prepared=tuple(prepared))


def kept_of(model: Any, records: Records) -> int:
    """How many of these records hang on a model, as they are or as its own steps prepare them; each counts once,
    however often a model keeps it (neighbours do so as rows and as a tree).
    """
    own, raw = records.flat(), int(np.prod(records.x.shape[1:]))
    kept = np.zeros(len(records), dtype=bool)
    for _, rows, steps in _arrays(model, _Place((), raw, raw), type(model).__name__, DEEPEST, set()):
        prepared = own if not steps else _prepared_by(tuple(s for s in steps if not isinstance(s, Passed)), records)
        for known in (own, prepared):
            if known.shape[1] == rows.shape[1]:
                there = {row.tobytes() for row in np.round(rows, 6) + 0.0}
                found = np.array([row.tobytes() in there for row in np.round(known, 6) + 0.0])
                if found.any():
                    kept |= found
                    break
    return int(kept.sum())


def _prepared_by(steps: tuple[Any, ...], records: Records) -> Array:
    """[records, width]; of no width where these steps do not take records as they are: an ensemble hands its parts
    plain numbers, or some of the columns.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that the parts of an ensemble were not fitted with
        try:
            rows = prepared_rows(list(steps), records.native())
        except Exception:  # foreign code raises what it likes
            return np.zeros((len(records), 0))
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)


@dataclass(frozen=True)
class _Place:
    """Where the search is.  steps: what prepares the inputs there; width: of those inputs; raw: of a record."""

    steps: tuple[Any, ...]
    width: int
    raw: int

    def inside(self, thing: Any, steps: tuple[Any, ...]) -> _Place:
        """The same within an estimator, which knows how wide its inputs are."""
        width = vars(thing).get("n_features_in_") if hasattr(thing, "__dict__") else None
        return _Place(steps, int(width) if isinstance(width, int | np.integer) else self.width, self.raw)


def _arrays(
    thing: Any, place: _Place, where: str, depth: int, seen: set[int]
) -> Iterator[tuple[str, Array, tuple[Any, ...]]]:
    """Arrays [rows, width] below an object, each with its name and the steps that prepared it; every object once."""
    if depth < 0 or id(thing) in seen or isinstance(thing, str | bytes | int | float | type(None)):
        return
    seen.add(id(thing))
    place = place.inside(thing, place.steps)
    rows = _as_rows(thing, {place.raw, place.width})
    if rows is not None:
        # as wide as a record and not as what the model sees: kept beside it
        yield where, rows, place.steps if rows.shape[1] == place.width else ()
        return
    chained = parts_of(thing, place.steps)
    if chained is not None:
        for name, part, steps in chained:
            yield from _arrays(part, replace(place, steps=steps), f"{where}.{name}", depth, seen)
        return
    for name, value in _parts(thing):
        if name.rpartition(".")[2] not in LEARNED and name != "_parameters":
            yield from _arrays(value, place, f"{where}.{name}", depth - 1, seen)


def _parts(thing: Any) -> list[tuple[str, Any]]:
    """What hangs on an object, by name."""
    if isinstance(thing, dict):
        return [(str(key), value) for key, value in thing.items()]
    if isinstance(thing, list | tuple | set):
        return [(str(place), value) for place, value in enumerate(list(thing)[:10_000])]
    parts = list(getattr(thing, "__dict__", {}).items())
    parts = [(name, _column(value) if name == ONE_COLUMN else value) for name, value in parts]
    named = getattr(thing, "named_buffers", None)
    parts += list(named()) if named is not None else []
    state = getattr(thing, "__getstate__", None)
    if not parts and state is not None and type(thing).__module__.startswith("sklearn."):
        parts = [("state", state())]
    return parts


def _column(values: Any) -> Any:
    return values.reshape(-1, 1) if isinstance(values, np.ndarray) else values


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
