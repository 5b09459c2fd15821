"""Several inputs of one model, each with a row a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Inputs(dict[Any, Any]):
    """Several inputs of one model, by place.  A model is handed a tuple of them, or a list where its owner has one."""

    def __init__(self, parts: Mapping[Any, Any], listed: bool = False) -> None:
        super().__init__(parts)
        self.listed = listed


class InputList(list[Any]):
    """A list of inputs, which is no list of records."""


def handed(value: Any) -> Any:
    """Records as a model takes them."""
    if not isinstance(value, Inputs):
        return value
    return InputList(value.values()) if value.listed else tuple(value.values())
