"""The parameters of any fitted estimator or module as one row of numbers that mean the same in every model."""

from __future__ import annotations

from typing import Any

import numpy as np

from divulge.core.errors import Impossible
from divulge.core.hashing import Array

MOST_STEPS = 200
"""Parts of a pipeline or an ensemble that are looked into."""


def parameters_of(model: Any) -> dict[str, Array]:
    """All fitted numbers by name.  Of trees what does not depend on their shape: how often each feature splits, where
    on average, how many records reach the root and the leaves, the classes' shares at the root, depth and size.
    """
    if hasattr(model, "state_dict"):
        return _network({k: np.asarray(v.detach().cpu().double().numpy()) for k, v in model.state_dict().items()})
    found: dict[str, Array] = {}
    _walk(model, "", found, [MOST_STEPS])
    if not found:
        raise Impossible(f"a {type(model).__name__} has no fitted parameters that can be read")
    return found


def _network(state: dict[str, Array]) -> dict[str, Array]:
    """A network in numbers that do not depend on the order of its neurons: of every weight how strong each input's
    part is, of every bias its values in order, of the last ones all values, and of consecutive layers their product.
    """
    found: dict[str, Array] = {}
    product: Array | None = None
    names = [k for k, v in state.items() if v.ndim >= 1]
    for name in names:
        value = state[name]
        if value.ndim == 1:
            found[name] = value if name == names[-1] else np.sort(value)
            continue
        flat = value.reshape(len(value), -1)
        inputs = np.sqrt((flat**2).sum(axis=0))
        found[f"{name}: inputs"] = inputs if product is None else np.sort(inputs)
        found[f"{name}: outputs"] = np.sort(np.sqrt((flat**2).sum(axis=1)))
        found[f"{name}: in all"] = np.array([flat.mean(), flat.std(), np.abs(flat).mean()])
        if product is None or product.shape[0] == flat.shape[1]:
            product = flat if product is None else flat @ product
    if product is not None:
        found["product"] = product - product.mean(axis=0) if len(product) > 1 else product
    return found


def _walk(model: Any, name: str, found: dict[str, Array], left: list[int]) -> None:
    if left[0] <= 0 or model is None or isinstance(model, str):
        return
    left[0] -= 1
    for part, inner in _parts(model):
        _walk(inner, f"{name}/{part}", found, left)
    tree = getattr(model, "tree_", None)
    if tree is not None:
        found.update({f"{name}.{k}": v for k, v in _tree(tree).items()})
    grown = [t for t in np.ravel(np.asarray(getattr(model, "estimators_", []), dtype=object)) if hasattr(t, "tree_")]
    if grown:
        trees = [_tree(t.tree_) for t in grown]
        found.update({f"{name}.{k}": np.mean([t[k] for t in trees], axis=0) for k in trees[0]})
    for key, value in vars(model).items():
        if not key.endswith("_") or key.startswith("_") or key in ("tree_", "estimators_", "classes_"):
            continue
        for number, array in enumerate(value if isinstance(value, list | tuple) else [value]):
            numbers = _numbers(array)
            if numbers is not None:
                found[f"{name}.{key}.{number}"] = numbers


def _parts(model: Any) -> list[tuple[str, Any]]:
    """Steps of a pipeline, and the transformers of columns."""
    steps = getattr(model, "steps", None)
    if steps:
        return [(str(name), inner) for name, inner in steps]
    fitted = getattr(model, "transformers_", None)
    return [(str(t[0]), t[1]) for t in fitted] if fitted else []


def _numbers(value: Any) -> Array | None:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        return None
    if array.dtype.kind not in "biuf" or array.size == 0:
        return None
    return array.astype(np.float64)


def _tree(tree: Any) -> dict[str, Array]:
    """A decision tree in numbers that do not depend on its shape."""
    features, inner = int(tree.n_features), np.asarray(tree.feature) >= 0
    split = np.bincount(np.asarray(tree.feature)[inner], minlength=features).astype(float)
    cut = np.bincount(np.asarray(tree.feature)[inner], weights=np.asarray(tree.threshold)[inner], minlength=features)
    weight = np.bincount(
        np.asarray(tree.feature)[inner], weights=np.asarray(tree.n_node_samples)[inner], minlength=features
    )
    root = np.asarray(tree.value[0], dtype=np.float64).reshape(-1)
    leaves = np.asarray(tree.n_node_samples)[~inner]
    return {
        "splits": split,
        "cuts": cut / np.maximum(split, 1),
        "records": weight / max(float(tree.n_node_samples[0]), 1.0),
        "root": root / max(float(np.abs(root).sum()), 1e-12),
        "size": np.array([tree.n_node_samples[0], tree.max_depth, len(leaves), leaves.mean(), leaves.std()]),
    }


def as_rows(models: list[dict[str, Array]]) -> Array:
    """[models, numbers], of the parameters that all have in the same shape.  Raises Impossible where there are none."""
    alike = [k for k in models[0] if all(k in m and m[k].shape == models[0][k].shape for m in models)]
    if not alike:
        raise Impossible("the models have no parameters of the same shape in common")
    return np.stack([np.concatenate([m[k].reshape(-1) for k in alike]) for m in models])
