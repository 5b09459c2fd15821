"""The first layer of many networks over records that are mostly alike, as tables are whose categories are columns.

A product with a matrix of zeros is mostly wasted.  Here a record is what sets it apart from a usual one: the columns in
which it differs, and by how much.  The layer adds up their weights on top of what it makes of the usual record, and the
gradient of a weight is added up over the records that differ there.  Both are sums over bags of rows, which torch does
fast.
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

from divulge.core.hashing import Array
from divulge.core.records import Records

FEWEST_INPUTS = 64
FEWEST_OUTPUTS = 16
MOST_APART = 1 / 6
"""Of a record's columns, for which adding up is faster than multiplying."""

LOOKED_AT = 1_001
"""Records by which the usual one is told."""

_FOUND: WeakKeyDictionary[Records, Apart | None] = WeakKeyDictionary()
_FINDING = threading.Lock()


@dataclass(frozen=True, eq=False)
class Apart:
    """usual: float32 [inputs], in every column the value of more than half of the records, or 0.  differences: of each
    record, [records, inputs].
    """

    usual: Array
    differences: csr_matrix

    def take(self, rows: Tensor, models: int) -> Bags:
        """Those of a batch [models * batch], the records of a network after those of another."""
        part = self.differences[rows.numpy()]
        ends, inputs = part.indptr, part.shape[1]
        each = np.diff(ends[:: len(rows) // models])
        part.indices += np.repeat(np.arange(0, models * inputs, inputs, dtype=part.indices.dtype), each)
        return Bags(part.indices, part.data, ends, models)


@dataclass(frozen=True, eq=False)
class Bags:
    """Rows of the stacked weights [models * inputs, outputs] and what they are multiplied with; the entries of a record
    are those from `ends[record]` on.
    """

    rows: Array
    values: Array
    ends: Array
    models: int

    def sums(self, table: Tensor) -> Tensor:
        """[models * batch, outputs] from the weights."""
        return _sums(table, self.rows, self.values, self.ends)

    def sums_by_row(self, table: Tensor, count: int) -> Tensor:
        """[count, outputs] from [models * batch, outputs]: of each row of the weights over the records that have it."""
        mitigations = csr_matrix((self.values, self.rows, self.ends), shape=(len(self.ends) - 1, count)).tocsc()
        return _sums(table, mitigations.indices, mitigations.data, mitigations.indptr)


def _sums(table: Tensor, rows: Array, values: Array, ends: Array) -> Tensor:
    places, shares, offsets = map(torch.from_numpy, (rows, values, ends))
    return functional.embedding_bag(
        places, table, offsets, mode="sum", per_sample_weights=shares, include_last_offset=True
    )


def apart(records: Records) -> Apart | None:
    """What sets records apart; None where that is so much that it is not worth while."""
    with _FINDING:
        if records not in _FOUND:
            _FOUND[records] = _apart(np.ascontiguousarray(records.x.reshape(len(records), -1), dtype=np.float32))
        return _FOUND[records]


def _apart(x: Array) -> Apart | None:
    some = x[:LOOKED_AT]
    if x.shape[1] < FEWEST_INPUTS:
        return None
    middle = np.sort(some, axis=0)[len(some) // 2]  # what more than half of the records have is the median
    usual = np.where((some == middle).mean(axis=0) > 0.5, middle, 0).astype(np.float32)
    if (some != usual).mean() > MOST_APART:
        return None
    there = x != usual
    each = there.sum(axis=1)
    if each.sum() > MOST_APART * x.size:
        return None
    columns = np.nonzero(there)[1].astype(np.int32)
    ends = np.concatenate([[0], np.cumsum(each)]).astype(np.int32)
    return Apart(usual, csr_matrix((x[there] - usual[columns], columns, ends), shape=x.shape))


class Sparse:
    """See stacked.Dense; the first layer of all networks, which is given bags.  usual: of Apart."""

    def __init__(
        self, usual: Array, weight: Tensor, weight_grad: Tensor, bias: Tensor | None, bias_grad: Tensor | None
    ) -> None:
        self.weight, self.bias = weight, bias
        self._weight_grad, self._bias_grad = weight_grad, bias_grad
        self._places = torch.from_numpy(np.flatnonzero(usual))
        self._usual = torch.from_numpy(usual[usual != 0])[None, None]

    def forward(self, x: Bags) -> Tensor:
        """[models, batch, outputs]."""
        self._x = x
        out = x.sums(self.weight.flatten(0, 1)).view(x.models, -1, self.weight.shape[2])
        start = self._usual @ self.weight.index_select(1, self._places)
        return out.add_(start if self.bias is None else start + self.bias)

    def backward(self, gradient: Tensor, wanted: bool) -> Tensor:
        """Keeps the gradients of weight and bias."""
        models, inputs, outputs = self.weight.shape
        found = self._x.sums_by_row(gradient.flatten(0, 1), models * inputs)
        self._weight_grad.copy_(found.view(models, inputs, outputs))
        whole = gradient.sum(dim=1, keepdim=True)
        self._weight_grad.index_add_(1, self._places, self._usual.transpose(1, 2) * whole)
        if self._bias_grad is not None:
            self._bias_grad.copy_(whole)
        return gradient
