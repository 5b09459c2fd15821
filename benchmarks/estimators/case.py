"""One row of the conformance table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One estimator on one kind of table.  owner: as the model's owner would ask it: x -> [records, classes] or
    [records].  make: what fits it.  column: whether y must be a column.  recipe: for shadow models.
    """

    name: str
    library: str
    form: str
    classifies: bool
    make: Callable[[Any, Any], Any]
    owner: Callable[[Any, Any], Any] | None = None
    column: bool = False
    recipe: Any = "auto"
