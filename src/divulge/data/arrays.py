"""Records from NumPy arrays and pandas frames, with one schema for all the sets of an audit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.records import Column, Kind, Records, Schema
from divulge.core.threat import Task

MOST_CLASSES = 1000


def from_arrays(
    sets: Sequence[tuple[Any, Any]],
    *,
    classes: Sequence[Any] | None = None,
    task: Task | None = None,
    sensitive: Iterable[str] = (),
    target: str = "y",
) -> list[Records]:
    """One `Records` for every (x, y), all with the schema that the sets have together.

    x: [records, features] array or data frame, or [records, height, width, ...] images.  y: [records].
    classes: the labels that the model knows, in its order; found in y when not given.
    Raises InputError for shapes that do not fit, holes, and labels that the model does not know.
    """
    if isinstance(sets[0][0], pd.DataFrame):
        frames = [_with_target(x, y, target) for x, y in sets]
        return from_frames(frames, target=target, classes=classes, task=task, sensitive=sensitive)
    arrays = [(_features(x), _targets(y)) for x, y in sets]
    shape = arrays[0][0].shape[1:]
    for x, _ in arrays:
        if x.shape[1:] != shape:
            raise InputError(f"the sets have records of shapes {shape} and {x.shape[1:]}: they must be alike")
    if len(shape) == 0:
        raise InputError("x has one dimension: pass a table [records, features], reshape(-1, 1) for a single feature")
    columns = (
        tuple(Column(f"feature {i}") for i in range(shape[0])) if len(shape) == 1 else (Column("image", Kind.IMAGE),)
    )
    task = task or guess_task([y for _, y in arrays])
    coded, labels = encode_targets([y for _, y in arrays], task, classes, target)
    schema = Schema(columns, task, target, labels).marked(sensitive)
    return [Records(x, y, schema) for (x, _), y in zip(arrays, coded, strict=True)]


def _with_target(x: pd.DataFrame, y: Any, target: str) -> pd.DataFrame:
    if not isinstance(x, pd.DataFrame):
        raise InputError("some sets are data frames and some are arrays: pass all of them as one kind")
    if len(x) != len(y):
        raise InputError(f"x has {len(x)} records and y has {len(y)}: pass one target value for every record")
    return x.assign(**{target: np.asarray(y)})


def _features(x: Any) -> Array:
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"x has values that are not numbers ({error}): pass a pandas DataFrame for tables with categories"
            ) from error
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _targets(y: Any) -> Array:
    array = np.asarray(y)
    if array.ndim != 1:
        raise InputError(f"y has shape {array.shape}: pass one target value for every record, y.ravel() say")
    return array


def guess_task(targets: Sequence[Array]) -> Task:
    """Regression when y is of a float type and not all whole numbers; else classification."""
    joined = np.concatenate(targets)
    if joined.dtype.kind == "f" and np.isfinite(joined).all() and (joined != np.round(joined)).any():
        return Task.REGRESSION
    return Task.CLASSIFICATION


def encode_targets(
    targets: Sequence[Array], task: Task, classes: Sequence[Any] | None, name: str
) -> tuple[list[Array], tuple[Any, ...]]:
    """Class codes for every set, and the labels behind the codes."""
    if task is Task.REGRESSION:
        try:
            return [np.asarray(y, dtype=np.float64) for y in targets], ()
        except ValueError as error:
            raise InputError(f"target {name!r} is to be regressed but has values that are no numbers") from error
    if any(pd.isna(y).any() for y in targets):
        raise InputError(f"target {name!r} has NaN or missing values: drop those records")
    found = pd.unique(pd.Series(np.concatenate([y.astype(object) for y in targets])))
    labels = list(classes) if classes is not None else sorted(found.tolist(), key=lambda v: (str(type(v)), v))
    known = set(labels)
    strange = [v for v in found if v not in known]
    if strange:
        raise InputError(
            f"target {name!r} has the value {strange[0]!r}, which the model does not know (it knows "
            f"{', '.join(map(repr, labels[:8]))}): use the same labels as in training"
        )
    if len(labels) < 2:
        raise InputError(f"target {name!r} has one class only ({labels[0]!r}): membership needs at least two")
    if classes is None and len(labels) > MOST_CLASSES:
        raise InputError(f"target {name!r} has {len(labels)} classes: set `task: regression` if it is a quantity")
    code = {label: i for i, label in enumerate(labels)}
    return [np.array([code[v] for v in y.tolist()], dtype=np.int64) for y in targets], tuple(labels)


def from_frames(
    frames: Sequence[pd.DataFrame],
    *,
    target: str,
    classes: Sequence[Any] | None = None,
    task: Task | None = None,
    sensitive: Iterable[str] = (),
) -> list[Records]:
    """One `Records` for every data frame.  Columns of numbers stay numbers; all others become categories."""
    names = list(frames[0].columns)
    if target not in names:
        raise InputError(f"there is no target column {target!r}; the columns are {', '.join(map(str, names[:12]))}")
    for frame in frames[1:]:
        if list(frame.columns) != names:
            odd = sorted(set(map(str, frame.columns)) ^ set(map(str, names))) or ["their order"]
            raise InputError(f"the tables have different columns ({', '.join(odd[:5])}): give all of them the same")
    targets = [frame[target].to_numpy() for frame in frames]
    task = task or guess_task(targets)
    coded, labels = encode_targets(targets, task, classes, target)
    features = [name for name in names if name != target]
    columns, matrices = _encode_features(frames, features)
    schema = Schema(columns, task, target, labels, framed=True).marked(sensitive)
    return [Records(x, y, schema) for x, y in zip(matrices, coded, strict=True)]


def _encode_features(frames: Sequence[pd.DataFrame], names: Sequence[str]) -> tuple[tuple[Column, ...], list[Array]]:
    columns: list[Column] = []
    matrices = [np.empty((len(frame), len(names))) for frame in frames]
    for i, name in enumerate(names):
        together = pd.concat([frame[name] for frame in frames], ignore_index=True)
        if pd.api.types.is_numeric_dtype(together):
            columns.append(Column(str(name)))
            values = together.to_numpy(dtype=np.float64)
        else:
            if together.isna().any():
                raise InputError(
                    f"column {name!r} has {int(together.isna().sum())} missing values: "
                    "fill them in (with 'unknown', say) or drop those records"
                )
            codes, categories = pd.factorize(together.astype(str), sort=True)
            columns.append(Column(str(name), Kind.CATEGORICAL, tuple(categories)))
            values = codes.astype(np.float64)
        start = 0
        for matrix in matrices:
            matrix[:, i] = values[start : start + len(matrix)]
            start += len(matrix)
    return tuple(columns), matrices
