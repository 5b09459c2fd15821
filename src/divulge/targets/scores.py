"""What the scores of a model stand for that is no network: probabilities, and whatever else people return for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from divulge.core.errors import TargetError
from divulge.core.hashing import Array
from divulge.core.outputs import (
    LEANING,
    MANY,
    SINGLE,
    SURE,
    TOLERANCE,
    WORDS,
    OutputForm,
    contradicted,
    explained,
    inside,
    recognized,
    shared_out,
)
from divulge.core.outputs import columns as columns_of
from divulge.core.records import Records
from divulge.core.signals import LOG_FLOOR, logsumexp
from divulge.core.threat import Access, Task
from divulge.targets.answers import are_probabilities, checked, through_port

BASES = ((np.log(10), "logarithms to base 10: return them times ln 10"), (np.log(2), "logarithms to base 2"))
LOOKED_AT, FEW = 512, MANY


@dataclass
class Scores:
    """How the scores of one model are read: as stated, or as recognised by many of them.

    form: None as long as neither was done.  strict: whether rows that are no probabilities are an error where
    probabilities are expected; some estimators leave out what they know nothing about.
    """

    name: str
    form: OutputForm | None = None
    strict: bool = True

    @property
    def told(self) -> str:
        """The reading, where it is not the usual one."""
        return "" if self.form in (None, OutputForm.PROBABILITIES) else str(self.form and self.form.value)

    def __str__(self) -> str:
        return "not asked yet" if self.form is None else WORDS[self.form]

    def twin(self, name: str) -> Scores:
        """The same reading for another model of the kind."""
        return Scores(name, self.form, self.strict)

    def settle(self, records: Records, y: Array, width: int, ask: Callable[[Records], object]) -> None:
        """Recognise what answers stand for: by a few where they are probabilities, else by many.

        y: class codes [records] in the order of the scores.  Raises TargetError, with the cure, where nothing decides.
        """
        if self.form is not None or not width:
            return
        for count in (FEW, LOOKED_AT):
            some = records.take(np.arange(min(count, len(records))))
            values = plain_scores(self.name, ask(some), len(some), width)
            if count == FEW and len(records) > FEW and (values.shape[1] == 1 or not are_probabilities(values)):
                continue
            self.form = form_of_scores(self.name, values, y[: len(some)], self.strict)
            return

    def table(self, raw: object, records: int, width: int, y: Array | None = None) -> tuple[Array, bool]:
        """Scores as [records, classes], and whether they are probabilities rather than logits.

        Raises TargetError for what is neither, and for answers that are unlike those it was settled by.
        """
        values = plain_scores(self.name, raw, records, width)
        form = self.form or form_of_scores(self.name, values, y, self.strict)
        if self.form is None and (form is not OutputForm.PROBABILITIES or records >= MANY):
            self.form = form
        if form is OutputForm.PROBABILITIES:
            if self.strict and not are_probabilities(values):
                raise TargetError(f"the model {self.name} answers with rows that are no probabilities; {cure()}")
            return values, True
        if (form in SINGLE) != (values.shape[1] == 1) or contradicted(values, form):
            raise TargetError(
                f"the model {self.name} is read as {WORDS[form]}, and some of its answers are none; {cure()}"
            )
        return columns_of(values, form)

    def answer(self, access: Access, raw: object, records: Records) -> Array:
        """The answer at a port of a classifier; logarithms of probabilities stay what they are."""
        outputs, probable = self.table(raw, len(records), len(records.schema.classes), records.y)
        if self.form is OutputForm.LOG_PROBABILITIES and access is not Access.LABEL:
            return np.where(np.isneginf(outputs), LOG_FLOOR, outputs)
        return through_port(access, outputs, probable, Task.CLASSIFICATION)


ALL_SCORES = (
    "return the scores of all classes, [records, classes] in the order of the labels, or the labels alone, "
    "divulge.FunctionTarget(function, 'labels')"
)


def label_and_score(values: Array) -> bool:
    """Whether one of two columns is the label that was answered, and the other one its score [records, 2]."""
    if values.shape[1] != 2 or len(values) < FEW or are_probabilities(values):
        return False
    for label, score in (values.T, values.T[::-1]):
        two = np.array_equal(label, np.round(label)) and len(np.unique(label)) == 2
        if two and inside(score) and not np.array_equal(score, np.round(score)):
            return True
    return False


def cure() -> str:
    """How a user says what scores are."""
    forms = ", ".join(repr(form.value) for form in OutputForm)
    return f"say what it returns, output=..., one of {forms}, or return probabilities [records, classes]"


def plain_scores(name: str, raw: object, records: int, width: int) -> Array:
    """Scores as finite floats [records, classes], or [records, 1] where there is one number for two classes."""
    raw = rows_by_class(raw)
    try:
        array = np.asarray(raw)
    except ValueError:  # of unequal shapes
        array = np.empty(0, dtype=object)
    if array.dtype.kind in "USO":
        hint = "probabilities [records, classes] were expected"
        if array.shape[:1] == (records,) and all(isinstance(value, str) for value in array.reshape(-1).tolist()):
            hint = "where they are labels, pass divulge.FunctionTarget(function, 'labels')"
        elif isinstance(raw, tuple):
            hint = "of several things return the scores alone, lambda x: function(x)[0] say"
        raise TargetError(f"the model {name} answered with {array.dtype} values: numbers were expected; {hint}")
    if array.ndim == 3:
        raise TargetError(
            f"the model {name} answered with shape {array.shape}, several outputs: audit one at a time, lambda x: "
            "function(x)[0] with y[:, 0] say"
        )
    if array.shape == (width, records) and width != records:
        raise TargetError(
            f"the model {name} answered with shape {array.shape}: {(records, width)} was expected, return its "
            "transpose, scores.T"
        )
    if width == 2 and array.ndim > 0 and array.size == len(array) == records:
        return checked(name, array.reshape(-1, 1), records, 1)
    if array.ndim == 1 and records == 1 and array.shape == (width,):
        array = array[None]
    return checked(name, array, records, width)


def plain_values(name: str, raw: object, records: int) -> Array:
    """Values as finite floats [records]; raises TargetError, with the cure, where there are several a record."""
    if isinstance(raw, tuple):
        raise TargetError(
            f"the model {name} answered with {len(raw)} things: return the values, lambda x: function(x)[0]"
        )
    array = np.asarray(raw)
    if array.dtype == object:
        with suppress(TypeError, ValueError):  # checked says what they are
            array = array.astype(np.float64)
    if array.ndim == 2 and array.shape[0] == records and array.shape[1] > 1:
        raise TargetError(
            f"the model {name} answered with {array.shape[1]} values a record: audit one at a time, lambda x: "
            "function(x)[:, 0] with y[:, 0] say"
        )
    return checked(name, array.reshape(-1) if array.shape == (records, 1) else array, records, None)


def rows_by_class(raw: object) -> object:
    """One mapping of classes to scores a record, as some libraries answer, in the order of the sorted classes.

    Raises TargetError for mappings of one label and its score.
    """
    rows = raw.tolist() if isinstance(raw, np.ndarray) and raw.dtype == object and raw.ndim == 1 else raw
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not len(rows) or not isinstance(rows[0], Mapping):
        return raw
    if set(map(str, rows[0])) == {"label", "score"}:
        raise TargetError(f"the model answers with a label and its score: {ALL_SCORES}")
    names = sorted(rows[0], key=lambda name: (str(type(name)), name))
    if any(not isinstance(row, Mapping) or set(row) != set(names) for row in rows):
        return raw
    return [[row[name] for name in names] for row in rows]


def form_of_scores(name: str, values: Array, y: Array | None, strict: bool = True) -> OutputForm:
    """What scores [records, classes] or [records, 1] stand for, by their range, their sums, and where both leave it
    open, by the labels y [records].
    """
    if values.shape[1] == 1:
        return _of_single(name, values, y)
    if label_and_score(values):
        raise TargetError(f"the model {name} answers with a label and its score: {ALL_SCORES}")
    if are_probabilities(values) or (not strict and inside(values)):
        return OutputForm.PROBABILITIES
    if np.isneginf(values).any():
        values = np.where(np.isneginf(values), -745.0, values)
    if (values <= TOLERANCE).all():
        if np.allclose(logsumexp(values), 0, atol=TOLERANCE):
            return OutputForm.LOG_PROBABILITIES
        for factor, words in BASES:
            if len(values) >= FEW and np.allclose(logsumexp(values * factor), 0, atol=TOLERANCE):
                raise TargetError(f"the model {name} answers with {words}; {cure()}")
        return OutputForm.LOGITS
    if (values >= 0).all():
        percent = _percent(values)  # 0 and 100 are minus logarithms of shares as well
        if not percent and len(values) >= FEW and np.allclose(logsumexp(-values), 0, atol=TOLERANCE):
            raise TargetError(f"the model {name} answers with -log p: return it with the other sign; {cure()}")
        if percent or shared_out(values):
            return OutputForm.SHARES
        if inside(values):
            return recognized(values, y)
        return _by_labels(name, values, y, OutputForm.SHARES, OutputForm.LOGITS)
    return OutputForm.LOGITS


def _percent(values: Array) -> bool:
    """Whether rows are percentages, to so many decimals as they are rounded to."""
    return bool(values.max() > 1) and are_probabilities(values / 100)


def _of_single(name: str, values: Array, y: Array | None) -> OutputForm:
    if inside(values):
        return recognized(values, y)
    if (values >= 0).all() and (values <= 100).all():
        return _by_labels(name, values, y, OutputForm.PERCENTAGE, OutputForm.LOGIT)
    if (values <= 0).all():
        return _by_labels(name, values, y, OutputForm.LOG_PROBABILITY, OutputForm.LOGIT)
    return OutputForm.LOGIT


def _by_labels(name: str, values: Array, y: Array | None, *forms: OutputForm) -> OutputForm:
    """The reading that explains the labels clearly better; raises TargetError, with both, where none does."""
    if y is not None and len(y) >= FEW and y.dtype.kind in "iu" and np.ptp(values) > TOLERANCE:
        gain = explained(values, y, forms[0]) - explained(values, y, forms[1])
        if abs(gain) > max(LEANING, SURE if len(y) >= 10 * FEW else LEANING):
            return forms[0] if gain > 0 else forms[1]
    either = " or ".join(f"{WORDS[form]} (output={form.value!r})" for form in forms)
    raise TargetError(f"the model {name} answers with numbers that can be {either}; {cure()}")
