"""The scores among the several things that a function may return: labels and probabilities, a dictionary of outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from divulge.core.errors import TargetError


def without_tensors(answer: Any) -> Any:
    """An answer whose tensors, in a tuple, a list or a dictionary too, are arrays: wherever they lie, in half precision
    as well, and whether or not they require a gradient.
    """
    if hasattr(answer, "detach") and hasattr(answer, "cpu"):
        plain = answer.detach().cpu()
        return plain.float().numpy() if "float16" in str(plain.dtype) else plain.numpy()
    if isinstance(answer, Mapping):
        return {key: without_tensors(part) for key, part in answer.items()}
    if isinstance(answer, tuple):
        parts = [without_tensors(part) for part in answer]
        return answer._make(parts) if hasattr(answer, "_make") else tuple(parts)
    if isinstance(answer, list) and len(answer) and hasattr(answer[0], "detach"):
        return [without_tensors(part) for part in answer]
    return answer


def scores_among(name: str, answer: Any, records: int) -> Any:
    """The one thing in a tuple or a dictionary that is a table of numbers [records, classes], or, where there is none,
    a column of fractions [records]; columns by class [records] each stand in the order of the sorted classes.  Any
    other answer, a tuple of one row or number a record too, is returned as it is.

    Raises TargetError, with the cure, where several things can be meant or none.
    """
    fields: tuple[str, ...] = getattr(answer, "_fields", ())  # of a named tuple
    if isinstance(answer, Mapping):
        named = {f"[{key!r}]": part for key, part in answer.items()}
    elif isinstance(answer, tuple):
        keys = [f".{field}" for field in fields] or [f"[{place}]" for place in range(len(answer))]
        named = dict(zip(keys, answer, strict=True))
    else:
        return answer
    tables = [key for key, part in named.items() if _shape(part)[:1] == (records,) and _wide(part)]
    columns = [key for key, part in named.items() if _shape(part) in ((records,), (records, 1)) and _kind(part) == "f"]
    if len(tables) == 1:
        return named[tables[0]]
    whole = len(columns) == len(named) > 1 and isinstance(answer, Mapping)
    if not tables and whole and _shared_out(answer):
        return np.column_stack([np.asarray(answer[key]).reshape(-1) for key in sorted(answer, key=str)])
    if not tables and len(columns) == 1:
        return named[columns[0]]
    if not tables and not fields and isinstance(answer, tuple) and _by_record(answer, records):
        return answer
    parts = ", ".join(list(named)[:8])
    which = (tables or columns or list(named) or ["[0]"])[0]
    raise TargetError(
        f"the model {name} answered with {len(named)} things ({parts}) of which it is not clear which are the scores: "
        f"return those alone, divulge.FunctionTarget(lambda x: function(x){which}) say"
    )


def _by_record(answer: tuple[Any, ...], records: int) -> bool:
    """Whether a tuple has a row, or a number, for each record."""
    shapes = {_shape(part) for part in answer}
    alike = len(answer) == records > 0 and len(shapes) == 1 and len(min(shapes)) <= 1
    return alike and all(_kind(part) in "fiu" for part in answer)


def _shared_out(answer: Mapping[Any, Any]) -> bool:
    """Whether columns add up to 1, or to 100, record by record: one a class."""
    total = np.sum([np.asarray(part, dtype=np.float64).reshape(-1) for part in answer.values()], axis=0)
    return any(np.allclose(total, whole, rtol=1e-3) for whole in (1, 100))


def _wide(part: Any) -> bool:
    return len(_shape(part)) == 2 and _shape(part)[1] > 1 and _kind(part) in "fiu"


def _shape(part: Any) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in (part.shape if hasattr(part, "shape") else np.shape(part)))
    except (ValueError, TypeError):  # of unequal lengths, or of another meaning
        return ()


def _kind(part: Any) -> str:
    """The letter of its type: 'f' for floats, also of a tensor."""
    told = str(getattr(part, "dtype", ""))
    if "float" in told:
        return "f"
    try:
        return np.asarray(part).dtype.kind
    except Exception:  # a tensor that requires a gradient, or one elsewhere
        return "O"
