"""What a call in Python was meant to say, where its arguments stand in another order or under other names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from divulge.core.errors import InputError
from divulge.data.tables import is_table

P = ParamSpec("P")
R = TypeVar("R")

SETS = ("members", "nonmembers", "population")
FIRST = ("target", *SETS)

_MODEL = "the model is the first argument"
_LABELS = "labels stand beside their records, members=(x, y), or are named, members=(frame, 'column')"
_MEANT = {
    **dict.fromkeys(("model", "estimator", "clf", "classifier", "net", "pipeline"), _MODEL),
    **dict.fromkeys(("y", "label", "labels", "target_column", "label_column", "y_column", "outcome"), _LABELS),
    **dict.fromkeys(
        ("member", "train", "train_data", "training", "train_set"), "what was trained on is members=(x, y)"
    ),
    **dict.fromkeys(
        ("nonmember", "non_member", "non_members", "test", "test_data", "holdout", "test_set"),
        "what was not trained on is nonmembers=(x, y)",
    ),
    **dict.fromkeys(("x", "X", "data", "x_train", "X_train", "x_test", "X_test", "y_train", "y_test"), _LABELS),
}
"""Names under which other libraries have what a call takes, and how it takes it."""


def in_order(call: Callable[P, R]) -> Callable[P, R]:
    """A function of (target, members, nonmembers, population, ...) that also takes whole frames with target='column',
    and raises InputError, with the cure, where the model or the records stand elsewhere.
    """

    @wraps(call)
    def entry(*given: P.args, **named: P.kwargs) -> R:
        in_place, keywords = _checked(call.__name__, given, dict(named))
        return call(*in_place, **keywords)

    return entry


def _checked(name: str, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    usual = f"{name}(model, members=(x, y), nonmembers=(x, y))"
    odd = next((key for key in named if key in _MEANT), None)
    if odd is not None:
        raise InputError(f"{odd}: no such key: {_MEANT[odd]}; {usual}")
    if len(given) > len(FIRST):
        raise InputError(f"{name}() was given {len(given)} things in a row: records go with their labels, {usual}")
    twice = next((key for key in SETS[: max(len(given) - 1, 0)] if key in named), None)
    if twice is not None:
        raise InputError(f"{twice} are given twice: {usual}")
    sets = dict(zip(FIRST, given, strict=False))
    if given and "target" in named:
        column = named.pop("target")
        if not isinstance(column, str | int):
            raise InputError(f"target: the model is given twice, or labels are: {_LABELS}; {usual}")
        sets |= {key: _beside(value, column) for key, value in sets.items() if key != "target"}
        named |= {key: _beside(named[key], column) for key in SETS if key in named}
    everything = sets | named
    _refuse_other_order(usual, everything)
    return tuple(sets.values()), named


def _beside(value: Any, column: str | int) -> Any:
    """A whole frame with the name of its target column; anything else as it is."""
    return (value, column) if _is_frame(value) else value


def _refuse_other_order(usual: str, given: Mapping[str, Any]) -> None:
    model = given.get("target")
    elsewhere = next((key for key in SETS if _is_model(given.get(key))), None)
    if elsewhere is not None:
        what = type(given[elsewhere]).__name__
        raise InputError(f"{elsewhere} is a {what}, which is a model: the model comes first, {usual}")
    if model is None:
        raise InputError(f"there is no model: {usual}")
    if _is_frame(model) and given.get("nonmembers") is None and given.get("members") is not None:
        raise InputError(
            f"the first argument is a data frame, and there are no non-members: the model comes first, {usual}; a data "
            "frame in its place is a table that is released"
        )


def _is_frame(value: Any) -> bool:
    return is_table(value) or (hasattr(value, "dtypes") and hasattr(value, "columns"))


def _is_model(value: Any) -> bool:
    """Whether something can predict, or be called; Datasets, tables and arrays cannot."""
    return not isinstance(value, type) and (hasattr(value, "predict") or (callable(value) and not _is_frame(value)))
