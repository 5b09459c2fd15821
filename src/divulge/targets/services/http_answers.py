"""What a prediction service means by its answers: labels, the best classes, scores, logits or values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from divulge.core.errors import TargetError
from divulge.core.hashing import Array
from divulge.core.signals import log_of_scores, log_softmax
from divulge.core.threat import Access, Task
from divulge.core.wording import one_line

MOST_DECIMALS = 5
LARGEST_LOGIT = 40.0
"""Of one number a record, or of the best classes: what is larger, and at most 100, is a percentage."""

SUM_APART = 0.02
"""From 1, of the scores of a record, beyond what rounding explains."""

NAME_KEYS = ("label", "class", "name", "class_name", "category")
SCORE_KEYS = ("score", "probability", "confidence", "value", "prob")


class AnswerForm(Enum):
    """What the answers are."""

    LABELS = "labels"
    TOPK = "the best classes with their scores"
    SCORES = "scores of every class"
    LOGITS = "logits of every class"
    VALUES = "values"


@dataclass(frozen=True)
class Understood:
    """How answers are read.  decimals: to which scores are rounded, None where they are not.  named: whether classes
    come with their names, so that their order does not matter.  best: how many classes come, where not all do.
    percent: whether scores are percentages.
    """

    form: AnswerForm
    decimals: int | None = None
    named: bool = False
    best: int | None = None
    percent: bool = False

    def __str__(self) -> str:
        words = self.form.value if self.best is None else f"the {self.best} best classes with their scores"
        words += ", by name" if self.named else ""
        words += " in percent" if self.percent else ""
        return words if self.decimals is None else f"{words}, rounded to {self.decimals} decimals"


PORTS: Mapping[AnswerForm, frozenset[Access]] = {
    AnswerForm.LABELS: frozenset({Access.LABEL}),
    AnswerForm.TOPK: frozenset({Access.LABEL, Access.TOPK}),
    AnswerForm.SCORES: frozenset({Access.LABEL, Access.TOPK, Access.SCORES}),
    AnswerForm.LOGITS: frozenset({Access.LABEL, Access.TOPK, Access.SCORES, Access.LOGITS}),
    AnswerForm.VALUES: frozenset({Access.LABEL, Access.TOPK, Access.SCORES, Access.LOGITS}),
}


def understand(answers: Sequence[Any], classes: Sequence[Any], task: Task) -> Understood:
    """How to read such answers; raises TargetError, with what was seen, for anything that is no prediction.

    answers: a few predictions as they came.  classes: labels of the records, in their order.
    """
    first = answers[0]
    if task is Task.REGRESSION:
        return Understood(AnswerForm.VALUES)
    named = _named(first)
    if named is not None:
        whole = all(set(map(str, _named(a) or {})) == set(map(str, classes)) for a in answers)
        if any(len(_named(a) or {}) != len(named) for a in answers):
            raise TargetError("the service left classes out of some answers")
        table = _table([sorted((_named(a) or {}).values()) for a in answers], len(named))
        percent = _percent(table, whole)
        table = table / 100 if percent else table
        form = AnswerForm.TOPK if not whole else _scores_or_logits(table)
        return Understood(form, _decimals(table), True, None if whole else len(named), percent)
    if isinstance(first, list):
        if len(first) == 1 and not (len(classes) == 2 and isinstance(first[0], float)):
            return Understood(AnswerForm.LABELS)
        table = _table(answers, len(first))
        if len(first) == 1:
            return _single(table[:, 0])
        if len(first) != len(classes):
            raise TargetError(
                f"the service answered {len(first)} numbers a record, and the records have {len(classes)} classes: "
                "name the classes in target.classes, or correct target.response"
            )
        percent = _percent(table, True)
        table = table / 100 if percent else table
        form = _scores_or_logits(table)
        return Understood(form, _decimals(table) if form is AnswerForm.SCORES else None, percent=percent)
    if isinstance(first, float) and len(classes) == 2 and not all(map(_is_whole, answers)):
        return _single(_table([[a] for a in answers], 1)[:, 0])
    return Understood(AnswerForm.LABELS)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | str) or (isinstance(value, float) and value.is_integer())


def _single(column: Array) -> Understood:
    """One number a record about the second of two classes; no logit is as large as most percentages are."""
    percent = bool(((column >= 0) & (column <= 100)).all()) and bool(column.max() > LARGEST_LOGIT)
    column = column / 100 if percent else column
    scored = bool(((column >= 0) & (column <= 1)).all())
    decimals = _decimals(column) if scored else None
    return Understood(AnswerForm.SCORES if scored else AnswerForm.LOGITS, decimals, percent=percent)


def _percent(table: Array, whole: bool) -> bool:
    """Whether scores [records, classes] are percentages, which sum to 100 where all classes come (whole)."""
    if not (table >= 0).all() or not (table <= 100 + 1e-6).all() or table.max() <= 1 + 1e-6:
        return False
    return _scores_or_logits(table / 100) is AnswerForm.SCORES if whole else bool(table.max() > LARGEST_LOGIT)


def _scores_or_logits(table: Array) -> AnswerForm:
    decimals = _decimals(table)
    slack = 1e-3 if decimals is None else table.shape[1] * 0.51 * 10.0**-decimals + 1e-6
    scored = (table >= 0).all() and (table <= 1).all() and np.allclose(table.sum(axis=1), 1, atol=slack, rtol=0)
    return AnswerForm.SCORES if scored else AnswerForm.LOGITS


def _decimals(table: Array) -> int | None:
    """To how many decimals all numbers are rounded, where they are few; None where they are many."""
    for decimals in range(1, MOST_DECIMALS):
        if np.allclose(table, np.round(table, decimals), atol=1e-9, rtol=0):
            return decimals
    return None


def _named(answer: Any) -> dict[Any, float] | None:
    """Class to score, for an object of them, or for a list of objects that have a name and a score each."""
    if isinstance(answer, Mapping):
        name, score = _keys(answer)
        if name is not None and score is not None:
            return {_label(answer[name]): _number(answer[score])}
        inner = next((v for v in answer.values() if isinstance(v, Mapping)), None)
        scores = inner if inner is not None else answer
        return {k: _number(v) for k, v in scores.items() if _is_number(v)} or None
    if isinstance(answer, list) and answer and all(isinstance(a, Mapping) for a in answer):
        found = {}
        for entry in answer:
            name, score = _keys(entry)
            if name is None or score is None:
                return None
            label = _label(entry[name])
            if label in found:
                raise TargetError(f"the service answered the class {_shown(label)} twice for one record")
            found[label] = _number(entry[score])
        return found
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any) -> float:
    """A score as JSON has numbers; raises TargetError for anything else, a number in quotes too."""
    if not _is_number(value):
        raise TargetError(f"the service answered the score {_shown(value)}, which is no number")
    return float(value)


def _label(value: Any) -> Any:
    if isinstance(value, list | Mapping):
        raise TargetError(f"the service answered {_shown(value)} where the name of a class was expected")
    return value


def _shown(value: Any) -> str:
    """A piece of an answer in a message."""
    return one_line(repr(value)[:1000], 60)


def _keys(entry: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return next((k for k in NAME_KEYS if k in entry), None), next((k for k in SCORE_KEYS if k in entry), None)


def _table(answers: Sequence[Any], width: int) -> Array:
    """Numbers [records, width], finite throughout."""
    if any(not isinstance(a, list) or len(a) != width for a in answers):
        raise TargetError(f"the service answered rows of different lengths: {width} numbers each were expected")
    odd = next((a for a in answers if not all(map(_is_number, a))), None)
    if odd is not None:
        raise TargetError(f"the service answered something else than numbers: {_shown(odd)}")
    table = np.array(answers, dtype=np.float64)
    if not np.isfinite(table).all():
        broken = int((~np.isfinite(table)).any(axis=1).sum())
        raise TargetError(f"the service answered NaN or infinity for {broken} of {len(table)} records")
    return table


def read(answers: Sequence[Any], how: Understood, classes: Sequence[Any]) -> Array:
    """Answers as an adapter gives them: class codes [records], values [records], or log-scores or logits [records,
    classes].  Of the best classes only, those that are missing share what is left.  Raises TargetError.
    """
    if how.form is AnswerForm.VALUES:
        flat = [a[0] if isinstance(a, list) and len(a) == 1 else a for a in answers]
        return _table([[a] for a in flat], 1)[:, 0]
    if how.form is AnswerForm.LABELS:
        return _codes(answers, classes)
    table = _by_name(answers, classes, how) if how.named else _numbers(answers, classes, how)
    if how.form is AnswerForm.LOGITS:
        return table
    _refuse_no_scores(table, how)
    return log_of_scores(table)


def _refuse_no_scores(table: Array, how: Understood) -> None:
    """Raises TargetError where later answers are no probabilities though the first were."""
    wrong = (table < -1e-6).any(axis=1) | (table > 1 + 1e-6).any(axis=1)
    if how.form is AnswerForm.SCORES:
        slack = SUM_APART + (table.shape[1] * 0.51 * 10.0**-how.decimals if how.decimals is not None else 0.0)
        wrong |= np.abs(table.sum(axis=1) - 1) > slack
    if wrong.any():
        row = table[int(np.argmax(wrong))]
        raise TargetError(
            f"the service answered scores that are no probabilities for {int(wrong.sum())} of {len(table)} records "
            f"({', '.join(f'{value:.3g}' for value in row[:4])}{' …' if len(row) > 4 else ''}), and the first ones were"
        )


def _numbers(answers: Sequence[Any], classes: Sequence[Any], how: Understood) -> Array:
    rows = [a if isinstance(a, list) else [a] for a in answers]
    table = _table(rows, len(rows[0]))
    table = table / 100 if how.percent else table
    if table.shape[1] == 1 and len(classes) == 2:
        column = table[:, 0]
        return np.column_stack([1 - column if how.form is AnswerForm.SCORES else np.zeros(len(column)), column])
    if table.shape[1] != len(classes):
        raise TargetError(f"the service answered {table.shape[1]} numbers a record, before it was {len(classes)}")
    return table


def _by_name(answers: Sequence[Any], classes: Sequence[Any], how: Understood) -> Array:
    place = {str(label): i for i, label in enumerate(classes)}
    table = np.full((len(answers), len(classes)), np.nan)
    for row, answer in enumerate(answers):
        for name, score in (_named(answer) or {}).items():
            if str(name) not in place:
                raise TargetError(f"the service answered the class {_shown(name)}, which the records do not have")
            table[row, place[str(name)]] = score / 100 if how.percent else score
    lacking = np.isnan(table)
    if lacking.all(axis=1).any() or (lacking.any() and how.form is not AnswerForm.TOPK):
        raise TargetError("the service left classes out of some answers")
    if not np.isfinite(table[~lacking]).all():
        raise TargetError("the service answered NaN or infinity")
    left = np.maximum(1 - np.nansum(table, axis=1), 0) / np.maximum(lacking.sum(axis=1), 1)
    return np.where(lacking, np.minimum(left, np.nanmin(table, axis=1))[:, None], table)


def _codes(answers: Sequence[Any], classes: Sequence[Any]) -> Array:
    place = {str(label): i for i, label in enumerate(classes)}
    codes = []
    for answer in answers:
        label = answer[0] if isinstance(answer, list) and len(answer) == 1 else answer
        if isinstance(label, Mapping):
            label = next((label[k] for k in NAME_KEYS if k in label), None)
        if isinstance(label, float) and label.is_integer() and str(label) not in place:
            label = int(label)
        if isinstance(label, list | Mapping) or str(label) not in place:
            raise TargetError(f"the service answered {_shown(label)}, which is no class of the records")
        codes.append(place[str(label)])
    return np.array(codes, dtype=np.int64)


def apart(one: Array, other: Array, form: AnswerForm) -> float:
    """The largest distance between two sets of answers to the same records, as `read` gives them: in probability, in
    the share of a value, 1 for another label.
    """
    if one.shape != other.shape:
        return float("inf")
    if form is AnswerForm.LABELS:
        return float((one != other).any())
    if form is AnswerForm.VALUES:
        return float((np.abs(one - other) / (1e-9 + np.maximum(np.abs(one), np.abs(other)))).max())
    scores = [np.exp(log_softmax(table) if form is AnswerForm.LOGITS else table) for table in (one, other)]
    return float(np.abs(scores[0] - scores[1]).max())


def through(access: Access, table: Array, form: AnswerForm) -> Array:
    """The answer at a port made from what `read` gives."""
    if form in (AnswerForm.LABELS, AnswerForm.VALUES):
        return table
    if access is Access.LABEL:
        return np.asarray(table.argmax(axis=1))
    return log_softmax(table) if form is AnswerForm.LOGITS and access is not Access.LOGITS else table
