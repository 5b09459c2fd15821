"""What a fitted estimator tells about the table that it was fitted on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

WITHIN = ("best_estimator_", "estimator_", "estimators_", "calibrated_classifiers_", "estimator", "_preprocessor")
"""Where estimators that are made of others keep them, fitted."""

DEEPEST = 6


def fitted_columns(model: Any) -> tuple[str, ...] | None:
    """The names of the columns that a model was fitted on; None where it does not know names."""
    names = getattr(model, "feature_names_in_", None)
    return None if names is None else tuple(str(name) for name in names)


def fitted_kinds(model: Any) -> dict[str, str]:
    """Of columns that encoders or trees treat as categories, what their values were: str, number, category, or
    category:str for categories that are texts.

    A table that is read again from a file must give them so, or every value is one that the model never saw.
    """
    names = fitted_columns(model)
    found: dict[str, str] = {}
    for name, kind in () if names is None else _kinds(model, names, DEEPEST):
        native = "category" in (kind, found.get(name))
        found[name] = "category:str" if native and "str" in (kind, found.get(name)) else "category" if native else kind
    return found


def _kinds(part: Any, names: tuple[str, ...], depth: int) -> Iterable[tuple[str, str]]:
    """For a part of a model that is given these columns."""
    if depth == 0 or part is None or isinstance(part, str):
        return
    own = fitted_columns(part)
    names = own if own is not None else names
    if hasattr(part, "categories_"):
        yield from (
            (name, kind) for name, values in zip(names, part.categories_, strict=False) if (kind := _of(values))
        )
        return
    yield from _native(part, names)
    if hasattr(part, "steps"):
        first = next((step for _, step in part.steps if step is not None and step != "passthrough"), None)
        yield from _kinds(first, names, depth - 1)
    elif hasattr(part, "transformers_"):
        inputs = getattr(part, "_transformer_to_input_indices", {})
        for name, transformer, _ in part.transformers_:
            chosen = tuple(names[i] for i in inputs.get(name, ()) if i < len(names))
            yield from _kinds(transformer, chosen, depth - 1)
    elif hasattr(part, "transformer_list"):
        for _, transformer in part.transformer_list:
            yield from _kinds(transformer, names, depth - 1)
    else:
        for place in WITHIN:
            inner = getattr(part, place, None)
            inner = inner[0] if isinstance(inner, list | tuple) and len(inner) else inner
            if hasattr(inner, "fit") or hasattr(inner, "estimator"):
                yield from _kinds(inner, names, depth - 1)


def _native(part: Any, names: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    """Trees that take columns of dtype category as they are."""
    if getattr(part, "categorical_features", None) == "from_dtype":
        marked = getattr(part, "is_categorical_", None)
        marked = () if marked is None else marked
    elif getattr(part, "enable_categorical", False) and hasattr(part, "get_booster"):
        marked = [kind == "c" for kind in part.get_booster().feature_types or ()]
    else:
        return
    yield from ((name, "category") for name, category in zip(names, marked, strict=False) if category)


def _of(values: Any) -> str | None:
    known = [
        value
        for value in np.asarray(values, dtype=object)
        if value is not None and not (isinstance(value, float) and np.isnan(value))
    ]
    if known and all(isinstance(value, str) for value in known):
        return "str"
    numeric = known and all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in known)
    return "number" if numeric else None
