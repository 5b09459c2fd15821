"""Any Python callable as a target."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from inspect import Parameter, signature
from typing import Any, cast

import numpy as np

from divulge.core.errors import TargetError
from divulge.core.hashing import Array, digest
from divulge.core.identity import content_hash
from divulge.core.mixed.inputs import InputList
from divulge.core.outputs import OutputForm, form_of
from divulge.core.records import Records
from divulge.core.threat import Access, Task
from divulge.targets.answered_labels import as_codes, as_names, by_name, listed, strange
from divulge.targets.answers import (
    CLASSIFIER_PORTS,
    LABEL_PORTS,
    SCORER_PORTS,
    VALUE_PORTS,
    checked,
    guarded,
    paired,
    through_port,
)
from divulge.targets.batches import Batches
from divulge.targets.one_answer import scores_among, without_tensors
from divulge.targets.scores import Scores, plain_values, rows_by_class


class Returns(Enum):
    """What the callable gives for records as they were given."""

    LABELS = "labels"
    SCORES = "scores"
    LOGITS = "logits"
    VALUES = "values"


SETTLES_BY = 1_000
"""Records that a function is asked about to see whether it answers with labels or with their codes."""

_PORTS = {
    Returns.LABELS: LABEL_PORTS,
    Returns.SCORES: SCORER_PORTS,
    Returns.LOGITS: CLASSIFIER_PORTS,
    Returns.VALUES: VALUE_PORTS,
}


def records_in(x: Any) -> int:
    """How many records a function is asked about: of several inputs, as many as the first one has rows."""
    return len(x[0]) if isinstance(x, tuple | InputList) else len(x)


def parameters_of(function: Callable[..., object]) -> int:
    """How many things a function has to be given, one after the other; 0 where it does not say."""
    try:
        found = signature(function).parameters.values()
    except (TypeError, ValueError):  # of a library's own
        return 0
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return sum(one.kind in kinds and one.default is Parameter.empty for one in found)


class FunctionTarget:
    """`function(x)` with x as its owner gave the records: a frame, an array, texts.  It returns labels or class codes
    [records], probabilities or logits [records, classes], or values [records], as `returns` says.  Numbers that can be
    labels and codes are what they are right as, see targets.answered_labels; scores may be logarithms, percent or one
    number of the second class, see targets.scores.

    output: what scores are, where that is not to be recognised, see core.outputs.OutputForm.
    """

    needs_classes = True
    """Nothing in a function tells which label an output stands for."""

    cacheable = False
    """A function may read what its fingerprint does not cover, so no later run relies on it."""

    def __init__(
        self,
        function: Callable[[Array], object],
        returns: Returns | str = Returns.SCORES,
        name: str | None = None,
        output: OutputForm | str | None = None,
    ) -> None:
        self._function, self._returns = function, Returns(returns)
        self._name = name or str(getattr(function, "__name__", "function"))
        self.score_reading = Scores(self._name, form_of(output))
        self.batches = Batches()
        self._spread: bool | None = None
        self._hash: str | None = None
        self._by_name: bool | None = None

    @property
    def name(self) -> str:
        """See Target."""
        return self._name

    @property
    def task(self) -> Task:
        """See Target."""
        return Task.REGRESSION if self._returns is Returns.VALUES else Task.CLASSIFICATION

    @property
    def offers(self) -> frozenset[Access]:
        """See Target."""
        return _PORTS[self._returns]

    @property
    def stated_task(self) -> Task | None:
        """What it was said to predict: scores are also what nothing was said of."""
        return None if self._returns is Returns.SCORES else self.task

    def tell_task(self, task: Task) -> None:
        """What it predicts, where only the records could tell."""
        if task is not self.task:
            self._returns = Returns.VALUES if task is Task.REGRESSION else Returns.SCORES

    def outputs(self, x: Array) -> int | None:
        """How many numbers it returns for a record, asked about these few; None where it returns labels."""
        if self._returns is Returns.LABELS:
            return None
        raw = np.asarray(rows_by_class(guarded(self._name, lambda: self._called(x))))
        return int(np.prod(raw.shape[1:])) if raw.shape[:1] == (records_in(x),) else None

    def labels_in(self, x: Array) -> list[object] | None:
        """What it answers about these records, as it is; None where that is no labels."""
        if self._returns is not Returns.LABELS:
            return None
        return listed(self._name, guarded(self._name, lambda: self._called(x)), records_in(x))

    def settle(self, records: Records) -> str:
        """Whether it answers with labels or with codes, seen from records of which the truth is known.

        Raises TargetError where that cannot be known.
        """
        classes = records.schema.classes
        if self._returns is Returns.SCORES and classes:
            self.score_reading.settle(records, records.y, len(classes), self._asked)
            return str(self.score_reading)
        if self._returns is not Returns.LABELS or not classes:
            return self._returns.value
        some = records.take(np.arange(min(len(records), SETTLES_BY)))
        self._by_name = by_name(self._name, listed(self._name, self._asked(some), len(some)), classes, some.y)
        return "labels" if self._by_name else "codes of labels"

    def _coded(self, raw: object, records: Records) -> Array:
        """Class codes [records] of an answer in labels or in codes."""
        answer, classes = listed(self._name, raw, len(records)), records.schema.classes
        codes = None if self._by_name else as_codes(answer, len(classes))
        if codes is None and self._by_name is not False:
            codes = as_names(answer, classes)
        if codes is None:
            raise strange(self._name, answer, classes)
        return codes

    def answer(self, access: Access, records: Records) -> Array:
        """See Target."""
        if access not in self.offers:
            raise TargetError(f"the function {self._name} has no port for {access.value}")
        raw = self._asked(records)
        if self._returns is Returns.LABELS:
            return self._coded(raw, records)
        if self._returns is Returns.VALUES:
            return plain_values(self._name, raw, len(records))
        if self._returns is Returns.SCORES:
            return self.score_reading.answer(access, raw, records)
        width = len(records.schema.classes)
        outputs = checked(self._name, paired(raw, width, probabilities=False), len(records), width)
        return through_port(access, outputs, False, self.task)

    def _asked(self, records: Records) -> object:
        def ask(places: Array | None) -> object:
            part = records if places is None else records.take(places)
            return guarded(self._name, lambda: self._called(part.native()))

        return cast(object, self.batches.ask(len(records), ask))

    def _called(self, x: Any) -> object:
        """What the function says of records; of several inputs, one a parameter where it has as many."""
        if self._spread is None and isinstance(x, tuple | InputList):
            self._spread = parameters_of(self._function) == len(x)
        answer = self._function(*x) if self._spread and isinstance(x, tuple | InputList) else self._function(x)
        answer = without_tensors(answer)
        if self._returns in (Returns.SCORES, Returns.LOGITS):
            return scores_among(self._name, answer, records_in(x))
        return answer

    def alike(self, function: Callable[[Array], object]) -> FunctionTarget:
        """Another function that returns the same kind of answer."""
        other = FunctionTarget(function, self._returns, output=self.score_reading.form)
        other._by_name = self._by_name
        return other

    def fingerprint(self) -> str:
        """Of the function's code and of what it holds, as it was when first asked for; what it reads from elsewhere
        does not count.
        """
        if self._hash is None:
            self._hash = digest(self._name, self._returns.value, content_hash(self._function))
        return self._hash
