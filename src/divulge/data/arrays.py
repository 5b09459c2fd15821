"""Records from whatever a model's owner has: frames, arrays, sparse matrices, tensors, texts.  One schema for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.mixed.inputs import Inputs
from divulge.core.records import CODED, UNLABELED, Column, Form, Kind, Records, Schema
from divulge.core.threat import Task
from divulge.data.columns import LARGEST, column_of
from divulge.data.forms import ArrayForm, ComplexForm, FrameForm, SparseForm, StructuredForm, TableForm, TensorForm
from divulge.data.given import GivenRows, is_sparse, is_tensor, length_of, rows_of, several, stacked
from divulge.data.kinds import kind_of
from divulge.data.one_table import one_frame, one_table
from divulge.data.pools import pooled
from divulge.data.tables import is_table

if TYPE_CHECKING:
    import pandas as pd

MOST_CLASSES = 1000
WIDEST = 128 * 1024**2
"""Numbers of a sparse matrix that are written out; a larger one is told apart row by row instead."""

Numbered = tuple[tuple[Column, ...], Array, Form]
"""Columns, numbers [records, ...] and form of all sets together."""


def from_arrays(
    sets: Sequence[tuple[Any, Any]],
    *,
    classes: Sequence[Any] | None = None,
    task: Task | None = None,
    sensitive: Iterable[str] = (),
    target: str = "y",
    labeled: bool = True,
) -> list[Records]:
    """One `Records` for every (x, y), all with the schema that the sets have together.  What a target is asked about
    are rows of the very objects that are given here.

    x: a data frame; an array [records, features] or [records, height, width, ...]; a sparse matrix; a tensor; a list
    of texts or of token numbers of unequal length; a mapping of such with as many records each.  y: [records].
    classes: the labels that the model knows, in its order; found in y when not given.
    labeled: whether y says anything; where it does not, the records are a table without a target.
    Raises InputError for shapes that do not fit, and for labels that the model does not know.
    """
    import pandas as pd

    targets = [_targets(y) for _, y in sets]
    given = [_tidied(several(x, len(y))) for (x, _), y in zip(sets, targets, strict=True)]
    kinds = sorted({_kind(x) for x in given})
    if len(kinds) > 1:
        raise InputError(f"the sets are given as {' and '.join(kinds)}: pass all of them as one kind")
    for x, y in zip(given, targets, strict=True):
        if length_of(x) != len(y):
            raise InputError(f"x has {length_of(x)} records and y has {len(y)}: pass one target value for every record")
    together = _together(given)
    columns, numbers, form = _numbered(together)
    task = task or guess_task(targets)
    target = _free(target, columns)
    coded, labels = encode_targets(targets, task, classes, target) if labeled else _no_targets(targets)
    framed = isinstance(together, pd.DataFrame) or is_table(together)
    schema = Schema(columns, task, target, labels, framed, form).marked(sensitive)
    everything, start, records = GivenRows(together), 0, []
    for y in coded:
        rows = np.arange(start, start + len(y))
        start += len(y)
        records.append(Records(numbers[rows], y, schema).as_given(everything.take(rows)))
    return records


def _no_targets(targets: Sequence[Array]) -> tuple[list[Array], tuple[Any, ...]]:
    return [np.zeros(len(y), dtype=np.int64) for y in targets], UNLABELED


def _free(target: str, columns: Sequence[Column]) -> str:
    """A name for the target that no feature has."""
    names = {column.name for column in columns}
    others = (target, "target", "label", *(f"y_{number}" for number in range(len(names))))
    return next(name for name in others if name not in names)


def _targets(y: Any) -> Array:
    array = np.asarray(y.detach().cpu() if is_tensor(y) else y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.names is not None:
        raise InputError(
            f"y holds {' and '.join(array.dtype.names)} of every record, as survival data do: audit what is predicted "
            "of one of them, divulge.FunctionTarget(model.predict, 'values') with that field as y"
        )
    if array.ndim == 2:
        raise InputError(
            f"y has shape {array.shape}, several values a record: audit one output at a time, divulge.audit(lambda x: "
            "model.predict_proba(x)[0], (x, y[:, 0]), ...), with [:, 0] for [0] where it answers with one array and no "
            "list, of values divulge.FunctionTarget(lambda x: model.predict(x)[:, 0], 'values'); where y is one-hot, "
            "pass y.argmax(axis=1)"
        )
    if array.ndim != 1:
        raise InputError(f"y has shape {array.shape}: pass one target value for every record")
    return array


def _tidied(x: Any) -> Any:
    """Records as they are, without what is no part of them: gradients, lists where arrays are meant."""
    import pandas as pd

    if kind_of(x) is not None:
        return x
    if is_tensor(x):
        return x.detach()
    if is_sparse(x):
        return x.tocsr()
    if hasattr(x, "to_pandas") and not is_table(x):  # series and tables of libraries that are not known
        return x.to_pandas()
    if isinstance(x, Inputs):
        return Inputs({key: _tidied(part) for key, part in x.items()}, x.listed)
    if isinstance(x, Mapping):  # what a tokenizer gives, too
        return {key: _tidied(part) for key, part in x.items()}
    if isinstance(x, pd.DataFrame | pd.Series | np.ndarray) or is_table(x):
        return x
    if isinstance(x, tuple | range) or hasattr(x, "__array__"):
        x = list(x) if isinstance(x, tuple | range) else np.asarray(x)
    return _of_list(x) if isinstance(x, list) else x


def _of_list(x: list[Any]) -> Any:
    """An array where all rows are numbers of one shape; tensors stacked; else the list."""
    if x and all(is_tensor(row) for row in x):
        same = len({tuple(row.shape) for row in x}) == 1
        return stacked([row.detach()[None] for row in x]) if same else [row.detach() for row in x]
    try:
        array = np.asarray(x)
    except ValueError:  # rows of unequal length
        return x
    return x if array.dtype.kind in "OUS" and array.ndim == 1 else array


def _together(given: Sequence[Any]) -> Any:
    """All sets as one object; raises InputError where they are not alike."""
    import pandas as pd

    first = given[0]
    if min(length_of(x) for x in given) == 0:
        raise InputError("the set of records is empty: pass at least one record")
    if kind_of(first) is not None:
        return stacked(list(given))
    if isinstance(first, pd.DataFrame):
        return one_frame(given)
    if is_table(first):
        return one_table(given)
    if isinstance(first, Mapping) and len({frozenset(x) for x in given}) > 1:
        raise InputError("the sets have different parts: give all of them the same keys")
    shapes = {tuple(x.shape[1:]) for x in given if hasattr(x, "shape")}
    if len(shapes) > 1:
        listed = " and ".join(map(str, sorted(shapes)))
        raise InputError(f"the sets have records of shapes {listed}: they must be alike")
    return stacked(list(given))


def _kind(x: Any) -> str:
    import pandas as pd

    brought = kind_of(x)
    if brought is not None:
        return f"records of the kind {brought.name!r}"
    if isinstance(x, pd.DataFrame):
        return "a data frame"
    if is_table(x):
        return f"a table of {type(x).__module__.partition('.')[0]}"
    if is_tensor(x):
        return "a tensor"
    if is_sparse(x):
        return "a sparse matrix"
    if isinstance(x, Mapping):
        return "a mapping"
    if isinstance(x, np.ndarray):
        return "an array"
    if isinstance(x, list | pd.Series):
        return "a list"
    if hasattr(x, "collect"):
        raise InputError(f"records cannot be read from a {type(x).__name__}, which holds no rows yet: pass x.collect()")
    raise InputError(
        f"records cannot be read from a {type(x).__name__}: pass a data frame, an array, a sparse matrix, a tensor or "
        "a list of texts"
    )


def _numbered(together: Any) -> Numbered:
    """The records as numbers for divulge's own use."""
    import pandas as pd

    if kind_of(together) is not None:
        column, numbers, form = pooled(together)
        return (column,), numbers, form
    if isinstance(together, pd.DataFrame):
        columns, numbers, holes = _of_frame(together)
        return columns, numbers, FrameForm(tuple(together.columns), tuple(together.dtypes), holes)
    if is_table(together):
        frame = together.to_pandas().reset_index(drop=True)
        columns, numbers, holes = _of_frame(frame)
        like = rows_of(together, np.arange(0))
        return columns, numbers, TableForm(tuple(frame.columns), tuple(frame.dtypes), holes, like)
    if is_tensor(together):
        return _of_tensor(together)
    if is_sparse(together) and np.prod(together.shape) <= WIDEST:
        dense = np.asarray(together.toarray(), dtype=np.float64)
        return _plain(dense.shape[1]), dense, SparseForm(type(together), together.dtype)
    if isinstance(together, np.ndarray) and together.ndim != 1:
        return _of_array(together)
    if isinstance(together, np.ndarray) and together.dtype.kind not in "OUS":
        if together.dtype.names is not None:
            return _of_structured(together)
        raise InputError("x has one dimension: pass a table [records, features], reshape(-1, 1) for a single feature")
    column, numbers, form = pooled(together)
    return (column,), numbers, form


def _plain(width: int) -> tuple[Column, ...]:
    return tuple(Column(f"feature {i}") for i in range(width))


def _of_frame(frame: pd.DataFrame) -> tuple[tuple[Column, ...], Array, tuple[int, ...]]:
    numbers = np.empty((len(frame), frame.shape[1]))
    columns = []
    for place, name in enumerate(frame.columns):
        column, numbers[:, place] = column_of(str(name), frame.iloc[:, place])
        columns.append(column)
    holes = tuple(i for i, c in enumerate(columns) if c.kind not in CODED and np.isnan(numbers[:, i]).any())
    return tuple(columns), numbers, holes


def _of_array(array: Array) -> Numbered:
    import pandas as pd

    if array.dtype.kind in "fiub" and (array.ndim > 2 or _exact(array)):
        numbers = array if array.dtype.kind == "f" else array.astype(np.float64)
        if isinstance(numbers, np.ma.MaskedArray):
            numbers = np.asarray(np.ma.filled(numbers.astype(np.float64), np.nan))
        if array.ndim > 2:
            return (Column("image", Kind.IMAGE),), numbers, ArrayForm(array.dtype)
        columns, holes = _filled(_plain(array.shape[1]), numbers)
        return columns, numbers, ArrayForm(array.dtype, holes)
    if array.dtype.kind == "c" and array.ndim == 2:
        parts = np.column_stack([array.real, array.imag]).astype(np.float64)
        names = [f"feature {i} ({part})" for part in ("real", "imaginary") for i in range(array.shape[1])]
        columns, holes = _filled(tuple(map(Column, names)), parts)
        return columns, parts, ComplexForm(array.dtype, holes)
    if array.ndim > 2 or array.dtype.kind not in "OUSiumM":
        raise InputError(
            f"x holds {array.dtype} values of {array.ndim} dimensions: pass numbers, or a data frame (of complex "
            "numbers the real and the imaginary part), and a function that makes of them what the model takes"
        )
    frame = pd.DataFrame(array if array.dtype.kind in "mM" else array.astype(object))
    frame.columns = pd.Index([f"feature {i}" for i in range(array.shape[1])])
    columns, numbers, holes = _of_frame(frame)
    return columns, numbers, ArrayForm(array.dtype, holes, mixed=True)


def _of_structured(array: Array) -> Numbered:
    """Entries with named fields, as the table that they are."""
    import pandas as pd

    names = array.dtype.names or ()
    if any(array.dtype[name].shape or array.dtype[name].names for name in names):
        raise InputError(
            "x is a structured array with fields that hold several values: pass a data frame, and a function that "
            "makes of it what the model takes"
        )
    frame = pd.DataFrame({name: np.asarray(array[name]) for name in names})
    columns, numbers, holes = _of_frame(frame)
    table = FrameForm(tuple(frame.columns), tuple(frame.dtypes), holes)
    return columns, numbers, StructuredForm(array.dtype, type(array), table)


def _of_tensor(tensor: Any) -> Numbered:
    wide = tensor.cpu()
    wide = wide.float() if wide.is_floating_point() and wide.element_size() < 4 else wide
    columns, numbers, form = _of_array(wide.numpy())
    assert isinstance(form, ArrayForm)
    return columns, numbers, TensorForm(tensor[:0], form.holes)


def _filled(columns: tuple[Column, ...], numbers: Array) -> tuple[tuple[Column, ...], tuple[int, ...]]:
    """Columns with what stands for a missing number, and the places of those that have some."""
    holes = np.flatnonzero(np.isnan(numbers).any(axis=0))
    filled = list(columns)
    for place in holes:
        known = numbers[np.isfinite(numbers[:, place]), place]
        filled[place] = Column(columns[place].name, fill=float(np.median(known)) if len(known) else 0.0)
    return tuple(filled), tuple(int(place) for place in holes)


def _exact(array: Array) -> bool:
    """Whether float64 tells all values apart: not whole numbers beyond 2^53."""
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 8 or not array.size:
        return True
    return bool(max(abs(int(array.min())), abs(int(array.max()))) < LARGEST)


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
    import pandas as pd

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
        cure = "use the same labels as in training, or say with classes= what each of its outputs stands for"
        alike = next((label for label in labels if str(label) == str(strange[0])), None)
        if alike is not None:
            kind = type(alike).__name__
            cure = (
                f"give it the type that it had in training ({kind}; data.dtypes: {{{name}: {kind}}} in an audit file)"
            )
        if strange[0] == -1:
            cure = "where -1 says that a record has no label, leave those records out"
        raise InputError(
            f"target {name!r} has the value {strange[0]!r}, which the model does not know (it knows "
            f"{', '.join(map(repr, labels[:8]))}): {cure}"
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
    """One `Records` for every data frame with a target column.  Columns keep their types; see from_arrays."""
    for frame in frames:
        if target not in frame.columns:
            columns = ", ".join(map(str, frame.columns[:12]))
            raise InputError(f"there is no target column {target!r}; the columns are {columns}")
    pairs = [(frame.drop(columns=target), frame[target].to_numpy()) for frame in frames]
    return from_arrays(pairs, classes=classes, task=task, sensitive=sensitive, target=target)
