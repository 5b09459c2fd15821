"""Preparation undone: from the rows that a model keeps to the records that they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from divulge.core.hashing import Array
from divulge.core.records import CODED, Schema


@dataclass(frozen=True)
class Passed:
    """A stacked estimator hands its inputs on beside the answers of its parts; width: of the inputs."""

    width: int

    def transform(self, rows: Array) -> Array:
        """The inputs alone: what stands before them is not compared."""
        return np.asarray(rows)

    def inverse_transform(self, rows: Array) -> Array:
        """[rows, width]."""
        return rows[:, rows.shape[1] - self.width :]


def parts_of(part: Any, steps: tuple[Any, ...]) -> list[tuple[str, Any, tuple[Any, ...]]] | None:
    """What hangs on a pipeline or a stacked estimator by name, each with the steps that prepare what it sees; None for
    all else, whose parts see what it sees itself.
    """
    if isinstance(getattr(part, "steps", None), list):
        found, before = [], steps
        for name, step in part.steps:
            found.append((name, step, before))
            if step is not None and not isinstance(step, str):
                before = (*before, step)
        return found
    if getattr(part, "passthrough", False) and hasattr(part, "final_estimator_"):
        rest = [(name, value, steps) for name, value in vars(part).items() if name != "final_estimator_"]
        return [*rest, ("final_estimator_", part.final_estimator_, (*steps, Passed(int(part.n_features_in_))))]
    return None


def undone(steps: Sequence[Any], rows: Array, schema: Schema) -> Array | None:
    """Rows [records, prepared width] as numbers of the schema [records, columns], as they were before these steps
    prepared them; None where a step cannot be undone.
    """
    raw: Array | None = rows
    for step in reversed(steps):
        raw = _before(step, raw) if raw is not None else None
    return _numbers(raw, schema) if raw is not None else None


def _before(step: Any, rows: Array) -> Array | None:
    """Rows as they were before one fitted step."""
    if step is None or isinstance(step, str):
        return rows
    if hasattr(step, "steps"):
        raw: Array | None = rows
        for _, inner in reversed(step.steps):
            raw = _before(inner, raw) if raw is not None else None
        return raw
    if hasattr(step, "transformers_") and hasattr(step, "output_indices_"):
        return _before_columns(step, rows)
    kind = type(step).__name__
    if kind.endswith("Imputer"):  # what was imputed stays as the model saw it
        width = int(step.n_features_in_)
        return rows[:, :width] if rows.shape[1] >= width else None
    if kind == "FunctionTransformer" and step.func is not None and step.inverse_func is None:
        return None
    try:
        return np.asarray(step.inverse_transform(rows))
    except Exception:  # there is no way back, or not for such rows: foreign code raises what it likes
        return None


def _before_columns(step: Any, rows: Array) -> Array | None:
    """Every group of columns by its own transformer; None where a column went nowhere."""
    raw = np.empty((len(rows), int(step.n_features_in_)), dtype=object)
    found: set[int] = set()
    for name, inner, _ in step.transformers_:
        places = [int(place) for place in step._transformer_to_input_indices.get(name, ())]
        part = rows[:, step.output_indices_[name]]
        if not places or (isinstance(inner, str) and inner == "drop"):
            continue
        before = _before(inner, _plain(part))
        if before is None or before.shape[1] != len(places):
            return None
        raw[:, places] = before
        found |= set(places)
    return raw if len(found) == raw.shape[1] else None


def _plain(part: Array) -> Array:
    """Numbers as such, where an array of objects holds nothing else."""
    if part.dtype != object:
        return part
    try:
        return part.astype(np.float64)
    except (TypeError, ValueError):
        return part


def _numbers(rows: Array, schema: Schema) -> Array | None:
    """Values as the schema's numbers: categories by their code, NaN for what is none of them."""
    if rows.dtype != object and not any(column.kind in CODED for column in schema.columns):
        return rows.astype(np.float64)
    if rows.shape[1] != len(schema.columns):
        return None
    numbers = np.full(rows.shape, np.nan)
    for place, column in enumerate(schema.columns):
        if column.kind in CODED:
            codes = {_key(value): code for code, value in enumerate(column.categories)}
            numbers[:, place] = [codes.get(_key(value), np.nan) for value in rows[:, place].tolist()]
        else:
            numbers[:, place] = [_number(value) for value in rows[:, place].tolist()]
    return numbers


def _key(value: Any) -> Any:
    return "missing" if value is None or (isinstance(value, float) and np.isnan(value)) else value


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
