"""The first layer of many networks over records that are mostly zeros, as tables are whose categories are columns.

A product with a matrix of zeros is mostly wasted.  Here a record is the list of its columns that are not zero; the
layer adds up their weights, and the gradient of a weight is added up over the records whose column is not zero.  Both
are sums over bags of rows, which torch does fast.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.nn import functional

from divulge.core.records import Records

FEWEST_INPUTS = 64
FEWEST_OUTPUTS = 16
MOST_FILLED = 1 / 6
"""Of a record's columns, for which adding up is faster than multiplying."""

_FOUND: WeakKeyDictionary[Records, Filled | None] = WeakKeyDictionary()
_FINDING = threading.Lock()


@dataclass(frozen=True, eq=False)
class Filled:
    """columns: int32 [records, most], those that are not zero, filled up with the first; values: of these, float32, 0
    where filled up.  inputs: columns that there are.
    """

    columns: Tensor
    values: Tensor
    inputs: int

    def take(self, rows: Tensor, models: int) -> Bags:
        """Those of a batch [models * batch], the records of a network after those of another."""
        columns = torch.index_select(self.columns, 0, rows)
        first = torch.arange(0, models * self.inputs, self.inputs, dtype=torch.int32)
        columns.view(models, -1).add_(first[:, None])
        ends = torch.arange(0, columns.numel() + 1, columns.shape[1], dtype=torch.int32)
        return Bags(columns.view(-1), torch.index_select(self.values, 0, rows).view(-1), ends, models)


@dataclass(frozen=True, eq=False)
class Bags:
    """Rows of the stacked weights [models * inputs, outputs] and what they are multiplied with; the entries of a record
    are those from `ends[record]` on.
    """

    rows: Tensor
    values: Tensor
    ends: Tensor
    models: int

    def by_row(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """The same the other way about: for each row of the weights the records that have it, their values, and where
        the entries of a row begin.
        """
        parts = self.values.numpy(), self.rows.numpy(), self.ends.numpy()
        turned = csr_matrix(parts, shape=(len(self.ends) - 1, count), copy=False).tocsc()
        return tuple(map(torch.from_numpy, (turned.indices, turned.data, turned.indptr)))  # type: ignore[return-value]


def filled(records: Records) -> Filled | None:
    """The records' columns that are not zero; None where there are too many for this to be worth while."""
    with _FINDING:
        if records not in _FOUND:
            _FOUND[records] = _filled(np.ascontiguousarray(records.x.reshape(len(records), -1), dtype=np.float32))
        return _FOUND[records]


def _filled(x: np.ndarray) -> Filled | None:
    count, inputs = x.shape
    if inputs < FEWEST_INPUTS or np.count_nonzero(x[:100]) > MOST_FILLED * x[:100].size:
        return None
    rows, columns = np.nonzero(x)
    each = np.bincount(rows, minlength=count)
    most = max(1, int(each.max()))
    if most > MOST_FILLED * inputs:
        return None
    place = np.arange(len(rows)) - np.repeat(np.cumsum(each) - each, each)
    kept, values = np.zeros((count, most), dtype=np.int32), np.zeros((count, most), dtype=np.float32)
    kept[rows, place], values[rows, place] = columns, x[rows, columns]
    return Filled(torch.from_numpy(kept), torch.from_numpy(values), inputs)


class Sparse:
    """See stacked.Dense; the first layer of all networks, which is given bags."""

    def __init__(self, weight: Tensor, weight_grad: Tensor, bias: Tensor | None, bias_grad: Tensor | None) -> None:
        self.weight, self.bias = weight, bias
        self._weight_grad, self._bias_grad = weight_grad, bias_grad

    def forward(self, x: Bags) -> Tensor:
        """[models, batch, outputs]."""
        self._x = x
        table = self.weight.flatten(0, 1)
        out = functional.embedding_bag(
            x.rows, table, x.ends, mode="sum", per_sample_weights=x.values, include_last_offset=True
        ).view(x.models, -1, table.shape[1])
        return out if self.bias is None else out.add_(self.bias)

    def backward(self, gradient: Tensor, wanted: bool) -> Tensor:
        """Keeps the gradients of weight and bias."""
        records, values, ends = self._x.by_row(self.weight.shape[0] * self.weight.shape[1])
        table = gradient.flatten(0, 1)
        self._weight_grad.flatten(0, 1).copy_(
            functional.embedding_bag(
                records, table, ends, mode="sum", per_sample_weights=values, include_last_offset=True
            )
        )
        if self._bias_grad is not None:
            torch.sum(gradient, 1, keepdim=True, out=self._bias_grad)
        return gradient
