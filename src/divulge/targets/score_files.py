"""Arrays of score tables from Parquet files, read in batches: a file may be larger than what is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array

TARGET = "target"
"""What the model that is audited is called, where models have names."""

BATCH = 65_536
"""Rows that are in memory at once beside the arrays that they go into."""


def arrays_of(path: Path) -> dict[str, Array | None]:
    """Logits [models, records, classes] or scores [models, records], keep and y, of a file with one row a model and
    record, in any order.

    Raises InputError for a file that is none, that lacks a column, and that has a model and record twice or not at all.
    """
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
    except Exception as error:  # a damaged file makes its reader raise anything
        raise _unreadable(path) from error
    signals = sorted((c for c in names if _number_of(c) is not None), key=lambda c: _number_of(c) or 0)
    lacking = {"model", "record", "keep", "y"} - set(names)
    if lacking or (not signals and "score" not in names):
        raise InputError(f"target.path: {path.name} has no column {min(lacking) if lacking else 'score'!r}")
    try:
        return _filled(file, path, signals)
    except InputError:
        raise
    except Exception as error:
        raise _unreadable(path) from error


def _filled(file: Any, path: Path, signals: list[str]) -> dict[str, Array | None]:
    shape, place = _places(file, path)
    names = signals or ["score"]
    narrow = all(str(file.schema_arrow.field(name).type) in ("float", "halffloat") for name in names)
    kind = np.float32 if narrow else np.float64
    logits = np.empty((*shape, len(signals)), kind) if signals else None
    scores = None if signals else np.empty(shape, kind)
    flat = logits.reshape(-1, len(signals)) if logits is not None else None if scores is None else scores.reshape(-1, 1)
    start = 0
    for batch in file.iter_batches(BATCH, columns=names):
        rows = place[start : start + len(batch)]
        for number, name in enumerate(names):
            values = batch.column(name).to_numpy(zero_copy_only=False)
            if values.dtype.kind not in "biuf":
                raise InputError(f"target.path: {path.name}: column {name!r} holds {values.dtype}, not real numbers")
            assert flat is not None
            flat[rows, number] = values
        start += len(batch)
    keep, y = (_column(file, name) for name in ("keep", "y"))
    ordered = [np.empty(shape, dtype=values.dtype) for values in (keep, y)]
    for target, values in zip(ordered, (keep, y), strict=True):
        target.reshape(-1)[place] = values
    _refuse_other_labels(file, path, ordered[1])
    return {"logits": logits, "scores": scores, "keep": ordered[0], "y": ordered[1][0]}


def _refuse_other_labels(file: Any, path: Path, y: Array) -> None:
    """Raise InputError where a record has one label for one model and another for another; y: [models, records]."""
    other = np.argwhere(y != y[0])
    if not len(other):
        return
    if y.dtype.kind == "f" and np.isnan(y).any():
        raise InputError(f"target.path: {path.name}: y is missing in some rows: leave those records out")
    model, record = _models(file, path)[0][other[0][0]], np.unique(_column(file, "record"))[other[0][1]]
    raise InputError(
        f"target.path: {path.name}: y of record {record} is {y[tuple(other[0])]} for model {model} and "
        f"{y[0, other[0][1]]} for the first one ({len(other):,} rows differ so): give a record one label, the same for "
        "all models"
    )


def _places(file: Any, path: Path) -> tuple[tuple[int, int], Array]:
    """How many models and records there are, and where each row goes in [models, records]."""
    models, model = _models(file, path)
    records, record = np.unique(_column(file, "record"), return_inverse=True)
    shape = len(models), len(records)
    place = model * len(records) + record
    if len(place) != shape[0] * shape[1] or not (np.bincount(place, minlength=len(place)) == 1).all():
        raise InputError(
            f"target.path: {path.name} must have one row for each of {shape[0]} models x {shape[1]} records"
        )
    return shape, place


def _models(file: Any, path: Path) -> tuple[Array, Array]:
    """The models, the target first, and which of them each row is of.

    Raises InputError where names do not say which of several is the target: another one would be audited.
    """
    names, model = np.unique(_column(file, "model"), return_inverse=True)
    if len(names) < 2 or not all(isinstance(name, str) for name in names.tolist()):
        return names, model
    called = [place for place, name in enumerate(names) if name.strip().lower() == TARGET]
    if not called and all(name.isascii() and name.isdigit() for name in names):
        called = [min(range(len(names)), key=lambda place: int(names[place]))]
    if len(called) != 1:
        raise InputError(
            f"target.path: {path.name}: of the models {names[0]!r}, {names[1]!r}{' ...' if len(names) > 2 else ''} "
            f"which is the target? call it {TARGET!r}, or number the models, the target lowest"
        )
    order = np.array([*called, *(place for place in range(len(names)) if place not in called)])
    return names[order], np.argsort(order)[model]


def _column(file: Any, name: str) -> Array:
    return np.asarray(file.read(columns=[name]).column(name).to_numpy())


def _number_of(name: str) -> int | None:
    """The class of a column of logits; None for another column."""
    digits = name.removeprefix("logit_")
    return int(digits) if digits != name and digits.isascii() and digits.isdigit() else None


def _unreadable(path: Path) -> InputError:
    return InputError(f"target.path: cannot read {path.name} as a score table (.npz or .parquet)")
