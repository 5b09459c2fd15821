"""A module that is asked about rows whose categories are not decided yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from divulge.core.errors import Impossible
from divulge.core.hashing import Array
from divulge.core.mixed.fields import TableField

SAME = 1e-4
"""By how much, of the spread of its outputs, a relaxed module may answer otherwise about rows that are decided."""

CHECKED = 16
"""Rows on which that is looked at."""


class _Given(Exception):
    """What a layer is given, before anything else is computed."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = value


class Relaxed(nn.Module):
    """Takes [records, slots]: a slot for each quantity on a scale of [0, 1], and one for each category, whose softmax
    within its attribute are its shares (the softmax structural prior of Vero et al. 2023, section 4.1).

    Indicator columns are the shares themselves.  Codes are looked up inside, by an embedding or an indicator made
    there, so shares are taken of what the first dense layer is given for each of them.
    """

    def __init__(self, module: nn.Module, fields: Sequence[TableField], columns: int) -> None:
        super().__init__()
        self.module, self.fields, self.columns = module, tuple(fields), columns
        sizes = [max(f.values, 1) for f in self.fields]
        self.starts = np.cumsum([0, *sizes])
        self.looked_up = any(f.code for f in self.fields)
        self.layer = _first_dense(module) if self.looked_up else ""
        self._rows = torch.as_tensor(self._table())

    @property
    def slots(self) -> int:
        """How wide it is."""
        return int(self.starts[-1])

    def shares(self, z: Tensor) -> Tensor:
        """Quantities as they are, categories as shares: [..., slots]."""
        parts = torch.split(z, [int(n) for n in np.diff(self.starts)], dim=-1)
        return torch.cat([torch.softmax(p, -1) if f.values else p for p, f in zip(parts, self.fields, strict=True)], -1)

    def rows(self, shares: Array) -> Array:
        """Decided rows [records, columns]: the likeliest category, quantities within their range."""
        x = np.zeros((len(shares), self.columns))
        for field, start, end in zip(self.fields, self.starts, self.starts[1:], strict=False):
            part = shares[:, start:end]
            given = part.argmax(axis=1) if field.values else _between(field, np.clip(part[:, 0], 0, 1))
            x[:, list(field.places)] = field.written(given)
        return x

    def forward(self, z: Tensor) -> Any:
        """What the module answers: [records, ...]."""
        return self.answered(self.shares(z))

    def answered(self, shares: Tensor) -> Any:
        """The same of shares [records, slots]."""
        table = self._rows.to(shares.dtype).to(shares.device)
        if not self.looked_up:
            return self.module(table[0] + shares @ (table[1:] - table[0]))
        layer = self.module.get_submodule(self.layer)
        each = self._given(layer, table)
        given = each[0] + shares @ (each[1:] - each[0])
        hook = layer.register_forward_pre_hook(lambda _m, _x: (given,))
        try:
            return self.module(table[:1].expand(len(shares), -1))
        finally:
            hook.remove()

    def _given(self, layer: nn.Module, rows: Tensor) -> Tensor:
        def stop(_module: nn.Module, given: tuple[Tensor, ...]) -> None:
            raise _Given(given[0])

        hook = layer.register_forward_pre_hook(stop)
        try:
            self.module(rows)
        except _Given as found:
            return found.value
        finally:
            hook.remove()
        raise Impossible("the first dense layer of the module is not asked about its records")

    def _table(self) -> Array:
        """The row of lowest values and no categories, then for every slot the same with this one at its highest."""
        base = np.zeros(self.columns)
        for field in self.fields:
            base[list(field.places)] = field.low
        table = np.repeat(base[None], self.slots + 1, axis=0)
        for field, start, end in zip(self.fields, self.starts, self.starts[1:], strict=False):
            told = np.arange(field.values) if field.values else np.asarray(field.high)
            table[start + 1 : end + 1, list(field.places)] = field.written(told)
        return table

    def checked(self, rng: np.random.Generator, dtype: torch.dtype) -> None:
        """Raises Impossible where decided rows are not answered as the module itself answers them."""
        shares = np.zeros((CHECKED, self.slots))
        for field, start, end in zip(self.fields, self.starts, self.starts[1:], strict=False):
            if field.values:
                shares[np.arange(CHECKED), start + rng.integers(field.values, size=CHECKED)] = 1.0
            else:
                shares[:, start:end] = rng.random((CHECKED, 1))
        with torch.no_grad():
            own = self.module(torch.as_tensor(self.rows(shares), dtype=dtype)).double()
            other = self.answered(torch.as_tensor(shares, dtype=dtype)).double()
        if own.shape != other.shape or float((own - other).abs().max()) > SAME * max(float(own.std()), 1e-6):
            raise Impossible("what its first dense layer is given is not a sum over the attributes of a record")


def _between(field: TableField, share: Array) -> Array:
    return np.asarray(field.low[0] + share * (field.high[0] - field.low[0]))


def _first_dense(module: nn.Module) -> str:
    """Name of the first dense layer; Impossible where there is none, or where batches are normed before it."""
    for name, part in module.named_modules():
        if isinstance(part, nn.Linear) and name:
            return str(name)
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            break
    raise Impossible("categories are looked up inside the module, and no dense layer is given what comes of it")
