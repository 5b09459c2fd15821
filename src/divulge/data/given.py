"""Records as the user gave them: rows of whatever a model's owner hands to it, types unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from divulge.core.hashing import Array, digest
from divulge.core.mixed.inputs import Inputs, handed
from divulge.data.kinds import kind_of
from divulge.data.tables import described_table, is_table, table_length, table_rows, tables_joined


def several(x: Any, records: int) -> Any:
    """A tuple or a list of arrays, tables or tensors with so many records each as inputs; anything else as it is."""
    if not isinstance(x, tuple | list) or len(x) < 2 or len(x) == records:
        return x
    if not all(hasattr(part, "shape") and len(part.shape) and part.shape[0] == records for part in x):
        return x
    return Inputs(dict(enumerate(x)), isinstance(x, list))


def _like(value: Mapping[Any, Any], parts: dict[Any, Any]) -> dict[Any, Any]:
    """Other rows of several inputs."""
    return Inputs(parts, value.listed) if isinstance(value, Inputs) else parts


@dataclass(frozen=True, eq=False)
class GivenRows:
    """Rows of one object.  whole: a data frame or series, an array, a sparse matrix, a tensor, a list, or a mapping of
    these.  index: which rows, None for all.
    """

    whole: Any
    index: Array | None = None

    @property
    def value(self) -> Any:
        """See Given; the rows are cut out once."""
        known = self.__dict__.get("_value")
        if known is None:
            known = self.whole if self.index is None else rows_of(self.whole, self.index)
            object.__setattr__(self, "_value", known)
        return known

    def lent(self) -> Any:
        """See Given; rows that are cut out are copies already."""
        rows = self.whole if self.index is None else rows_of(self.whole, self.index)
        return handed(copied(rows, self.index is None))

    def take(self, index: Array) -> GivenRows:
        """See Given; nothing is copied until the rows are asked for."""
        before = np.arange(length_of(self.whole)) if self.index is None else self.index
        return GivenRows(self.whole, before[index])

    def joined(self, others: Sequence[Any]) -> GivenRows:
        """See Given."""
        parts = [self, *others]
        if all(part.whole is self.whole for part in parts):
            every = np.arange(length_of(self.whole))
            return GivenRows(self.whole, np.concatenate([every if p.index is None else p.index for p in parts]))
        return GivenRows(stacked([part.value for part in parts]))

    def fingerprint(self) -> str:
        """See Given: of the types, and of the labels of a table's rows, by which a model may look something up; the
        values are told by the records' numbers and their schema.
        """
        import pandas as pd

        labels = self.value.index if isinstance(self.whole, pd.DataFrame | pd.Series) else None
        named = "" if labels is None else repr(list(map(str, labels)))
        return digest(described(self.whole), named)


def described(value: Any) -> str:
    """The type of records, down to the types of columns."""
    import pandas as pd

    if isinstance(value, pd.DataFrame):
        return repr([(name, str(dtype)) for name, dtype in value.dtypes.items()])
    if isinstance(value, Mapping):
        return repr({key: described(part) for key, part in value.items()})
    if is_table(value):
        return described_table(value)
    return f"{type(value).__module__}.{type(value).__qualname__} {getattr(value, 'dtype', '')}"


def is_tensor(value: Any) -> bool:
    """Whether it is a tensor of PyTorch, told without loading PyTorch."""
    return any(f"{kind.__module__}.{kind.__name__}" == "torch.Tensor" for kind in type(value).__mro__)


def is_sparse(value: Any) -> bool:
    """Whether it is a sparse matrix or array of SciPy."""
    from scipy import sparse

    return bool(sparse.issparse(value))


def length_of(value: Any) -> int:
    """How many records an object holds."""
    kind = kind_of(value)
    if kind is not None:
        return kind.size(value)
    if is_table(value):
        return table_length(value)
    if isinstance(value, Mapping):
        return min((length_of(part) for part in value.values()), default=0)
    return int(value.shape[0]) if hasattr(value, "shape") else len(value)


def copied(value: Any, wholly: bool = True) -> Any:
    """What may be written into without a trace in `value`; records of a kind that a package brings stay as they are,
    and so do tables of Arrow and polars, of which nobody can alter a value.
    wholly: whether an array, a table or a tensor is to be copied too, and not only what stands in a list.
    """
    import pandas as pd

    if kind_of(value) is not None:
        return value
    if isinstance(value, Mapping):
        return _like(value, {key: copied(part, wholly) for key, part in value.items()})
    if isinstance(value, list):
        return [copied(row) if isinstance(row, np.ndarray | list) or is_tensor(row) else row for row in value]
    if not wholly:
        return value
    if is_tensor(value):
        return value.detach().clone()
    return value.copy() if isinstance(value, pd.DataFrame | pd.Series | np.ndarray) or is_sparse(value) else value


def rows_of(value: Any, index: Array) -> Any:
    """The rows at these positions [rows]."""
    import pandas as pd

    kind = kind_of(value)
    if kind is not None:
        return kind.take(value, index)
    if is_table(value):
        return table_rows(value, index)
    if isinstance(value, pd.DataFrame | pd.Series):
        return value.iloc[index]
    if isinstance(value, Mapping):
        return _like(value, {key: rows_of(part, index) for key, part in value.items()})
    if is_tensor(value):
        import torch

        return value[torch.from_numpy(np.ascontiguousarray(index)).to(value.device)]
    if isinstance(value, np.ndarray) or is_sparse(value):
        return value[index]
    return [value[int(i)] for i in index]


def stacked(values: Sequence[Any]) -> Any:
    """One object with the rows of all, one after the other; the first one's type."""
    import pandas as pd
    from scipy import sparse

    first = values[0]
    if len(values) == 1:
        return first
    kind = kind_of(first)
    if kind is not None or is_table(first):
        return kind.joined(values) if kind is not None else tables_joined(values)
    if isinstance(first, pd.DataFrame | pd.Series):
        return pd.concat(values)
    if isinstance(first, Mapping):
        return _like(first, {key: stacked([value[key] for value in values]) for key in first})
    if is_tensor(first):
        import torch

        return torch.cat([value.to(first.device) for value in values])
    if is_sparse(first):
        return sparse.vstack(values, format="csr")
    if isinstance(first, np.ndarray):
        masked = any(isinstance(value, np.ma.MaskedArray) for value in values)
        join: Any = np.ma.concatenate if masked else np.concatenate
        joined = join(values)
        return joined if masked or first.dtype.names is None else joined.view(type(first))
    return [row for value in values for row in value]
