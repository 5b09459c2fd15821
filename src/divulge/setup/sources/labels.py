"""Which label each output of a model stands for, and whether it predicts classes or values, where it cannot say so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from divulge.core.capability.declared import able
from divulge.core.capability.targets import (
    AnswersLabels,
    CountsOutputs,
    StatesTask,
    TakesTask,
    classes_of,
    needs_classes,
)
from divulge.core.errors import InputError, TargetError
from divulge.core.hashing import Array
from divulge.core.target import Target
from divulge.core.threat import Task
from divulge.data.given import GivenRows, length_of
from divulge.targets.answered_labels import key_of

IGNORED = -100
"""The label that PyTorch's losses leave out, unless told otherwise."""

SAMPLE, MANY = 2, 200
"""Records that a model is asked about to see how many outputs it has, and with which labels it answers."""

Pair = tuple[Any, Any]


def labels_of(
    target: Target, pairs: Sequence[Pair], classes: Sequence[Any] | None = None, task: Task | str | None = None
) -> list[Any] | None:
    """The labels in the order of the model's outputs; None where those that occur, in order, are meant.

    pairs: (x, y) as they were given.  classes, task: as the user stated them.  A target that was not told its task is
    told it here.  Raises InputError, with the cure, where the order or the task would have to be guessed.
    """
    _refuse_fields(pairs)
    _tell_task(target, pairs, task)
    own = list(classes_of(target))
    if target.task is Task.REGRESSION:
        if classes:
            raise InputError("classes= names classes, and this is a regression: leave it out, or correct the task")
        return None
    found = _found(pairs)
    if classes:
        return _stated(target, list(classes), own, found, pairs)
    if own:
        return own
    if not needs_classes(target):
        return None
    answered = _answered(target, pairs)
    if answered is not None and not (found and all(map(_is_whole, found)) and found == list(range(len(found)))):
        named = _named(answered, found)
        if named is not None:
            return named
    width, reason = _width(target, pairs)
    own = list(classes_of(target))  # some files tell them with their answers
    return own or _numbered(target, width, found, reason)


def _refuse_fields(pairs: Sequence[Pair]) -> None:
    """Raise InputError where y has several named values a record, as the y of survival models has."""
    names = next((names for _, y in pairs if (names := getattr(getattr(y, "dtype", None), "names", None))), None)
    if names:
        raise InputError(
            f"y has several values a record ({', '.join(map(repr, names))}), as survival models take them: audit the "
            "model's scores: divulge.FunctionTarget(model.predict, 'values') with the highest of them as y for every "
            "record, and the attack absolute_error tells whether members score higher"
        )


def _stated(target: Target, classes: list[Any], own: list[Any], found: list[Any], pairs: Sequence[Pair]) -> list[Any]:
    if len(set(map(repr, classes))) != len(classes):
        raise InputError("classes= names a label twice: name every output's label once, in order")
    if any(isinstance(c, bool) for c in classes) and any(isinstance(v, str) for v in found):
        raise InputError(
            "data.classes: YAML reads yes, no, on and off as true and false: write them in quotes, ['no', 'yes']"
        )
    if own and own != classes and not _codes_of(own, classes, found):
        raise InputError(
            f"classes= says {_few(classes)}, and {target.name} knows its classes as {_few(own)}: leave classes= out"
        )
    strange = [v for v in found if v not in classes]
    if strange:
        raise InputError(f"the records have the label {strange[0]!r}, which classes= does not name ({_few(classes)})")
    if not own and needs_classes(target):
        width, _ = _width(target, pairs)
        if width is not None and max(width, 2) != len(classes):
            raise InputError(
                f"classes= names {len(classes)} labels, and {target.name} has {width} output{'s' * (width > 1)}: name "
                "the label of every output, in order"
            )
    return classes


def _codes_of(own: list[Any], classes: list[Any], found: list[Any]) -> bool:
    """Whether a model was trained on codes 0..k-1 alone, and `classes` says what they stand for in the records."""
    numbers = all(_is_whole(label) for label in own) and [int(label) for label in own] == list(range(len(classes)))
    return numbers and not {key_of(label) for label in found} & {key_of(label) for label in own}


def _answered(target: Target, pairs: Sequence[Pair]) -> list[Any] | None:
    """The labels that a model answers with about some records; None where it answers otherwise, or not at all."""
    if not able(target, AnswersLabels):
        return None
    try:
        return target.labels_in(_first(pairs[0][0], MANY))
    except (TargetError, TypeError, ValueError, AttributeError, IndexError):
        return None


def _named(answered: list[Any], found: list[Any]) -> list[Any] | None:
    """The labels of records and answers together, where the answers are labels: texts, or all among those found."""
    known = {key_of(label) for label in found}
    more = {key_of(label): label for label in answered if key_of(label) not in known}
    texts = all(isinstance(label, str) for label in [*answered, *found])
    if not answered or (more and not texts):
        return None
    return sorted([*found, *more.values()], key=lambda v: (str(type(v)), v))


def _numbered(target: Target, width: int | None, found: list[Any], reason: str) -> list[Any] | None:
    """Labels that are the outputs' numbers."""
    if found and all(_is_whole(v) for v in found):
        codes = sorted(int(v) for v in found)
        if IGNORED in codes:
            raise InputError(
                f"some labels are {IGNORED}, which PyTorch's losses leave out: leave these records out of the audit"
            )
        if width is not None and codes[0] >= 0 and codes[-1] < max(width, 2):
            return list(range(max(width, 2)))
        if width is None and codes == list(range(len(codes))):
            return None
    if reason:
        raise InputError(f"{target.name} cannot be asked about these records: {reason}")
    if width == 1 and len(found) > 2:
        raise InputError(
            f"{target.name} answers with one number a record, and the records have the labels {_few(found)}: return "
            "a score for each class; if the number is the label, pass divulge.FunctionTarget(function, 'labels')"
        )
    many = "" if width is None else f"{max(width, 2)} "
    raise InputError(
        f"the model's outputs stand for {many}classes, and the records say {_few(found)}: which output is which? pass "
        "classes=[...] in the order of the outputs (data.classes in an audit file)"
    )


def _tell_task(target: Target, pairs: Sequence[Pair], task: Task | str | None) -> None:
    tell = target.tell_task if able(target, TakesTask) else None
    if task is not None:
        try:
            as_task = Task(task)
        except ValueError as error:
            raise InputError(f"task={task!r} is unknown: choose classification or regression") from error
        if tell is None and as_task is not target.task:
            raise InputError(f"task={as_task.value!r}: {target.name} is made for {target.task.value}")
        if tell is not None:
            tell(as_task)
    elif tell is not None and able(target, StatesTask) and target.stated_task is None:
        _infer_task(target, pairs, tell)


def _infer_task(target: Target, pairs: Sequence[Pair], tell: Any) -> None:
    """Regression where decimal targets meet a single output; a clear line where only the user can know."""
    parts = [np.asarray(y) for _, y in pairs]
    if any(part.dtype.kind not in "fiu" for part in parts):
        return
    values = np.concatenate([part.reshape(-1).astype(np.float64) for part in parts])
    values = values[np.isfinite(values)]
    decimal = bool((values != np.round(values)).any())
    if not decimal and len(np.unique(values)) <= 2:
        return
    width, reason = _width(target, pairs)
    floating = any(part.dtype.kind == "f" for part in parts)
    if width == 1 and (decimal or floating):
        tell(Task.REGRESSION)
    elif width == 1:
        raise InputError(
            f"y has {len(np.unique(values))} different numbers and {target.name} one output: if it predicts a "
            "quantity, pass task='regression' (target.task: regression in an audit file); a function that answers with "
            "labels is divulge.FunctionTarget(function, 'labels')"
        )
    elif decimal and reason:
        raise InputError(f"{target.name} cannot be asked about these records: {reason}")
    elif decimal:
        many = "" if width is None else f", and {target.name} has {width} outputs a record"
        raise InputError(
            f"y holds decimal numbers{many}: give class labels, or pass task='regression' (target.task: regression in "
            "an audit file) where one output is such a number"
        )


def _width(target: Target, pairs: Sequence[Pair]) -> tuple[int | None, str]:
    """How many outputs there are, where a model can be asked, or why it could not."""
    if not able(target, CountsOutputs):
        return None, ""
    try:
        return target.outputs(_first(pairs[0][0])), ""
    except (TargetError, TypeError, ValueError, AttributeError, IndexError) as error:
        return None, " ".join(str(error).split())


def _first(x: Any, count: int = SAMPLE) -> Any:
    """The first few records, as copies: a model may write into what it is handed."""
    return GivenRows(x, np.arange(min(count, length_of(x)))).lent()


def _found(pairs: Sequence[Pair]) -> list[Any]:
    """The labels that occur, missing ones left out, in an order that does not depend on the records'."""
    import pandas as pd

    joined: list[Any] = []
    for _, y in pairs:
        array: Array = np.asarray(y)
        joined += pd.unique(pd.Series(array.reshape(-1)).astype(object)).tolist()
    kept = {repr(v): v for v in joined if not pd.isna(v)}
    return sorted(kept.values(), key=lambda v: (str(type(v)), v))


def _is_whole(value: Any) -> bool:
    number = isinstance(value, bool | int | np.integer | np.bool_) or (
        isinstance(value, float | np.floating) and float(value).is_integer()
    )
    return bool(number)


def _few(labels: Sequence[Any]) -> str:
    shown = ", ".join(repr(v) for v in labels[:6])
    return shown + (", ..." if len(labels) > 6 else "")
