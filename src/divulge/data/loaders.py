"""Records as PyTorch keeps them: tensors on any device, Datasets and DataLoaders."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from divulge.core.errors import InputError

FEATURES = ("input_ids", "x", "pixel_values", "features", "inputs", "image", "data")
TARGETS = ("labels", "y", "label", "target", "targets")
"""Names under which batches that are dictionaries keep records and targets."""


def unpacked(pair: Any) -> Any:
    """(x, y) for a Dataset or a DataLoader (read once, in its own order), tensors where it gives tensors; a pair stays
    what it is, but for a target that is a tensor.

    Raises InputError for items that are no pair of tensors or arrays.
    """
    if "torch" not in sys.modules or pair is None:
        return pair
    from torch.utils.data import DataLoader, Dataset

    if isinstance(pair, DataLoader):
        batches = [_pair_of(batch) for batch in pair]
        return _joined([b[0] for b in batches], whole=False), _joined([b[1] for b in batches], whole=False)
    if isinstance(pair, Dataset):
        items = [_pair_of(item) for item in _items(pair)]
        return _joined([i[0] for i in items], whole=True), _joined([i[1] for i in items], whole=True)
    if isinstance(pair, tuple | list) and len(pair) == 2:
        x, y = pair
        if isinstance(x, Dataset | DataLoader):
            x = _features_of(x)
        return x, _plain(y)
    return pair


def _features_of(x: Any) -> Any:
    """Of a Dataset or DataLoader with targets, or without."""
    from torch.utils.data import Dataset

    whole = isinstance(x, Dataset)
    parts = [item[0] if isinstance(item, tuple | list) else item for item in (_items(x) if whole else x)]
    return _joined([_inputs(p) if isinstance(p, Mapping) else p for p in parts], whole=whole)


def _items(dataset: Any) -> Any:
    """Of a Dataset by number where it has a length, of one that only streams as they come."""
    return (dataset[i] for i in range(len(dataset))) if hasattr(dataset, "__len__") else iter(dataset)


def _pair_of(item: Any) -> tuple[Any, Any]:
    if isinstance(item, Mapping):
        return _inputs(item), _named(item, TARGETS)
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    kind = f"{len(item)} things" if isinstance(item, tuple | list) else f"a {type(item).__name__}"
    raise InputError(f"a DataLoader or Dataset of records must give pairs (x, y), and this one gives {kind}")


def _inputs(item: Mapping[Any, Any]) -> Any:
    """Token ids with whatever stands beside them, a mask say; of other dictionaries the one that holds the records."""
    if "input_ids" not in item:
        return _named(item, FEATURES)
    parts = {key: value for key, value in item.items() if key not in TARGETS}
    return parts if len(parts) > 1 else item["input_ids"]


def _together(parts: Sequence[Mapping[Any, Any]], whole: bool) -> Any:
    """Inputs by name; a mask that leaves nothing out is none."""
    joined = {key: _joined([part[key] for part in parts], whole) for key in parts[0]}
    mask = joined.get("attention_mask")
    if mask is not None and not isinstance(mask, list) and bool((mask == 1).all()):
        del joined["attention_mask"]
    return joined if len(joined) > 1 else joined["input_ids"]


def _named(item: Mapping[Any, Any], names: Sequence[str]) -> Any:
    found = next((name for name in names if name in item), None)
    if found is None:
        raise InputError(
            f"batches are dictionaries of {', '.join(map(str, item))}: none is called {', '.join(names[:3])} or the "
            "like; pass (x, y) arrays"
        )
    return item[found]


def _plain(values: Any) -> Any:
    """A tensor as an array; anything else as it is."""
    if not (hasattr(values, "detach") and hasattr(values, "cpu")):
        return values
    plain = values.detach().cpu()
    return (plain.float() if str(plain.dtype) == "torch.bfloat16" else plain).resolve_conj().resolve_neg().numpy()


def _joined(parts: Sequence[Any], whole: bool) -> Any:
    """Parts one after the other; whole: every part is one record.  Records of unequal length stay a list."""
    if parts and all(isinstance(part, Mapping) for part in parts):
        return _together(parts, whole)
    if parts and all(hasattr(part, "detach") for part in parts):
        tensors = [part.detach() for part in parts]
        if len({tuple(t.shape) if whole else tuple(t.shape[1:]) for t in tensors}) == 1:
            import torch

            return torch.stack(tensors) if whole else torch.cat(tensors)
    arrays = [np.asarray(_plain(part)) for part in parts]
    if not arrays:
        raise InputError("the DataLoader or Dataset is empty: pass at least one record")
    if any(a.dtype == object for a in arrays):
        kind = type(parts[0]).__name__
        raise InputError(
            f"a DataLoader or Dataset gives records of type {kind}: let its transform make tensors of them"
        )
    shapes = {a.shape if whole else a.shape[1:] for a in arrays}
    if len(shapes) > 1:
        return list(arrays) if whole else [row for a in arrays for row in a]
    return np.stack(arrays) if whole else np.concatenate(arrays)
