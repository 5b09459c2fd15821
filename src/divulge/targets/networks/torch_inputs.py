"""Inputs of a module that are no single tensor: several by name, and lists of unequal length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from divulge.core.mixed.inputs import InputList
from divulge.core.outputs import Pick, ending, picked, tried_ending


@dataclass(frozen=True)
class Named:
    """Several inputs by name, as a tokenizer gives them: the module is called with them by name."""

    parts: Mapping[Any, Any]

    def __len__(self) -> int:
        return min(len(part) for part in self.parts.values())

    def __getitem__(self, rows: Any) -> Named:
        if isinstance(rows, slice):
            return Named({key: part[rows] for key, part in self.parts.items()})
        return Named({key: _rows(part, rows) for key, part in self.parts.items()})

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the token ids, where there are some: [records, places]."""
        ids = self.parts.get("input_ids")
        return tuple(ids.shape) if isinstance(ids, Tensor) else (len(self),)

    def is_floating_point(self) -> bool:
        """Whether it holds no token ids."""
        return "input_ids" not in self.parts

    def to(self, place: torch.device | str | None) -> Named:
        """On another device."""
        moved = {key: part.to(place) if isinstance(part, Tensor) else part for key, part in self.parts.items()}
        return self if place is None else Named(moved)

    def fresh(self) -> Named:
        """The same, for a module to write into."""
        return Named({key: part.clone() if isinstance(part, Tensor) else part for key, part in self.parts.items()})

    def asked(self, module: nn.Module, pick: Pick) -> Any:
        """What the module answers."""
        by_place = all(isinstance(key, int) for key in self.parts)
        return module(*self.parts.values()) if by_place else module(**self.parts)

    def in_type(self, dtype: torch.dtype) -> Named:
        """The same with what NumPy has in double precision in the module's own."""
        wide = {key for key, part in self.parts.items() if isinstance(part, Tensor) and part.dtype is torch.float64}
        return Named({key: part.to(dtype) if key in wide else part for key, part in self.parts.items()})


@dataclass(frozen=True)
class Singles:
    """Records that cannot be stacked: the module is asked about one after the other."""

    rows: Sequence[Any]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any) -> Singles:
        return Singles(self.rows[rows] if isinstance(rows, slice) else _rows(self.rows, rows))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all of them: [records]."""
        return (len(self.rows),)

    def is_floating_point(self) -> bool:
        """They are no places of a text that a language model answers for one by one."""
        return True

    def to(self, place: torch.device | str | None) -> Singles:
        """On another device."""
        moved = [row.to(place) if isinstance(row, Tensor) else row for row in self.rows]
        return self if place is None else Singles(moved)

    def fresh(self) -> Singles:
        """The same, for a module to write into."""
        return Singles([row.clone() if isinstance(row, Tensor) else row for row in self.rows])

    def asked(self, module: nn.Module, pick: Pick) -> Any:
        """What the module answers, one record a call; of a language model its answer for the last place."""
        answered = []
        for row in self.rows:
            outputs = picked(module(row[None] if isinstance(row, Tensor) else [row]), pick)
            answered.append(outputs[:, -1] if isinstance(row, Tensor) and len(outputs.shape) == 3 else outputs)
        return torch.cat(answered)


def _rows(part: Any, places: Any) -> Any:
    """Rows at these places of a tensor, or of a list."""
    return part[places] if isinstance(part, Tensor) else [part[int(place)] for place in places]


def as_owned(native: Any) -> Tensor | Named | Singles | None:
    """Records as their owner would hand them to a module: a tensor, also of an array; several inputs by name; lists of
    unequal length and texts.  None for frames.
    """
    if isinstance(native, Tensor):
        return native
    if isinstance(native, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(native)) if native.dtype.kind in "fiub" else None
    if isinstance(native, tuple | InputList):
        return Named({place: _as_tensor(part) for place, part in enumerate(native)})
    if isinstance(native, Mapping):
        return Named({key: _as_tensor(part) for key, part in native.items()})
    if isinstance(native, list | pd.Series):
        rows = [_as_tensor(row) for row in native]
        shapes = {tuple(row.shape) if isinstance(row, Tensor) else None for row in rows}
        return (
            Singles(rows) if len(shapes) > 1 or None in shapes or isinstance(native, pd.Series) else torch.stack(rows)
        )
    return None


def as_numbers(native: Any) -> np.ndarray[Any, Any]:
    """Rows as numbers of float32, for a module that does not take them as they are."""
    return native.cpu().float().numpy() if isinstance(native, Tensor) else np.asarray(native)


def _as_tensor(part: Any) -> Any:
    """An array of numbers as a tensor of its own type; a list of them likewise; anything else as it is."""
    if isinstance(part, Tensor | str):
        return part
    try:
        array = np.asarray(part)
    except ValueError:
        return part
    return torch.from_numpy(np.ascontiguousarray(array)) if array.dtype.kind in "fiub" else part


def last_operation(module: nn.Module, given: Any, pick: Pick, raw: Any) -> str:
    """The module's last operation, see `ending`; where it keeps no account of it, whether outputs like `raw` stay in
    [0, 1] under any weights; '' where that cannot be told.
    """
    if isinstance(module, torch.jit.ScriptModule):
        return ending(picked(module(given), pick))

    def ask(weights: dict[str, Tensor]) -> Any:
        return picked(torch.func.functional_call(module, weights, (given,)), pick)

    parameters = dict(module.named_parameters())
    known = ending(ask({name: value.detach().requires_grad_() for name, value in parameters.items()}))
    return tried_ending(known, raw, ask, parameters)
