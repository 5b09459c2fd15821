"""A property of a whole training set, as an expression over its columns: the share of women, the mean age."""

from __future__ import annotations

import ast
import contextlib
import difflib
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from divulge.core.errors import InputError
from divulge.core.hashing import Array
from divulge.core.records import Records, missing

Columns = Mapping[str, Array]
"""By name, one value for each record: what an expression speaks of."""

KINDS = ("share", "present", "mean", "correlation", "size", "duplicates")
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: np.isin,
    ast.NotIn: np.isin,
}
_MISSING_IS: dict[type[ast.cmpop], bool] = {ast.Eq: True, ast.Is: True, ast.NotEq: False, ast.IsNot: False}
"""Comparisons with None, which ask whether a value is missing."""

_REDUCED: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def columns_of(records: Records) -> dict[str, Array]:
    """What an expression may speak of: the columns, the target by its name (class labels decoded), and of images
    `brightness`, the mean of all pixels.  A table without a target has its columns alone.
    """
    flat = records.x.reshape(len(records), -1)
    found = records.columns() if flat.shape[1] == len(records.schema.columns) else {}
    if records.schema.is_image:
        found = {"brightness": flat.mean(axis=1, dtype=np.float64)}
    classes = np.asarray(records.schema.classes, dtype=object)
    if not records.schema.labeled:
        return found
    found[records.schema.target] = classes[records.y] if len(classes) else records.y
    return found


@dataclass(frozen=True)
class Property:
    """text: as it was written, `share(sex == "Female")` say.  kind: one of KINDS.  parts: its expressions.

    share: of the records for which an expression holds.  present: whether there are any, with the share that they have
    in the population where there are.  mean: of a number.  correlation: of two numbers, as how many more records are
    on the same side of both medians than on opposite ones, from -1 to 1 (Blomqvist's beta).  size: how many records.
    duplicates: the share of records that are copies of another.

    A missing value compares as false with everything, and is left out of means and correlations.
    """

    text: str
    kind: str
    parts: tuple[str, ...] = ()

    def flags(self, columns: Columns) -> Array:
        """What a share of the records is drawn by: bool [records]."""
        if self.kind in ("share", "present"):
            return _true(evaluated(self.parts[0], columns))
        first = self._number(0, columns)
        if self.kind == "mean":
            return np.asarray(first > _median(first))
        second = self._number(1, columns)
        return np.asarray((first > _median(first)) == (second > _median(second)))

    def known(self, columns: Columns) -> Array:
        """The records that it speaks of, bool [records]: those whose numbers are not missing."""
        count = len(next(iter(columns.values())))
        if self.kind not in ("mean", "correlation"):
            return np.ones(count, dtype=bool)
        finite = [np.isfinite(self._number(part, columns)) for part in range(len(self.parts))]
        return np.asarray(np.broadcast_to(np.logical_and.reduce(finite), (count,)))

    def value(self, columns: Columns) -> float:
        """The property of a set of records."""
        count = len(next(iter(columns.values())))
        if self.kind == "size":
            return float(count)
        if self.kind == "duplicates":
            return (
                1 - len(set(zip(*(map(_alike, np.asarray(c).tolist()) for c in columns.values()), strict=True))) / count
            )
        known = self.known(columns)
        if not known.any():
            raise InputError(f"property {self.text!r}: its number is missing in all records")
        if self.kind == "mean":
            return float(np.broadcast_to(self._number(0, columns), known.shape)[known].mean())
        if self.kind == "correlation":
            return 2 * float(self.flags({n: np.asarray(c)[known] for n, c in columns.items()}).mean()) - 1
        share = float(self.flags(columns).mean())
        return share

    def numbers(self, columns: Columns) -> Array:
        """What a mean is taken of: [records], NaN where it is missing."""
        return self._number(0, columns)

    def _number(self, part: int, columns: Columns) -> Array:
        values = np.asarray(evaluated(self.parts[part], columns))
        if values.dtype.kind == "O" and all(missing(v) or isinstance(v, int | float | np.number) for v in values.flat):
            values = np.array([np.nan if missing(v) else float(v) for v in values.flat])  # categories that are numbers
        if values.dtype.kind == "M":
            values = np.where(np.isnat(values), np.nan, values.astype("datetime64[us]").astype(np.int64) / 1e6)
        if values.dtype.kind not in "biuf":
            raise InputError(f"property {self.text!r}: {self.parts[part]!r} is not a number")
        return values.astype(np.float64)

    def check(self, columns: Columns) -> None:
        """Raises InputError where the expression does not fit these records."""
        if self.kind in ("size", "duplicates"):
            return
        flags = self.flags(columns)
        count = len(next(iter(columns.values())))
        if flags.shape != (count,):
            raise InputError(f"property {self.text!r}: the expression gives no value for every record")
        flags = flags[self.known(columns)]
        if flags.all() or not flags.any():
            raise InputError(f"property {self.text!r} is the same for all records: nothing can be learned about it")


def property_of(text: str) -> Property:
    """From text: a kind with its expressions, or an expression alone, whose share is meant.

    Raises InputError for what is no such expression.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise InputError(
            f"property {text!r} is no expression: write share(sex == 'Female') or mean(age), say"
        ) from error
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id != "col":
        kind = tree.func.id
        if kind not in KINDS:
            raise InputError(f"property {text!r}: {kind!r} is unknown: choose from {', '.join(KINDS)}")
        arity = {"correlation": 2, "size": 0, "duplicates": 0}.get(kind, 1)
        if len(tree.args) != arity or tree.keywords:
            raise InputError(f"property {text!r}: {kind} takes {arity} expressions")
        return Property(text.strip(), kind, tuple(ast.unparse(arg) for arg in tree.args))
    return Property(f"share({text.strip()})", "share", (text.strip(),))


def evaluated(text: str, columns: Columns) -> Any:
    """The value of an expression for every record: comparisons, `and`, `or`, `not`, arithmetic, names of columns
    (`col("name with spaces")`) and constants; nothing else is run.
    """
    return _of(ast.parse(text, mode="eval").body, columns, text)


def _of(node: ast.AST, columns: Columns, text: str) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return _column(node.id, columns)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "col" and len(node.args) == 1:
        return _column(str(_of(node.args[0], columns, text)), columns)
    if isinstance(node, ast.List | ast.Tuple):
        return [_of(item, columns, text) for item in node.elts]
    if isinstance(node, ast.BoolOp):
        operands = [_true(_of(value, columns, text)) for value in node.values]
        return np.logical_and.reduce(operands) if isinstance(node.op, ast.And) else np.logical_or.reduce(operands)
    if isinstance(node, ast.UnaryOp):
        inner = _of(node.operand, columns, text)
        return ~_true(inner) if isinstance(node.op, ast.Not) else -inner
    if isinstance(node, ast.BinOp) and type(node.op) in _REDUCED:
        return _REDUCED[type(node.op)](_of(node.left, columns, text), _of(node.right, columns, text))
    if isinstance(node, ast.Compare):
        return _compared(node, columns, text)
    raise InputError(f"property: {text!r} holds what is not allowed in an expression: {ast.unparse(node)}")


def _compared(node: ast.Compare, columns: Columns, text: str) -> Any:
    left, holds = _of(node.left, columns, text), None
    for kind, right_node in zip(node.ops, node.comparators, strict=True):
        if type(kind) not in _COMPARED:
            raise InputError(f"property: {text!r} compares in a way that is not allowed")
        right = _of(right_node, columns, text)
        try:
            truth = _holds(type(kind), left, right)
        except (TypeError, ValueError) as error:
            raise InputError(f"property: {text!r} compares what cannot be compared: {error}") from error
        holds = truth if holds is None else holds & truth
        left = right
    return holds


def _holds(kind: type[ast.cmpop], left: Any, right: Any) -> Array:
    """A comparison record by record, with texts as times where the other side is times; false where one is missing."""
    if left is None or right is None:
        if kind not in _MISSING_IS:
            raise TypeError("None has no order")
        return np.asarray(_gone(right if left is None else left) == _MISSING_IS[kind])
    left, right = _as_time(left, right), _as_time(right, left)
    known = ~_gone(left) if kind in (ast.In, ast.NotIn) else ~(_gone(left) | _gone(right))
    if kind in (ast.In, ast.NotIn):
        inside = [np.asarray(_holds(ast.Eq, left, value)) for value in right]
        found = np.logical_or.reduce(inside) if inside else np.zeros(np.shape(left), dtype=bool)
        return np.asarray(found if kind is ast.In else ~found & known)
    if known.all():
        return np.asarray(_COMPARED[kind](left, right), dtype=bool)
    true = np.zeros(known.shape, dtype=bool)
    sides = [np.broadcast_to(np.asarray(side), known.shape)[known] for side in (left, right)]
    true[known] = np.asarray(_COMPARED[kind](*sides), dtype=bool)
    return true


def _as_time(value: Any, other: Any) -> Any:
    """A text, or a list of them, as times where it is compared with times."""
    if getattr(other, "dtype", np.dtype(object)).kind != "M" or isinstance(value, np.ndarray):
        return value
    return [np.datetime64(v) for v in value] if isinstance(value, list) else np.datetime64(value)


def _gone(values: Any) -> Array:
    """Which are missing: bool, shaped alike."""
    array = np.asarray(values)
    if array.dtype.kind == "O":
        return np.array([missing(v) for v in array.flat], dtype=bool).reshape(array.shape)
    if array.dtype.kind in "mM":
        return np.asarray(np.isnat(array))
    return np.asarray(np.isnan(array)) if array.dtype.kind in "fc" else np.zeros(array.shape, dtype=bool)


def _true(values: Any) -> Array:
    """Which hold: a missing one does not."""
    array = np.asarray(values)
    return np.asarray(np.where(_gone(array), False, array), dtype=bool)


def _median(numbers: Array) -> float:
    known = numbers[np.isfinite(numbers)]
    return float(np.median(known)) if len(known) else 0.0


def _alike(value: Any) -> Any:
    """A value as duplicates count it: what is missing is alike, and 1, 1.0, True and "1" are not."""
    return (
        None
        if missing(value)
        else (type(value).__name__, value if isinstance(value, str | int | float) else str(value))
    )


def _column(name: str, columns: Columns) -> Array:
    if name not in columns:
        near = difflib.get_close_matches(name, columns, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"the columns are {', '.join(list(columns)[:12])}"
        raise InputError(f"property: there is no column {name!r}: {hint}")
    return np.asarray(columns[name])


def dial_of(prop: Property, value: float, columns: Columns) -> float:
    """Where to turn the dial that `rows_with` draws by, for the property to have a value: a share of records for all
    but `size`, which is a number of them.
    """
    if prop.kind == "correlation":
        return (value + 1) / 2
    if prop.kind == "mean":
        known = prop.known(columns)
        numbers, flags = prop.numbers(columns)[known], prop.flags(columns)[known]
        low, high = float(numbers[~flags].mean()), float(numbers[flags].mean())
        if not low <= value <= high:
            raise InputError(
                f"{prop.text}: a mean of {value:g} cannot be drawn: choose between {low:.4g} and {high:.4g}"
            )
        return (value - low) / (high - low)
    return value


def rows_with(prop: Property, flags: Array, dial: float, size: int, rng: Generator) -> tuple[Array, Array]:
    """A training set drawn by a dial: rows [size], and those of them that are in it twice [copies].

    flags: of the records it is drawn from.  Raises InputError where there are too few.
    """
    if prop.kind in ("size", "duplicates"):
        copies = round(size * dial) if prop.kind == "duplicates" else 0
        count = round(dial) if prop.kind == "size" else size - copies
        if count > len(flags) or copies > count:
            raise InputError(f"{prop.text}: {len(flags)} records are too few to draw {count} with {copies} copies")
        rows = rng.permutation(len(flags))[:count]
        return rows, rows[:copies]
    needed = round(size * dial)
    inside, outside = np.flatnonzero(flags), np.flatnonzero(~flags)
    if needed > len(inside) or size - needed > len(outside):
        raise InputError(
            f"{prop.text}: {len(inside)} records with and {len(outside)} without are too few to draw {needed} and "
            f"{size - needed}"
        )
    rows = np.concatenate([rng.choice(inside, needed, False), rng.choice(outside, size - needed, False)])
    return rows, np.zeros(0, dtype=np.int64)


def most_drawn(prop: Property, flags: Array, dials: tuple[float, ...]) -> int:
    """The largest training set that can be drawn at all of these dials."""
    if prop.kind == "size":
        return len(flags)
    if prop.kind == "duplicates":
        return len(flags)
    inside, outside = int(flags.sum()), int((~flags).sum())
    most = [inside / max(dials)] if max(dials) > 0 else [len(flags)]
    most += [outside / (1 - min(dials))] if min(dials) < 1 else []
    return int(min(most))


def named_in(texts: Iterable[str]) -> tuple[str, ...]:
    """The words in expressions that may be columns; none of one that cannot be read, which is said elsewhere."""
    found: list[str] = []
    for text in texts:
        with contextlib.suppress(SyntaxError):
            found += [node.id for node in ast.walk(ast.parse(text.strip(), mode="eval")) if isinstance(node, ast.Name)]
    return tuple(found)
