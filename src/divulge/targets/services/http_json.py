"""JSON of a stranger: read within limits, and refused where it is not plain."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from divulge.core.errors import TargetError
from divulge.core.wording import one_line

DEEPEST = 64
"""Lists and objects within each other."""

MOST_DIGITS = 300
"""Of a whole number: more do not fit into a float."""

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)


class NoJson(ValueError):
    """It is none."""


def parsed(body: bytes) -> Any:
    """The value.  Numbers too large are infinite, and NaN and Infinity are read, so that it can be said for which
    records they came.  Raises NoJson, or TargetError for JSON that nests too deeply or names a key twice.
    """
    bare = np.frombuffer(_STRING.sub(b"", body), dtype=np.uint8)
    steps = np.isin(bare, (91, 123)).astype(np.int64) - np.isin(bare, (93, 125)).astype(np.int64)
    if steps.size and int(np.cumsum(steps).max()) > DEEPEST:
        raise TargetError(f"answered JSON that nests more than {DEEPEST} deep")
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_once_each, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        raise NoJson from error


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= MOST_DIGITS else float(digits)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise TargetError(f"answered an object that names {one_line(twice, 40)!r} twice")
    return found
